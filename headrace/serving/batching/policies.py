"""When a batch runs and how large it is: one policy object for each signature of a version. Not thread-safe."""

from __future__ import annotations

import time
from bisect import bisect_left
from typing import Protocol

from headrace.core.errors import InvalidArgumentError
from headrace.serving.batching.options import AdaptiveBatching, FixedBatching

_WEIGHT = 0.2
_MOST_GROWTH = 3.0
"""By how much a run may be slower than expected and be believed at once; one that the machine held up must not shrink batches."""
_STALE_SECONDS = 10.0


class Policy(Protocol):
    """Decides for one signature."""

    sizes: tuple[int, ...]
    """What batches are padded to, rising."""

    piece: int | None
    """Requests of more rows are cut into pieces of so many; None leaves them whole."""

    def check(self, rows: int) -> None:
        """Raises InvalidArgumentError when a request of so many rows is refused."""

    def ready_at(self, rows: int, oldest: float) -> float:
        """When a batch may run that has `rows` rows so far, the first since `oldest` (`time.monotonic()` seconds)."""

    def limit(self, rows: int) -> int:
        """How many of the `rows` rows that wait the next batch takes at most."""

    def ran(self, size: int, seconds: float) -> None:
        """Told what a run of `size` rows took."""


def padded(sizes: tuple[int, ...], rows: int) -> int:
    """The least of `sizes` that holds `rows` rows; `rows` itself when there is none."""
    index = bisect_left(sizes, rows)
    return sizes[index] if index < len(sizes) else rows


class FixedPolicy:
    """TensorFlow Serving's: a batch runs when it is full or its first request has waited long enough."""

    def __init__(self, options: FixedBatching) -> None:
        self.sizes = options.sizes
        self.piece = options.largest if options.enable_large_batch_splitting else None
        self._options = options

    def check(self, rows: int) -> None:
        """See Policy."""
        if rows > self._options.max_batch_size:
            raise InvalidArgumentError(
                f"Task size {rows} is larger than maximum input batch size {self._options.max_batch_size}; send fewer rows"
            )

    def ready_at(self, rows: int, oldest: float) -> float:
        """See Policy."""
        return 0.0 if rows >= self._options.largest else oldest + self._options.batch_timeout_micros / 1e6

    def limit(self, rows: int) -> int:
        """See Policy."""
        return self._options.largest

    def ran(self, size: int, seconds: float) -> None:
        """See Policy: nothing is learnt."""


class AdaptivePolicy:
    """Runs at once; the size is bounded by the time that runs are seen to take.

    A request may have to wait for the batch before its own, so a run gets half of the latency target. Of a size not
    measured yet (or not for ten seconds) the time is taken to grow with the rows, from the nearest smaller size. A single run that
    is much slower than expected counts as three times as slow; only more of them make it what is expected.
    """

    def __init__(self, options: AdaptiveBatching) -> None:
        self.sizes = options.sizes
        self.piece: int | None = None
        self._budget = options.latency_target_seconds / 2
        self._seconds: dict[int, float] = {}
        self._seen: dict[int, float] = {}

    def check(self, rows: int) -> None:
        """See Policy: a large request makes a batch of its own."""

    def ready_at(self, rows: int, oldest: float) -> float:
        """See Policy."""
        return 0.0

    def limit(self, rows: int) -> int:
        """See Policy: between two sizes, the one that is expected to cost less for each row."""
        largest = self.largest()
        if rows >= largest:
            return largest
        above = padded(self.sizes, rows)
        if above == rows or above not in self._seconds:
            return rows
        below = self.sizes[self.sizes.index(above) - 1]
        return below if self._estimate(below) / below < self._estimate(above) / rows else rows

    def ran(self, size: int, seconds: float) -> None:
        """See Policy. The first run of a size is left out: it may have compiled something."""
        now = time.monotonic()
        expected = self._estimate(size)
        if size in self._seen and expected > 0:
            seconds = min(seconds, _MOST_GROWTH * expected)
        if size in self._seconds and now - self._seen[size] < _STALE_SECONDS:
            seconds = self._seconds[size] + _WEIGHT * (seconds - self._seconds[size])
        if size in self._seen:
            self._seconds[size] = seconds
        self._seen[size] = now

    def largest(self) -> int:
        """The largest size whose run is expected to stay within the budget; the smallest of all when none is."""
        return next((size for size in reversed(self.sizes) if self._estimate(size) <= self._budget), self.sizes[0])

    def _estimate(self, size: int) -> float:
        """Seconds that a run of `size` rows is expected to take; infinity when nothing is known."""
        fresh = time.monotonic() - self._seen.get(size, 0.0) < _STALE_SECONDS
        if fresh and size in self._seconds:
            return self._seconds[size]
        smaller = max((other for other in self._seconds if other < size), default=None)
        known = self._seconds.get(size, float("inf"))
        return known if smaller is None else min(known, self._seconds[smaller] * size / smaller)


def make_policy(options: FixedBatching | AdaptiveBatching) -> Policy:
    """A new policy for one signature."""
    return FixedPolicy(options) if isinstance(options, FixedBatching) else AdaptivePolicy(options)
