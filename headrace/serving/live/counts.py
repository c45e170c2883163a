"""What requests did since it was last asked: what a tick of the charts is made of, and what processes tell each other of it."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from headrace.core.exposition import Labels
from headrace.serving.live.latencies import Latencies
from headrace.serving.live.series import Count
from headrace.serving.metrics import ServingMetrics

MAX_SERIES = 128
OTHERS = "(others)"
"""What requests are counted under that came when there were too many series."""

Key = tuple[str, int | None]
"""A model and its version; None for requests that ended before a version was found."""
Wait = tuple[int, float]
"""How many waited, and their seconds together."""


@dataclass(slots=True)
class Sample:
    """What happened in some time.

    Attributes:
        counts: of the requests that ended.
        batch_waits: of requests for a batch.
        thread_waits: of requests for a thread, by protocol.
        in_flight: requests that are being answered at its end, by protocol.
    """

    counts: dict[Key, Count] = field(default_factory=dict)
    batch_waits: dict[Key, Wait] = field(default_factory=dict)
    thread_waits: dict[str, Wait] = field(default_factory=dict)
    in_flight: dict[str, float] = field(default_factory=dict)

    def merge(self, other: Sample) -> None:
        """Adds what happened elsewhere, or later."""
        for key, count in other.counts.items():
            count_of(self.counts, key).merge(count)
        for key, wait in other.batch_waits.items():
            self.batch_waits[key] = added([self.batch_waits.get(key, (0, 0.0)), wait])
        for name, wait in other.thread_waits.items():
            self.thread_waits[name] = added([self.thread_waits.get(name, (0, 0.0)), wait])
        for name, value in other.in_flight.items():
            self.in_flight[name] = self.in_flight.get(name, 0.0) + value

    def to_json(self) -> dict[str, Any]:
        """A form for JSON."""
        return {
            "counts": [
                [*key, each.requests, each.errors, each.seconds, each.latencies.to_json()] for key, each in self.counts.items()
            ],
            "batch_waits": [[*key, *wait] for key, wait in self.batch_waits.items()],
            "thread_waits": self.thread_waits,
            "in_flight": self.in_flight,
        }

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Sample:
        """What `to_json` was made of."""
        return cls(
            {
                (model, version): Count(requests, errors, seconds, Latencies.from_json(latencies))
                for model, version, requests, errors, seconds, latencies in told["counts"]
            },
            {(model, version): (count, seconds) for model, version, count, seconds in told["batch_waits"]},
            {name: (count, seconds) for name, (count, seconds) in told["thread_waits"].items()},
            dict(told["in_flight"]),
        )


class LiveCounts:
    """Counts the requests of this process as they end.

    Args:
        metrics: tells of every request, and of the waits and of the requests in flight.
    """

    def __init__(self, metrics: ServingMetrics) -> None:
        self._metrics = metrics
        self._lock = threading.Lock()
        self._counts: dict[Key, Count] = {}
        self._totals: dict[str, Mapping[Labels, Wait]] = {}
        metrics.watchers.append(self.ended)

    def close(self) -> None:
        """Counts no more."""
        self._metrics.watchers.remove(self.ended)

    def ended(self, model: str, version: int | None, code: str, seconds: float) -> None:
        """A request ended with `code`, after `seconds`."""
        with self._lock:
            count_of(self._counts, (model, version)).add(code, seconds)

    def take(self) -> Sample:
        """What happened since the last call."""
        with self._lock:
            counts, self._counts = self._counts, {}
        batch_waits: dict[Key, Wait] = {}
        for (model, version, _), wait in self._new_waits("batch", self._metrics.batching.wait_totals()).items():
            key = model, int(version)
            batch_waits[key] = added([batch_waits.get(key, (0, 0.0)), wait])
        thread_waits = {labels[0]: wait for labels, wait in self._new_waits("thread", self._metrics.wait_totals()).items()}
        in_flight = {labels[0]: value for labels, value in self._metrics.in_flight_now().items()}
        return Sample(counts, batch_waits, thread_waits, in_flight)

    def _new_waits(self, kind: str, totals: Mapping[Labels, Wait]) -> Mapping[Labels, Wait]:
        """The number and the sum of the waits since the last call."""
        before, self._totals[kind] = self._totals.get(kind, {}), totals
        found = {}
        for labels, (count, seconds) in totals.items():
            old_count, old_seconds = before.get(labels, (0, 0.0))
            if count < old_count:  # the series was dropped, and has begun again
                old_count, old_seconds = 0, 0.0
            found[labels] = (count - old_count, seconds - old_seconds)
        return found


def count_of(counts: dict[Key, Count], key: Key) -> Count:
    """The count of a key, or, when there are too many, that of all others."""
    count = counts.get(key)
    if count is None:
        count = counts.setdefault(key if len(counts) < MAX_SERIES else (OTHERS, None), Count())
    return count


def added(waits: Iterable[Wait]) -> Wait:
    """Waits together."""
    pairs = list(waits)
    return sum(count for count, _ in pairs), math.fsum(seconds for _, seconds in pairs)
