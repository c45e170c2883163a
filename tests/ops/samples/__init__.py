"""Samples of the ops, one module a family: each defines `SAMPLES`."""
