"""Checkpoints: the TensorBundle format, and objects ' variables saved in it and restored from it."""
