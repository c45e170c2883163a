"""TensorFlow Serving's gRPC services, with health and reflection."""
