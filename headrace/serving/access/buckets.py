"""Token buckets, one for each of a bounded number of keys."""

from __future__ import annotations

import collections
import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass

MAX_KEYS = 10_000
_ROUNDING = 1e-9


@dataclass(slots=True)
class _Bucket:
    level: float
    filled_at: float


class Buckets:
    """Lets each key take some amount a second, and more after a pause.

    A bucket may go below nothing: more may be taken than is in it, and the next has to wait until that has flowed in. So what is
    larger than the bucket is not refused for ever.

    At most 10,000 keys are kept; beyond that the one that was not used for the longest time makes room, and starts anew, full.

    Args:
        clock: in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: collections.OrderedDict[Hashable, _Bucket] = collections.OrderedDict()

    def take(self, key: Hashable, rate: float, size: float, amount: float, least: float) -> float:
        """Takes `amount` out of a bucket that has `least` in it.

        Args:
            key: whose bucket.
            rate: what flows in, a second.
            size: of the bucket.
            amount: what to take; 0 only looks.
            least: what must be in it.

        Returns:
            0 when it was taken; else the seconds until `least` will be in it, and nothing is taken.
        """
        now = self._clock()
        with self._lock:
            bucket = self._buckets.get(key)
            if bucket is None:
                if len(self._buckets) >= MAX_KEYS:
                    self._buckets.popitem(last=False)
                bucket = self._buckets[key] = _Bucket(size, now)
            self._buckets.move_to_end(key)
            bucket.level = min(size, bucket.level + (now - bucket.filled_at) * rate)
            bucket.filled_at = now
            lacking = least - bucket.level
            if lacking > _ROUNDING:
                return lacking / rate
            bucket.level -= amount
            return 0.0

    def __len__(self) -> int:
        return len(self._buckets)
