"""Counts requests as they end, and once a second puts the counts into the rings that the charts are drawn from."""

from __future__ import annotations

import math
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from headrace.core.exposition import Labels
from headrace.serving.live.series import LENGTH, Count, Ring, Series
from headrace.serving.metrics import ServingMetrics

MAX_SERIES = 128
OTHERS = "(others)"
"""What requests are counted under that came when there were too many series."""
TICK_SECONDS = 1.0

Key = tuple[str, int | None]
"""A model and its version; None for requests that ended before a version was found."""
Totals = Mapping[Labels, tuple[int, float]]


class LiveRecorder:
    """The last ten minutes of a server's requests. Time goes on within the `with` block.

    Args:
        metrics: tells of every request, and of the waits and of the requests in flight.
        clock: the time in seconds, which only grows.
        wall: the time in Unix seconds.
    """

    def __init__(
        self,
        metrics: ServingMetrics,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._metrics = metrics
        self._clock = clock
        self._wall = wall
        self._counting = threading.Lock()
        self._counts: dict[Key, Count] = {}
        self._rings = threading.Lock()
        self._instance = uuid.uuid4().hex
        self._tick = 0
        self._last = clock()
        self._times, self._elapsed = Ring(), Ring()
        self._total = Series(0)
        self._series: dict[Key, Series] = {}
        self._protocols: dict[str, tuple[Ring, Ring]] = {}
        self._waits: dict[str, Totals] = {}
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="live-series", daemon=True)
        metrics.watchers.append(self.ended)

    def __enter__(self) -> LiveRecorder:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()
        self._metrics.watchers.remove(self.ended)

    def ended(self, model: str, version: int | None, code: str, seconds: float) -> None:
        """A request ended with `code`, after `seconds`."""
        with self._counting:
            count = self._counts.get((model, version))
            if count is None:
                key = (model, version) if len(self._counts) < MAX_SERIES else (OTHERS, None)
                count = self._counts.setdefault(key, Count())
            count.add(code, seconds)

    def tick(self) -> None:
        """Puts what was counted since the last tick into the rings."""
        with self._counting:
            counts, self._counts = self._counts, {}
        with self._rings:
            now = self._clock()
            elapsed, self._last = max(now - self._last, 1e-3), now
            self._tick += 1
            self._times.put(self._tick, self._wall())
            self._elapsed.put(self._tick, elapsed)
            counts = self._admitted(counts)
            batch_waits = _by_key(self._new_waits("batch", self._metrics.batching.wait_totals()))
            total = Count()
            for key, series in self._series.items():
                count = counts.get(key, Count())
                total.merge(count)
                series.put(self._tick, count, elapsed, _mean(batch_waits.get(key, (0, 0.0))))
            self._put_protocols()
            self._total.put(self._tick, total, elapsed, _mean(_sum(batch_waits.values())))

    def read(self, after: int = 0, instance: str = "") -> dict[str, Any]:
        """All series, for the ticks after `after`.

        Args:
            after: the last tick that the caller has.
            instance: of the recorder that the caller had it from; another one's ticks are not ours, so all are given.
        """
        with self._rings:
            first = max(1, self._tick - LENGTH + 1, after + 1 if instance == self._instance else 1)
            span = (first, self._tick)
            return {
                "instance": self._instance,
                "tick": self._tick,
                "times": self._times.read(*span),
                "elapsed": self._elapsed.read(*span),
                "protocols": {
                    name: {"in_flight": in_flight.read(*span), "queue_wait_ms": wait.read(*span)}
                    for name, (in_flight, wait) in sorted(self._protocols.items())
                },
                "total": self._total.read(*span),
                "series": [
                    {"model": model, "version": version, **series.read(*span)} for (model, version), series in self._series.items()
                ],
            }

    def _run(self) -> None:
        due = self._clock() + TICK_SECONDS
        while not self._ending.wait(max(due - self._clock(), 0.0)):
            self.tick()
            due = max(due + TICK_SECONDS, self._clock())  # after a pause ticks are not made up for

    def _admitted(self, counts: dict[Key, Count]) -> dict[Key, Count]:
        """The counts by series, with a series for each; series that were idle for all of the ring are dropped."""
        oldest = self._tick - LENGTH
        self._series = {key: series for key, series in self._series.items() if series.last_active > oldest or key in counts}
        admitted: dict[Key, Count] = {}
        for key, count in counts.items():
            if key not in self._series:
                if len(self._series) >= MAX_SERIES - ((OTHERS, None) not in self._series):
                    key = (OTHERS, None)
                if key not in self._series:
                    self._series[key] = Series(self._tick)
            if key in admitted:
                admitted[key].merge(count)
            else:
                admitted[key] = count
        return admitted

    def _put_protocols(self) -> None:
        in_flight = {labels[0]: value for labels, value in self._metrics.in_flight_now().items()}
        waits = {labels[0]: wait for labels, wait in self._new_waits("thread", self._metrics.wait_totals()).items()}
        for name in in_flight.keys() | waits.keys() | self._protocols.keys():
            if name not in self._protocols:
                self._protocols[name] = (Ring(), Ring(math.nan))
            requests, queue = self._protocols[name]
            requests.put(self._tick, in_flight.get(name, 0.0))
            queue.put(self._tick, 1000 * _mean(waits.get(name, (0, 0.0))))

    def _new_waits(self, kind: str, totals: Totals) -> Totals:
        """The number and the sum of the waits since the last tick."""
        before, self._waits[kind] = self._waits.get(kind, {}), totals
        found = {}
        for labels, (count, seconds) in totals.items():
            old_count, old_seconds = before.get(labels, (0, 0.0))
            if count < old_count:  # the series was dropped, and has begun again
                old_count, old_seconds = 0, 0.0
            found[labels] = (count - old_count, seconds - old_seconds)
        return found


def _by_key(waits: Totals) -> dict[Key, tuple[int, float]]:
    """The waits of all signatures of a version together."""
    found: dict[Key, tuple[int, float]] = {}
    for (model, version, _), wait in waits.items():
        found[model, int(version)] = _sum([found.get((model, int(version)), (0, 0.0)), wait])
    return found


def _sum(waits: Any) -> tuple[int, float]:
    pairs = list(waits)
    return sum(count for count, _ in pairs), math.fsum(seconds for _, seconds in pairs)


def _mean(wait: tuple[int, float]) -> float:
    count, seconds = wait
    return seconds / count if count else math.nan
