"""How much memory a compiled function needs, and for what."""
