"""Quantization simulated in floating point."""
