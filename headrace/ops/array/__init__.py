"""Shapes, slices, joins, indices: ops that move elements and do not compute with them."""
