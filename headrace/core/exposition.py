"""Counters, gauges and histograms, and their text in Prometheus' exposition format 0.0.4.

Written here because TensorFlow Serving's metric names begin with a colon and its counters lack `_total`, which the
usual client library refuses.
"""

from __future__ import annotations

import math
import threading
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
MAX_SERIES = 10_000

Labels = tuple[str, ...]


class Family:
    """One metric: a name, a help text, label names, and a value for each set of label values.

    At most 10,000 sets of label values are kept; beyond that the oldest makes room, so that no caller can fill the memory.

    Attributes:
        before_reading: called before values are read, by whoever has some yet to count.
    """

    kind = ""

    def __init__(self, name: str, help_text: str, labels: Sequence[str] = ()) -> None:
        self.name = name
        self.help_text = help_text
        self.labels = tuple(labels)
        self.before_reading: list[Callable[[], None]] = []
        self._lock = threading.Lock()

    def samples(self) -> Iterator[str]:
        """The lines of the current values."""
        raise NotImplementedError

    def keep(self, wanted: Callable[[Labels], bool]) -> None:
        """Drops the sets of label values that are not `wanted`."""
        raise NotImplementedError

    def _settle(self) -> None:
        for settle in self.before_reading:
            settle()

    def _pairs(self, values: Labels) -> str:
        return ",".join(f'{name}="{_escape(value)}"' for name, value in zip(self.labels, values, strict=True))

    def _line(self, suffix: str, pairs: str, value: float) -> str:
        return f"{self.name}{suffix}{{{pairs}}} {_number(value)}" if pairs else f"{self.name}{suffix} {_number(value)}"


class _Scalar(Family):
    def __init__(self, name: str, help_text: str, labels: Sequence[str] = ()) -> None:
        super().__init__(name, help_text, labels)
        self._values: dict[Labels, float] = {}

    def add(self, values: Labels, amount: float = 1.0) -> None:
        """Adds to the value of one set of labels."""
        with self._lock:
            if values not in self._values and len(self._values) >= MAX_SERIES:
                del self._values[next(iter(self._values))]
            self._values[values] = self._values.get(values, 0.0) + amount

    def values(self) -> dict[Labels, float]:
        """The value of each set of labels."""
        self._settle()
        with self._lock:
            return dict(self._values)

    def keep(self, wanted: Callable[[Labels], bool]) -> None:
        """Drops the sets of label values that are not `wanted`."""
        self._settle()
        with self._lock:
            self._values = {labels: value for labels, value in self._values.items() if wanted(labels)}

    def samples(self) -> Iterator[str]:
        """One line for each set of labels."""
        self._settle()
        with self._lock:
            values = sorted(self._values.items())
        for labels, value in values:
            yield self._line("", self._pairs(labels), value)


class Counter(_Scalar):
    """A value that only grows."""

    kind = "counter"

    @property
    def total(self) -> float:
        """The sum over all sets of labels."""
        self._settle()
        with self._lock:
            return sum(self._values.values())


class Gauge(_Scalar):
    """A value that goes up and down."""

    kind = "gauge"

    def replace(self, values: dict[Labels, float]) -> None:
        """Sets all values at once; sets of labels not given are gone."""
        with self._lock:
            self._values = dict(values)


class Histogram(Family):
    """Counts observations in buckets.

    Args:
        bounds: the upper bounds of the buckets, rising, of six significant digits; one more bucket takes the rest.
    """

    kind = "histogram"

    def __init__(self, name: str, help_text: str, labels: Sequence[str], bounds: Sequence[float]) -> None:
        super().__init__(name, help_text, labels)
        self._bounds = tuple(bounds)
        self._edges = [*(f"{bound:.6g}" for bound in bounds), "+Inf"]
        self._series: dict[Labels, tuple[list[int], list[float]]] = {}

    def observe(self, values: Labels, amount: float) -> None:
        """Counts one observation."""
        bucket = bisect_left(self._bounds, amount)
        with self._lock:
            series = self._of(values)
            series[0][bucket] += 1
            series[1][0] += amount

    def observe_all(self, values: Labels, amounts: Sequence[float]) -> None:
        """Counts several observations of one set of labels."""
        rising = sorted(amounts)
        ends = [*(bisect_right(rising, bound) for bound in self._bounds), len(rising)]
        with self._lock:
            counts, total = self._of(values)
            start = 0
            for bucket, end in enumerate(ends):
                counts[bucket] += end - start
                start = end
            total[0] += math.fsum(rising)

    def _of(self, values: Labels) -> tuple[list[int], list[float]]:
        """The counts and the sum of one set of labels; the lock is held."""
        series = self._series.get(values)
        if series is None:
            if len(self._series) >= MAX_SERIES:
                del self._series[next(iter(self._series))]
            series = self._series[values] = ([0] * len(self._edges), [0.0])
        return series

    def totals(self) -> dict[Labels, tuple[int, float]]:
        """The number and the sum of the observations of each set of labels."""
        self._settle()
        with self._lock:
            return {labels: (sum(counts), total[0]) for labels, (counts, total) in self._series.items()}

    def keep(self, wanted: Callable[[Labels], bool]) -> None:
        """Drops the sets of label values that are not `wanted`."""
        self._settle()
        with self._lock:
            self._series = {labels: series for labels, series in self._series.items() if wanted(labels)}

    def samples(self) -> Iterator[str]:
        """The buckets (each counts those below it too), sum and count of each set of labels."""
        self._settle()
        with self._lock:
            series = sorted((labels, list(counts), total[0]) for labels, (counts, total) in self._series.items())
        for labels, counts, total in series:
            pairs = self._pairs(labels)
            running = 0
            for edge, count in zip(self._edges, counts, strict=True):
                running += count
                yield self._line("_bucket", f'{pairs},le="{edge}"' if pairs else f'le="{edge}"', running)
            yield self._line("_sum", pairs, total)
            yield self._line("_count", pairs, running)


def render(families: Sequence[Family]) -> str:
    """The page that Prometheus reads."""
    lines: list[str] = []
    for family in families:
        lines.append(f"# HELP {family.name} {_escape_help(family.help_text)}")
        lines.append(f"# TYPE {family.name} {family.kind}")
        lines.extend(family.samples())
    return "\n".join(lines) + "\n"


def _escape_help(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n")


def _escape(value: str) -> str:
    return _escape_help(value).replace('"', r"\"")


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(float(value))
