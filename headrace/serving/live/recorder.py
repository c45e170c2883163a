"""Once a second puts what requests did into the rings that the charts are drawn from."""

from __future__ import annotations

import math
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any, Protocol

from headrace.serving.live.counts import MAX_SERIES, OTHERS, Key, Sample, Wait, added
from headrace.serving.live.series import LENGTH, Count, Ring, Series

TICK_SECONDS = 1.0


class Source(Protocol):
    """What tells of the requests."""

    def take(self) -> Sample:
        """What happened since the last call."""

    def close(self) -> None:
        """Nobody will ask any more."""


class LiveRecorder:
    """The last ten minutes of a server's requests. Time goes on within the `with` block.

    Args:
        source: tells of the requests.
        clock: the time in seconds, which only grows.
        wall: the time in Unix seconds.
    """

    def __init__(
        self,
        source: Source,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._source = source
        self._clock = clock
        self._wall = wall
        self._rings = threading.Lock()
        self._instance = uuid.uuid4().hex
        self._tick = 0
        self._last = clock()
        self._times, self._elapsed = Ring(), Ring()
        self._total = Series(0)
        self._series: dict[Key, Series] = {}
        self._protocols: dict[str, tuple[Ring, Ring]] = {}
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="live-series", daemon=True)

    def __enter__(self) -> LiveRecorder:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()
        self._source.close()

    def tick(self) -> None:
        """Puts what happened since the last tick into the rings."""
        sample = self._source.take()
        with self._rings:
            now = self._clock()
            elapsed, self._last = max(now - self._last, 1e-3), now
            self._tick += 1
            self._times.put(self._tick, self._wall())
            self._elapsed.put(self._tick, elapsed)
            counts = self._admitted(sample.counts)
            total = Count()
            for key, series in self._series.items():
                count = counts.get(key, Count())
                total.merge(count)
                series.put(self._tick, count, elapsed, _mean(sample.batch_waits.get(key, (0, 0.0))))
            self._put_protocols(sample)
            self._total.put(self._tick, total, elapsed, _mean(added(sample.batch_waits.values())))

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

    def _put_protocols(self, sample: Sample) -> None:
        for name in sample.in_flight.keys() | sample.thread_waits.keys() | self._protocols.keys():
            if name not in self._protocols:
                self._protocols[name] = (Ring(), Ring(math.nan))
            requests, queue = self._protocols[name]
            requests.put(self._tick, sample.in_flight.get(name, 0.0))
            queue.put(self._tick, 1000 * _mean(sample.thread_waits.get(name, (0, 0.0))))


def _mean(wait: Wait) -> float:
    count, seconds = wait
    return seconds / count if count else math.nan
