"""Token buckets, one for each of a bounded number of keys."""

from __future__ import annotations

import collections
import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import NamedTuple

MAX_KEYS = 10_000
_ROUNDING = 1e-9


class Spent(NamedTuple):
    """What was taken out of a bucket.

    Attributes:
        rate: what flows into it, a second.
        size: of it.
        amount: what was taken.
    """

    rate: float
    size: float
    amount: float


@dataclass(slots=True)
class _Bucket:
    level: float
    filled_at: float


class Buckets:
    """Lets each key take some amount a second, and more after a pause.

    A bucket may go below nothing: more may be taken than is in it, and the next has to wait until that has flowed in. So what is
    larger than the bucket is not refused for ever.

    Where a key has a bucket in each of several processes, what one lets it take is told to the others (`spent`), which take it out
    of theirs (`owe`). So over time the key gets no more than one bucket gives; what is taken before others know of it is paid back.

    At most 10,000 keys are kept; beyond that the one that was not used for the longest time makes room, and starts anew, full.

    Args:
        clock: in seconds.
        shared: keeps what is taken for `spent`, which is to be called again and again.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, shared: bool = False) -> None:
        self._shared = shared
        self._spent: dict[Hashable, Spent] = {}
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
        with self._lock:
            bucket = self._filled(key, rate, size)
            lacking = least - bucket.level
            if lacking > _ROUNDING:
                return lacking / rate
            bucket.level -= amount
            if self._shared and amount and (key in self._spent or len(self._spent) < MAX_KEYS):
                before = self._spent.get(key)
                self._spent[key] = Spent(rate, size, amount if before is None else before.amount + amount)
            return 0.0

    def spent(self) -> dict[Hashable, Spent]:
        """What was taken since the last call."""
        with self._lock:
            spent, self._spent = self._spent, {}
        return spent

    def owe(self, key: Hashable, spent: Spent) -> None:
        """Takes out what another process let the key take."""
        with self._lock:
            self._filled(key, spent.rate, spent.size).level -= spent.amount

    def _filled(self, key: Hashable, rate: float, size: float) -> _Bucket:
        """The bucket of a key, with what has flowed in; the caller holds the lock."""
        now = self._clock()
        bucket = self._buckets.get(key)
        if bucket is None:
            if len(self._buckets) >= MAX_KEYS:
                self._buckets.popitem(last=False)
            bucket = self._buckets[key] = _Bucket(size, now)
        self._buckets.move_to_end(key)
        bucket.level = min(size, bucket.level + (now - bucket.filled_at) * rate)
        bucket.filled_at = now
        return bucket

    def __len__(self) -> int:
        return len(self._buckets)
