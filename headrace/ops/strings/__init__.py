"""Ops on strings. All run on the host, on numpy arrays of `object` that hold bytes."""
