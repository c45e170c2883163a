"""The model server: versions of models are loaded, swapped and unloaded behind TensorFlow Serving's protocols."""
