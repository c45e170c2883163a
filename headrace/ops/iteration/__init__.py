"""Iterators and datasets inside graphs."""
