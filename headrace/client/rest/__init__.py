"""TensorFlow Serving's REST API, from the client's side."""
