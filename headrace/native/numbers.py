"""Arrays of numbers in JSON, read without a Python object for each of them."""

from __future__ import annotations

import ctypes
import functools
import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from headrace.native import library

_MOST_RANK = 32
_SHORT_BYTES = 64 << 10
"""Up to this size the interpreter's lock is kept: to give it up and get it back takes longer than to read so much."""


class Numbers(NamedTuple):
    """A rectangular nest of lists of numbers.

    Attributes:
        values: float64, in the shape of the nest.
        largest_integer: the largest magnitude of those written as integers; -1 when there are none.
        largest_fraction: of those written with a point or an exponent; -1 when there are none.
        end: where the nest ends in the text.
    """

    values: np.ndarray[Any, np.dtype[np.float64]]
    largest_integer: float
    largest_fraction: float
    end: int


class _Room:
    """Room for what is read of a text: `places` are the addresses of its parts, which are made once."""

    __slots__ = ("found", "largest", "places", "shape", "values")

    def __init__(self, size: int) -> None:
        self.values = np.empty(size // 2 + 1)
        self.shape = (ctypes.c_int64 * _MOST_RANK)()
        self.largest = (ctypes.c_double * 2)()
        self.found = (ctypes.c_int64 * 2)()
        parts = (self.shape, self.largest, self.found)
        self.places = (self.values.ctypes.data, *[ctypes.addressof(part) for part in parts])


class _Rooms(threading.local):
    """What each thread reads short texts into, to copy out what it found: that is quicker than to make room for each."""

    def __init__(self) -> None:
        self.short = _Room(_SHORT_BYTES)


_rooms = _Rooms()


def read(text: bytes, at: int) -> Numbers | None:
    """Reads the JSON array that begins at `text[at]`.

    Returns:
        None where there is no library, and for an array of any other kind: with other values than numbers, uneven or empty
        lists, numbers of more than 19 digits or of a large exponent. Each number is the double nearest to what is written.
    """
    size = len(text)
    short = size - at <= _SHORT_BYTES
    call = _function(short)
    if call is None:
        return None
    room = _rooms.short if short else _Room(size - at)
    count = call(text, size, at, *room.places)
    if count < 0:
        return None
    rank, end = room.found
    values = room.values[:count]
    if short:
        values = values.copy()
    largest_integer, largest_fraction = room.largest
    return Numbers(values.reshape(room.shape[:rank]), largest_integer, largest_fraction, end)


@functools.cache
def _function(keep_lock: bool) -> Callable[..., int] | None:
    loaded = library.load()
    if loaded is None:
        return None
    make = ctypes.PYFUNCTYPE if keep_lock else ctypes.CFUNCTYPE
    address = ctypes.cast(loaded.headrace_json_numbers, ctypes.c_void_p).value
    assert address is not None
    places = [ctypes.c_void_p] * 4
    return make(ctypes.c_int64, ctypes.c_char_p, ctypes.c_int64, ctypes.c_int64, *places)(address)
