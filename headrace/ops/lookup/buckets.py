"""The buckets of a dense table as TensorFlow lays them out, which is how its checkpoints hold the entries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from headrace.ops.strings.hashing import murmur64

MAX_LOAD = 0.8
"""How full the buckets may be."""


def lay_out(entries: Mapping[Any, Any], keys: Any, values: Any) -> None:
    """Puts entries into buckets: by their hash, and further on, by steps that grow by one, where a bucket is taken.

    Args:
        entries: the values by key.
        keys: [buckets, 1], filled with the empty key; a power of two of them, more than there are entries.
        values: [buckets, size of a value].
    """
    mask = len(keys) - 1
    taken: set[int] = set()
    for key, value in entries.items():
        place, step = (murmur64(key) if isinstance(key, bytes) else int(key)) & mask, 0
        while place in taken:
            step += 1
            place = (place + step) & mask
        taken.add(place)
        keys[place, 0] = key
        values[place] = np.ravel(value)


def enough(buckets: int, entries: int) -> int:
    """The number of buckets for so many entries: `buckets`, doubled as often as needed."""
    while entries > buckets * MAX_LOAD:
        buckets *= 2
    return buckets
