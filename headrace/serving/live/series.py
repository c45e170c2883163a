"""One line of the charts: numbers of a model's version for each of the last ticks, in memory that does not grow."""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass, field
from typing import Any

from headrace.serving.live.latencies import Latencies

LENGTH = 600
"""Ticks that are kept: with one a second, ten minutes."""


@dataclass(slots=True)
class Count:
    """What requests did since the last tick."""

    requests: int = 0
    errors: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    latencies: Latencies = field(default_factory=Latencies)

    def add(self, code: str, seconds: float) -> None:
        """A request ended with `code`, after `seconds`."""
        self.requests += 1
        if code != "OK":
            self.errors[code] = self.errors.get(code, 0) + 1
        self.seconds += seconds
        self.latencies.add(seconds)

    def merge(self, other: Count) -> None:
        """Adds what another one counted."""
        self.requests += other.requests
        for code, count in other.errors.items():
            self.errors[code] = self.errors.get(code, 0) + count
        self.seconds += other.seconds
        self.latencies.merge(other.latencies)


class Ring:
    """A number for each of the last `LENGTH` ticks.

    Args:
        before: what stands for ticks that were not put.
    """

    __slots__ = ("_values",)

    def __init__(self, before: float = 0.0) -> None:
        self._values = array("d", [before]) * LENGTH

    def put(self, tick: int, value: float) -> None:
        """Sets the number of a tick."""
        self._values[tick % LENGTH] = value

    def read(self, first: int, last: int) -> list[float | None]:
        """The numbers of the ticks from `first` to `last`; None for what is NaN."""
        found = (self._values[tick % LENGTH] for tick in range(first, last + 1))
        return [None if math.isnan(value) else round(value, 4) for value in found]


class Series:
    """The last ticks of one version of a model.

    Args:
        tick: the first one that it has.
    """

    def __init__(self, tick: int) -> None:
        self._requests, self._in_flight = Ring(), Ring()
        self._p50, self._p99, self._queue_wait = Ring(math.nan), Ring(math.nan), Ring(math.nan)
        self._errors: dict[str, Ring] = {}
        self._last_errors: dict[str, int] = {}
        self.last_active = tick

    def put(self, tick: int, count: Count, elapsed: float, queue_wait: float) -> None:
        """Sets what happened in the `elapsed` seconds before a tick; `queue_wait` in seconds, NaN for no wait."""
        if count.requests:
            self.last_active = tick
        self._requests.put(tick, count.requests)
        self._p50.put(tick, 1000 * count.latencies.percentile(0.5))
        self._p99.put(tick, 1000 * count.latencies.percentile(0.99))
        self._in_flight.put(tick, count.seconds / elapsed)
        self._queue_wait.put(tick, 1000 * queue_wait)
        for code in count.errors:
            self._errors.setdefault(code, Ring())
            self._last_errors[code] = tick
        for code, ring in list(self._errors.items()):
            ring.put(tick, count.errors.get(code, 0))
            if self._last_errors[code] <= tick - LENGTH:
                del self._errors[code], self._last_errors[code]

    def read(self, first: int, last: int) -> dict[str, Any]:
        """The numbers of some ticks: counts, the error counts by code, and times in milliseconds."""
        return {
            "requests": self._requests.read(first, last),
            "errors": {code: ring.read(first, last) for code, ring in sorted(self._errors.items())},
            "p50_ms": self._p50.read(first, last),
            "p99_ms": self._p99.read(first, last),
            "in_flight": self._in_flight.read(first, last),
            "queue_wait_ms": self._queue_wait.read(first, last),
        }
