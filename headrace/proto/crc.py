"""The masked CRC-32C that tables, checkpoints and TFRecords store."""

from __future__ import annotations

import google_crc32c

_DELTA = 0xA282EAD8
_CHUNK = 1 << 20


def crc32c(data: bytes | bytearray | memoryview, start: int = 0) -> int:
    """The CRC-32C (Castagnoli) of `data`, continuing from `start`, the CRC of what came before."""
    if isinstance(data, bytes):
        return int(google_crc32c.extend(start, data))
    view = memoryview(data).cast("B")
    for begin in range(0, len(view), _CHUNK):
        start = int(google_crc32c.extend(start, bytes(view[begin : begin + _CHUNK])))
    return start


def mask(crc: int) -> int:
    """The form in which a CRC is stored; a CRC over data that holds CRCs is weak, a masked one is not."""
    return (((crc >> 15) | (crc << 17)) + _DELTA) & 0xFFFFFFFF


def masked_crc32c(data: bytes | bytearray | memoryview) -> int:
    """`mask(crc32c(data))`."""
    return mask(crc32c(data))
