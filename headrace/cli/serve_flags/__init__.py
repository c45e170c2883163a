"""Flags of `headrace serve` by subject: a decorator that adds them, and a function that reads them."""
