"""The `headrace` command: one module for each of its commands."""
