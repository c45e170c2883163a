"""Ops that run on the host: printing, assertions, Python functions."""
