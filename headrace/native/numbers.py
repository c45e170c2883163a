"""Arrays of numbers in JSON, read without a Python object for each of them."""

from __future__ import annotations

import ctypes
import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from headrace.native import library
from headrace.native.records import address_of

_MOST_RANK = 32
_SHORT_BYTES = 64 << 10
"""Up to this size the interpreter's lock is kept: to give it up and get it back takes longer than to read so much."""


@dataclass(frozen=True, slots=True)
class Numbers:
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


def read(text: bytes, at: int) -> Numbers | None:
    """Reads the JSON array that begins at `text[at]`.

    Returns:
        None where there is no library, and for an array of any other kind: with other values than numbers, uneven or empty
        lists, numbers of more than 19 digits or of a large exponent. Each number is the double nearest to what is written.
    """
    call = _function(len(text) - at <= _SHORT_BYTES)
    if call is None:
        return None
    values = np.empty((len(text) - at) // 2 + 1)
    shape = (ctypes.c_int64 * _MOST_RANK)()
    largest = (ctypes.c_double * 2)()
    found = (ctypes.c_int64 * 2)()
    places = ctypes.addressof(shape), ctypes.addressof(largest), ctypes.addressof(found)
    count = call(address_of(text), len(text), at, values.ctypes.data, *places)
    if count < 0:
        return None
    sizes = shape[: found[0]]
    assert math.prod(sizes) == count
    return Numbers(values[:count].reshape(sizes), largest[0], largest[1], found[1])


@functools.cache
def _function(keep_lock: bool) -> Callable[..., int] | None:
    loaded = library.load()
    if loaded is None:
        return None
    function = loaded.headrace_json_numbers
    if not keep_lock:
        return function
    kind = ctypes.PYFUNCTYPE(ctypes.c_int64, *function.argtypes)
    address = ctypes.cast(function, ctypes.c_void_p).value
    assert address is not None
    return kind(address)
