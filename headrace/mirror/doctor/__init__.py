"""Looks where the way from a client through the mirror to upstream is broken."""
