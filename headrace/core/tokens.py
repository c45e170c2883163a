"""Bearer tokens: what a caller sends, and the hash by which the server knows it."""

from __future__ import annotations

import hashlib
import re
import secrets

_SCHEME = re.compile(r"bearer +([A-Za-z0-9._~+/-]+=*) *", re.IGNORECASE | re.ASCII)
_MAX_HEADER = 4096
_RANDOM_BYTES = 32


def make_token() -> str:
    """A new token of 256 random bits."""
    return f"headrace_{secrets.token_urlsafe(_RANDOM_BYTES)}"


def token_hash(token: str) -> str:
    """The sha256 of a token, in hex, which a configuration holds in its place."""
    return hashlib.sha256(token.encode()).hexdigest()


def token_of(header: str) -> str | None:
    """The token of an Authorization header; None when it is no `Bearer ...`."""
    match = _SCHEME.fullmatch(header) if len(header) <= _MAX_HEADER else None
    return match[1] if match is not None else None
