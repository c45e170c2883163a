"""The server's configuration files: texts of protocol buffers under TensorFlow Serving's names, read, checked and watched."""
