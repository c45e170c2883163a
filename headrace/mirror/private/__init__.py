"""Packages of one's own: uploaded to the mirror, never looked for upstream."""
