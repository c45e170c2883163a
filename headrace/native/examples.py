"""Features of many serialized tf.Examples found and read in one call."""

from __future__ import annotations

import array
import ctypes
import functools
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import numpy as np

from headrace.core.memory import empty
from headrace.native import library

Array = np.ndarray[Any, Any]

TAGS = {"bytes_list": 0x0A, "float_list": 0x12, "int64_list": 0x1A}
"""The tag of each list in a Feature."""

_JOINED_BYTES = 1 << 22
"""Up to this size a batch is copied into one string: faster than asking every string where it is."""


class Found(NamedTuple):
    """One feature of a batch.

    Attributes:
        values: all examples' together; strings as objects, or packed as uint8 [number, length].
        counts: their number in each example, -1 where it has no such feature.
        each: the number in every example; None where they differ.
    """

    values: Array
    counts: Array
    each: int | None


class _Wanted(NamedTuple):
    """Features as the library takes them: names one after the other, where each ends, and the tags of their lists."""

    keys: bytes
    ends: array.array[int]
    kinds: bytes


@functools.lru_cache(256)
def _wanted(features: tuple[tuple[str, str], ...]) -> _Wanted:
    keys = [name.encode() for name, _ in features]
    ends = np.cumsum([len(key) for key in keys], dtype=np.int64)
    return _Wanted(b"".join(keys), array.array("q", ends.tolist()), bytes([TAGS[kind] for _, kind in features]))


def columns(serialized: Sequence[bytes], wanted: Sequence[tuple[str, str]], packed: Collection[str] = ()) -> list[Found] | None:
    """The values of features in a batch of examples.

    Args:
        serialized: the examples.
        wanted: names, each but once, and the lists of `TAGS` they are in.
        packed: names of features whose strings are packed where all have one length.

    Returns:
        Each feature. None where there is no library, or where an example is damaged, or is written in another form than usual, or
        has a feature in another list: protobuf has to look.
    """
    call = library.load()
    if call is None or set(map(type, serialized)) - {bytes}:
        return None
    batch, asked = _Batch(call, serialized), _wanted(tuple(wanted))
    count, rows = len(wanted), batch.rows
    places, common = np.empty((3, count, rows), np.int64), np.empty((3, count), np.int64)
    starts, step = places.ctypes.data, 8 * count * rows
    found = call.headrace_locate_features(
        batch.joined,
        batch.apart,
        batch.lengths.ctypes.data,
        rows,
        asked.keys,
        asked.ends.buffer_info()[0],
        asked.kinds,
        count,
        starts,
        starts + step,
        starts + 2 * step,
        common.ctypes.data,
    )
    if not found:
        return None
    results = []
    for feature, ((name, kind), total, each, width) in enumerate(zip(wanted, *common.tolist(), strict=True)):
        counts = places[2, feature]
        place = starts + 8 * feature * rows
        addresses = (place, place + step, place + 2 * step)
        if name in packed and width >= 0:
            values = batch.packed(total, width, addresses)
        else:
            values = batch.values(kind, total, addresses, counts)
        results.append(Found(values, counts, each if each >= 0 else None))
    return results


class _Batch:
    """Examples as the library takes them: their lengths, and all of them joined or the address of each."""

    def __init__(self, call: ctypes.CDLL, serialized: Sequence[bytes]) -> None:
        self.call = call
        self.serialized = serialized
        self.rows = len(serialized)
        self.lengths = np.fromiter(map(len, serialized), np.int64, self.rows)
        self.joined: bytes | None = None
        self.apart: Any = None
        if self.lengths.sum() <= _JOINED_BYTES:
            self.joined = b"".join(serialized)
        else:
            self.apart = (ctypes.c_char_p * self.rows)(*serialized)

    def values(self, kind: str, total: int, addresses: tuple[int, int, int], counts: Array) -> Array:
        """Those of one feature.

        Args:
            kind: of its lists.
            total: how many there are.
            addresses: of the addresses of values, of their sizes in bytes and of their numbers, each [rows].
            counts: their numbers.
        """
        if kind == "float_list":
            floats = np.empty(total, np.float32)
            self.call.headrace_read_floats(*addresses, self.rows, floats.ctypes.data)
            return floats
        if kind == "int64_list":
            integers = np.empty(total, np.int64)
            self.call.headrace_read_integers(*addresses, self.rows, integers.ctypes.data)
            return integers
        places = np.empty((2, total), np.int64)
        at = places.ctypes.data
        self.call.headrace_read_strings(*addresses, self.rows, self.joined, self.apart, at, at + 8 * total)
        begins, ends = places.tolist()
        return self._strings(total, counts, begins, ends)

    def packed(self, total: int, width: int, addresses: tuple[int, int, int]) -> Array:
        """The strings of one feature, all of one width, side by side. See `values`."""
        strings: Array = empty((total, width), np.dtype(np.uint8))
        self.call.headrace_pack_strings(*addresses, self.rows, strings.ctypes.data)
        return strings

    def _strings(self, total: int, counts: Array, begins: list[int], ends: list[int]) -> Array:
        strings = np.empty(total, object)
        whole = self.joined
        if whole is not None:
            strings[:] = [whole[begin:end] for begin, end in zip(begins, ends, strict=True)]
            return strings
        owners = [item for item, count in zip(self.serialized, counts.tolist(), strict=True) for _ in range(count)]
        strings[:] = [item[begin:end] for item, begin, end in zip(owners, begins, ends, strict=True)]
        return strings
