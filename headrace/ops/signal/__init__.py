"""Signals cut into windows and put together again."""
