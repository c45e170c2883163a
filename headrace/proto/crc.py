"""The masked CRC-32C that tables, checkpoints and TFRecords store."""

from __future__ import annotations

import google_crc32c
import numpy as np

_DELTA = 0xA282EAD8


def crc32c(data: bytes | bytearray | memoryview, start: int = 0) -> int:
    """The CRC-32C (Castagnoli) of `data`, continuing from `start`, the CRC of what came before."""
    if not isinstance(data, bytes):
        return int(google_crc32c.extend(start, np.frombuffer(data, np.uint8)))  # the extension refuses memoryviews
    return int(google_crc32c.extend(start, data))


def mask(crc: int) -> int:
    """The form in which a CRC is stored; a CRC over data that holds CRCs is weak, a masked one is not."""
    return (((crc >> 15) | (crc << 17)) + _DELTA) & 0xFFFFFFFF


def masked_crc32c(data: bytes | bytearray | memoryview) -> int:
    """`mask(crc32c(data))`."""
    return mask(crc32c(data))
