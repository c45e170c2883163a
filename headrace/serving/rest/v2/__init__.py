"""The V2 or Open Inference Protocol over HTTP, with tensors as JSON or as binary data after it."""
