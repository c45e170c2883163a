"""Many TFRecord records found and checked in one call."""

from __future__ import annotations

import ctypes
from typing import Any

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
    starts, lengths, consumed = np.empty(most, np.int64), np.empty(most, np.int64), ctypes.c_int64()
    count = call.headrace_frame_records(
        ctypes.c_void_p((ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p).value or 0) + at),
        ctypes.c_int64(len(data) - at),
        ctypes.c_uint64(longest),
        ctypes.c_int64(most),
        pointer(starts),
        pointer(lengths),
        ctypes.byref(consumed),
    )
    begins = (starts[:count] + at).tolist()
    ends = (starts[:count] + (lengths[:count] + at)).tolist()
    return [data[begin:end] for begin, end in zip(begins, ends, strict=True)], at + consumed.value


def pointer(array: np.ndarray[Any, Any]) -> ctypes.c_void_p:
    """Where an array's memory is, as an argument."""
    return ctypes.c_void_p(array.ctypes.data)
