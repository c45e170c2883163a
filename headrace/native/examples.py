"""Features of many serialized tf.Examples found and read in one call."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np

from headrace.native import library
from headrace.native.records import pointer

Array = np.ndarray[Any, Any]

TAGS = {"bytes_list": 0x0A, "float_list": 0x12, "int64_list": 0x1A}
"""The tag of each list in a Feature."""

_JOINED_BYTES = 1 << 22
"""Up to this size a batch is copied into one string: faster than asking every string where it is."""


def columns(serialized: Sequence[bytes], wanted: Sequence[tuple[str, str]]) -> list[tuple[Array, Array]] | None:
    """The values of features in a batch of examples.

    Args:
        serialized: the examples.
        wanted: names, each but once, and the lists of `TAGS` they are in.

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
    ends = np.cumsum([len(key) for key in keys], dtype=np.int64)
    kinds = bytes([TAGS[kind] for _, kind in wanted])
    places = np.empty((3, len(wanted), batch.rows), np.int64)
    at, step = places.ctypes.data, 8 * len(wanted) * batch.rows
    if not call.headrace_locate_features(
        batch.examples,
        pointer(batch.lengths),
        batch.size,
        b"".join(keys),
        pointer(ends),
        kinds,
        ctypes.c_int64(len(wanted)),
        *[ctypes.c_void_p(at + part * step) for part in range(3)],
    ):
        return None
    return [(batch.values(kind, places[:, feature]), places[2, feature]) for feature, (_, kind) in enumerate(wanted)]


class _Batch:
    """Examples as the library takes them."""

    def __init__(self, call: ctypes.CDLL, serialized: Sequence[bytes]) -> None:
        self.call = call
        self.serialized = serialized
        self.rows = len(serialized)
        self.size = ctypes.c_int64(self.rows)
        self.lengths = np.fromiter(map(len, serialized), np.int64, self.rows)
        ends = np.cumsum(self.lengths)
        if self.rows and ends[-1] <= _JOINED_BYTES:
            self.joined = b"".join(serialized)
            start = ctypes.cast(ctypes.c_char_p(self.joined), ctypes.c_void_p).value or 0
            self.addresses = ends - self.lengths + start
            self.examples: Any = pointer(self.addresses)
        else:
            self.examples = (ctypes.c_char_p * self.rows)(*serialized)

    def values(self, kind: str, places: Array) -> Array:
        """Those of one feature: `places` has where they start, their sizes in bytes and their counts, [3, rows]."""
        counts = places[2]
        total = int(np.maximum(counts, 0).sum())
        found = [self.examples, *[ctypes.c_void_p(part.ctypes.data) for part in places], self.size]
        if kind == "float_list":
            floats = np.empty(total, np.float32)
            self.call.headrace_read_floats(*found, pointer(floats))
            return floats
        if kind == "int64_list":
            integers = np.empty(total, np.int64)
            self.call.headrace_read_integers(*found, pointer(integers))
            return integers
        begins, ends = np.empty((2, total), np.int64)
        self.call.headrace_read_strings(*found, pointer(begins), pointer(ends))
        return self._strings(counts, begins.tolist(), ends.tolist())

    def _strings(self, counts: Array, begins: list[int], ends: list[int]) -> Array:
        if (counts == 1).all():
            owners = self.serialized
        else:
            owners = [item for item, count in zip(self.serialized, counts.tolist(), strict=True) for _ in range(count)]
        strings = np.empty(len(begins), object)
        strings[:] = [item[begin:end] for item, begin, end in zip(owners, begins, ends, strict=True)]
        return strings
