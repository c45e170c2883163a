"""The indexes that a mirror asks."""
