"""Arithmetic, comparison, logic, reduction, matrix products, segments."""
