"""Bodies packed as clients ask for them (`Content-Encoding`)."""

from __future__ import annotations

import gzip
import sys
from pathlib import Path
from typing import IO

from headrace.mirror.index.negotiation import GZIP, IDENTITY, ZSTD

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_GZIP_LEVEL = 6
_ZSTD_LEVEL = 3


def pack(body: bytes, coding: str) -> bytes:
    """`body` in a coding; the same body always gives the same bytes."""
    if coding == GZIP:
        return gzip.compress(body, _GZIP_LEVEL, mtime=0)
    return zstd.compress(body, _ZSTD_LEVEL) if coding == ZSTD else body


def packed_file(file: IO[bytes], coding: str) -> IO[bytes]:
    """What packs all that is written to it into `file`, which stays open when it is closed."""
    if coding == GZIP:
        return gzip.GzipFile("", "wb", _GZIP_LEVEL, file, mtime=0)  # type: ignore[return-value]
    if coding == ZSTD:
        return zstd.ZstdFile(file, "wb", level=_ZSTD_LEVEL)  # type: ignore[return-value]
    raise ValueError(f"{coding!r} is not kept in files; expected {GZIP} or {ZSTD}, not {IDENTITY}")


def unpacked_file(path: Path) -> IO[bytes]:
    """Reads what a file packed with gzip holds."""
    return gzip.open(path)  # type: ignore[return-value]
