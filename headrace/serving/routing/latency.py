"""Times of requests in buckets, each a tenth longer than the one before, so that quantiles are known to within a tenth."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

_FIRST_SECONDS = 1e-5
_STEP = math.log(1.1)
BUCKETS = 180
"""The last one holds everything above 260 seconds."""

Counts = np.ndarray[Any, np.dtype[np.int64]]


def empty() -> Counts:
    """No times yet."""
    return np.zeros(BUCKETS, np.int64)


def bucket_of(seconds: float) -> int:
    """The bucket of a time."""
    if seconds <= _FIRST_SECONDS:
        return 0
    return min(1 + int(math.log(seconds / _FIRST_SECONDS) / _STEP), BUCKETS - 1)


def quantile(counts: Counts, part: float) -> float:
    """The time, in seconds, that `part` (0 to 1) of the requests stayed within; NaN without requests."""
    total = int(counts.sum())
    if not total:
        return math.nan
    rank = max(1, math.ceil(part * total))
    bucket = int(np.searchsorted(np.cumsum(counts), rank))
    return _FIRST_SECONDS * math.exp(_STEP * (bucket - 0.5)) if bucket else _FIRST_SECONDS


def count_above(counts: Counts, seconds: float) -> int:
    """How many requests took longer, those in the bucket of `seconds` not counted."""
    return int(counts[bucket_of(seconds) + 1 :].sum())
