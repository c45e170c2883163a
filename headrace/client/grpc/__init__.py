"""TensorFlow Serving's gRPC services, from the client's side."""
