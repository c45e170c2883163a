"""The times of one second's requests, counted in buckets fine enough for a percentile."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

_PER_OCTAVE = 8
_LEAST_SECONDS = 1e-5
_LAST_BUCKET = 24 * _PER_OCTAVE


class Latencies:
    """Counts times in buckets whose bounds are 9 % apart, from 10 us to about 160 s; what is outside counts at the end."""

    __slots__ = ("_buckets", "_count", "_largest", "_smallest")

    def __init__(self) -> None:
        self._buckets: dict[int, int] = {}
        self._count = 0
        self._smallest = math.inf
        self._largest = 0.0

    def add(self, seconds: float) -> None:
        """Counts one request."""
        bucket = 0 if seconds <= _LEAST_SECONDS else int(math.log2(seconds / _LEAST_SECONDS) * _PER_OCTAVE)
        if bucket > _LAST_BUCKET:
            bucket = _LAST_BUCKET
        self._buckets[bucket] = self._buckets.get(bucket, 0) + 1
        self._count += 1
        if seconds < self._smallest:  # not `min` and `max`, which would cost more than the rest of this
            self._smallest = seconds
        if seconds > self._largest:
            self._largest = seconds

    def merge(self, other: Latencies) -> None:
        """Counts all that `other` has counted."""
        for bucket, count in other._buckets.items():
            self._buckets[bucket] = self._buckets.get(bucket, 0) + count
        self._count += other._count
        self._smallest = min(self._smallest, other._smallest)
        self._largest = max(self._largest, other._largest)

    def percentile(self, share: float) -> float:
        """The time that `share` of the requests, 0 to 1, do not exceed, in seconds; NaN without any request."""
        rank = share * self._count
        below = 0
        for bucket, count in sorted(self._buckets.items()):
            if below + count >= rank:
                place = (bucket + (rank - below) / count) / _PER_OCTAVE
                return min(max(_LEAST_SECONDS * 2**place, self._smallest), self._largest)
            below += count
        return math.nan

    def to_json(self) -> list[Any]:
        """A form for JSON."""
        return [list(self._buckets.items()), self._count, self._smallest, self._largest] if self._count else []

    @classmethod
    def from_json(cls, told: Sequence[Any]) -> Latencies:
        """What `to_json` was made of."""
        found = cls()
        if told:
            buckets, found._count, found._smallest, found._largest = told
            found._buckets = dict(buckets)
        return found
