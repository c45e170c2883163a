"""Advisories of vulnerable and malicious packages (OSV), imported from a file, and what they mean for a version."""
