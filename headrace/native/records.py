"""Many TFRecord records found and checked in one call."""

from __future__ import annotations

import ctypes

import numpy as np

from headrace.native import library

_MOST = 4096
"""Records a call."""


def frames(data: bytes, at: int, longest: int) -> tuple[list[bytes], int] | None:
    """The whole and sound records at a place in bytes.

    Args:
        data: uncompressed bytes of a file.
        at: where a record begins in them.
        longest: the most bytes that a record may have.

    Returns:
        The contents of some records and where the next begins; no records where that one is cut, damaged or too long. None where
        there is no library.
    """
    call = library.load()
    if call is None:
        return None
    most = min(_MOST, max(1, (len(data) - at) // 16))
    found = np.empty((2, most), np.int64)
    consumed = ctypes.c_int64()
    address, step = found.ctypes.data, 8 * most
    count = call.headrace_frame_records(
        address_of(data) + at, len(data) - at, longest, most, address, address + step, ctypes.addressof(consumed)
    )
    begins = found[0, :count] + at
    ends = begins + found[1, :count]
    records = [data[begin:end] for begin, end in zip(begins.tolist(), ends.tolist(), strict=True)]
    return records, at + consumed.value


def address_of(data: bytes) -> int:
    """Where bytes are in memory."""
    return ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p).value or 0
