"""Requests and their answers, written to TFRecord files as TensorFlow Serving's `logging_config` asks for."""
