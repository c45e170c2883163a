"""Tests against other frameworks, each in an environment of its own; see `environments.py`."""
