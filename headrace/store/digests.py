"""Digests of files, written as 64 hexadecimal digits of sha256."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from headrace.core.errors import InvalidArgumentError

PIECE_BYTES = 1 << 20
_DIGEST = re.compile(r"[0-9a-f]{64}")


def is_digest(text: str) -> bool:
    """True for what is written as a digest."""
    return _DIGEST.fullmatch(text) is not None


def check(digest: str) -> str:
    """`digest`, if it is one.

    Raises:
        InvalidArgumentError: it is not; so no digest can name a path outside the store.
    """
    if not is_digest(digest):
        raise InvalidArgumentError(f"{digest[:80]!r} is no sha256 digest; expected 64 hexadecimal digits in lower case")
    return digest


def of_file(path: Path) -> str:
    """The digest of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
