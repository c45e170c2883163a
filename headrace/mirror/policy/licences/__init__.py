"""Which licence a file has, and whether it may be given out."""
