"""Cases by family: each module has CASES, a dict of Case by name."""
