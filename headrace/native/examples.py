"""Features of many serialized tf.Examples found and read in one call."""

from __future__ import annotations

import ctypes
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from headrace.core.memory import empty
from headrace.native import library
from headrace.native.records import address_of

Array = np.ndarray[Any, Any]

TAGS = {"bytes_list": 0x0A, "float_list": 0x12, "int64_list": 0x1A}
"""The tag of each list in a Feature."""

_JOINED_BYTES = 1 << 22
"""Up to this size a batch is copied into one string: faster than asking every string where it is."""


def columns(
    serialized: Sequence[bytes], wanted: Sequence[tuple[str, str]], packed: Collection[str] = ()
) -> list[tuple[Array, Array]] | None:
    """The values of features in a batch of examples.

    Args:
        serialized: the examples.
        wanted: names, each but once, and the lists of `TAGS` they are in.
        packed: names of features whose strings, where all have one length, are given as uint8 [number, length].

    Returns:
        For each feature its values, all examples' together (strings as objects), and their number in each example, -1 where
        it has no such feature. None where there is no library, or where an example is damaged, or is written in another form than
        usual, or has a feature in another list: protobuf has to look.
    """
    call = library.load()
    if call is None or set(map(type, serialized)) - {bytes}:
        return None
    batch = _Batch(call, serialized)
    keys = [name.encode() for name, _ in wanted]
    joined, kinds = b"".join(keys), bytes([TAGS[kind] for _, kind in wanted])
    count, rows = len(wanted), batch.rows
    ends, totals = np.cumsum([len(key) for key in keys], dtype=np.int64), np.empty(count, np.int64)
    places = np.empty((3, count, rows), np.int64)
    starts = places.ctypes.data
    sizes, counts = starts + 8 * count * rows, starts + 16 * count * rows
    if not call.headrace_locate_features(
        batch.examples,
        batch.lengths.ctypes.data,
        rows,
        address_of(joined),
        ends.ctypes.data,
        address_of(kinds),
        count,
        starts,
        sizes,
        counts,
        totals.ctypes.data,
    ):
        return None
    found = []
    for feature, ((name, kind), total) in enumerate(zip(wanted, totals.tolist(), strict=True)):
        offset = 8 * feature * rows
        addresses = (starts + offset, sizes + offset, counts + offset)
        values = batch.packed(total, addresses) if name in packed else None
        if values is None:
            values = batch.values(kind, total, addresses, places[2, feature])
        found.append((values, places[2, feature]))
    return found


class _Batch:
    """Examples as the library takes them."""

    def __init__(self, call: ctypes.CDLL, serialized: Sequence[bytes]) -> None:
        self.call = call
        self.serialized = serialized
        self.rows = len(serialized)
        self.lengths = np.fromiter(map(len, serialized), np.int64, self.rows)
        ends = self.lengths.cumsum()
        if self.rows and ends[-1] <= _JOINED_BYTES:
            self._kept: Any = b"".join(serialized)
            self._addresses: Any = ends - self.lengths + address_of(self._kept)
            self.examples = self._addresses.ctypes.data
        else:
            self._addresses = (ctypes.c_char_p * self.rows)(*serialized)
            self.examples = ctypes.addressof(self._addresses)

    def values(self, kind: str, total: int, addresses: tuple[int, int, int], counts: Array) -> Array:
        """Those of one feature.

        Args:
            kind: of its lists.
            total: how many there are.
            addresses: of where they start, of their sizes in bytes and of their numbers, each [rows].
            counts: their numbers.
        """
        if kind == "float_list":
            floats = np.empty(total, np.float32)
            self.call.headrace_read_floats(self.examples, *addresses, self.rows, floats.ctypes.data)
            return floats
        if kind == "int64_list":
            integers = np.empty(total, np.int64)
            self.call.headrace_read_integers(self.examples, *addresses, self.rows, integers.ctypes.data)
            return integers
        places = np.empty((2, total), np.int64)
        at = places.ctypes.data
        self.call.headrace_read_strings(self.examples, *addresses, self.rows, at, at + 8 * total)
        begins, ends = places.tolist()
        return self._strings(total, counts, begins, ends)

    def packed(self, total: int, addresses: tuple[int, int, int]) -> Array | None:
        """The strings of one feature side by side; None where there are none, or of different lengths. See `values`."""
        size = self.call.headrace_common_size(self.examples, *addresses, self.rows)
        if size < 0:
            return None
        strings: Array = empty((total, size), np.dtype(np.uint8))
        self.call.headrace_pack_strings(self.examples, *addresses, self.rows, strings.ctypes.data)
        return strings

    def _strings(self, total: int, counts: Array, begins: list[int], ends: list[int]) -> Array:
        if total == self.rows and (counts == 1).all():
            owners = self.serialized
        else:
            owners = [item for item, count in zip(self.serialized, counts.tolist(), strict=True) for _ in range(count)]
        strings = np.empty(total, object)
        strings[:] = [item[begin:end] for item, begin, end in zip(owners, begins, ends, strict=True)]
        return strings
