"""TensorFlow's wire messages from our own `.proto` texts, in a private descriptor pool."""
