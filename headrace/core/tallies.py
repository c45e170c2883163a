"""Observations put aside one by one and counted many at once, for what happens thousands of times a second.

To put one aside takes no lock and no more than a list's `append`, which is one step for all other threads. They are counted
when many have come together, or when somebody reads the metrics that they belong to; so what is read is exact.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterable
from typing import Generic, TypeVar

from headrace.core.exposition import Family

MOST_VALUES = 512
"""That one tally puts aside before it has them counted."""
MOST_KEYS = 256
"""Tallies of one kind; beyond that all are counted and begun anew, so that no caller can fill the memory."""

K = TypeVar("K", bound=Hashable)


class Tally:
    """Values that wait to be counted.

    Args:
        count: counts them.
    """

    __slots__ = ("_count", "_lock", "_most", "_values")

    def __init__(self, count: Callable[[list[float]], None]) -> None:
        self._count = count
        self._values: list[float] = []
        self._most = MOST_VALUES
        self._lock = threading.Lock()

    def add(self, value: float) -> None:
        """Puts a value aside."""
        values = self._values
        values.append(value)
        if len(values) >= self._most:
            self.settle()

    def extend(self, more: list[float]) -> None:
        """Puts several values aside."""
        values = self._values
        values += more
        if len(values) >= self._most:
            self.settle()

    def settle(self) -> None:
        """Has all counted that was put aside so far."""
        with self._lock:
            values = self._values[:]
            if values:
                del self._values[: len(values)]  # what others have put aside meanwhile stays
                self._count(values)

    def retire(self) -> None:
        """From now on whatever is put aside here, by somebody who still has this tally, is counted at once."""
        self._most = 0
        self.settle()


class Tallies(Generic[K]):
    """The tallies of one kind of event, by what tells its series apart.

    Args:
        count: counts the values that came together under a key.
        families: the metrics that it counts them in; they are up to date whenever they are read.
    """

    def __init__(self, count: Callable[[K, list[float]], None], families: Iterable[Family]) -> None:
        self._count = count
        self._tallies: dict[K, Tally] = {}
        self._lock = threading.Lock()
        for family in families:
            family.before_reading.append(self.settle)

    def of(self, key: K) -> Tally:
        """The tally of a key. It may be kept for a moment, but not for good."""
        found = self._tallies.get(key)
        return found if found is not None else self._make(key)

    def settle(self) -> None:
        """Has everything counted that was put aside so far."""
        for tally in list(self._tallies.values()):
            tally.settle()

    def _make(self, key: K) -> Tally:
        with self._lock:
            if len(self._tallies) >= MOST_KEYS:
                for tally in self._tallies.values():
                    tally.retire()
                self._tallies = {}
            return self._tallies.setdefault(key, Tally(lambda values: self._count(key, values)))
