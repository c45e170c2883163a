"""Ops on lookup tables, which live on the host."""
