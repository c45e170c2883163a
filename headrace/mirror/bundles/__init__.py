"""Bundles: signed archives that carry pages and files to mirrors that nobody can be asked from."""
