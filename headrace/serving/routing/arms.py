"""What is known of each variant: its requests, errors, times and outcomes since its rules are in force, and in a sliding window."""

from __future__ import annotations

import math
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from headrace.serving.routing import latency
from headrace.serving.routing.significance import Moments, Proportion

_SLOTS = 30
"""Parts of a window; one leaves it at a time."""
_GIVEN_UP = "CANCELLED"


@dataclass(slots=True)
class Tally:
    """Counts of requests over some time.

    Attributes:
        requests: those that ended, with or without an error.
        errors: by code.
        runs: answers of the model that were looked at for NaN and infinities;
        nonfinite: those that had some.
        seconds: of requests without an error.
    """

    requests: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    runs: int = 0
    nonfinite: int = 0
    seconds: latency.Counts = field(default_factory=latency.empty)

    @property
    def failures(self) -> Proportion:
        """The requests that ended with an error, of all that their clients did not give up."""
        given_up = self.errors.get(_GIVEN_UP, 0)
        return Proportion(self.requests - given_up, sum(self.errors.values()) - given_up)

    def answered(self, code: str, seconds: float) -> None:
        """Counts a request."""
        self.requests += 1
        if code == "OK":
            self.seconds[latency.bucket_of(seconds)] += 1
        else:
            self.errors[code] += 1

    def ran(self, finite: bool) -> None:
        """Counts an answer of the model."""
        self.runs += 1
        self.nonfinite += not finite

    def add(self, other: Tally) -> None:
        """Counts all that the other one has too."""
        self.requests += other.requests
        self.errors.update(other.errors)
        self.runs += other.runs
        self.nonfinite += other.nonfinite
        self.seconds += other.seconds

    def to_json(self) -> list[Any]:
        """A form for JSON."""
        filled = [[int(bucket), int(self.seconds[bucket])] for bucket in self.seconds.nonzero()[0]]
        return [self.requests, dict(self.errors), self.runs, self.nonfinite, filled]

    @classmethod
    def from_json(cls, told: Sequence[Any]) -> Tally:
        """What `to_json` was made of."""
        requests, errors, runs, nonfinite, filled = told
        found = cls(requests, Counter(errors), runs, nonfinite)
        for bucket, count in filled:
            found.seconds[bucket] = count
        return found


class Window:
    """A tally of the last `seconds`.

    Args:
        seconds: its length; what leaves it does so in thirtieths.
        clock: in seconds.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._slot_seconds = seconds / _SLOTS
        self._clock = clock
        self._slots: deque[tuple[int, Tally]] = deque(maxlen=_SLOTS)

    def now(self) -> Tally:
        """The tally to count into."""
        number = math.floor(self._clock() / self._slot_seconds)
        if not self._slots or self._slots[-1][0] != number:
            self._slots.append((number, Tally()))
        return self._slots[-1][1]

    def total(self) -> Tally:
        """All that is in the window."""
        oldest = math.floor(self._clock() / self._slot_seconds) - _SLOTS + 1
        total = Tally()
        for number, tally in self._slots:
            if number >= oldest:
                total.add(tally)
        return total


class Arm:
    """A variant of an experiment. Whoever changes it holds the experiment's lock.

    Attributes:
        name: the variant's.
        total: since the rules are in force.
        window: of the last time; None where nothing is watched.
        unassigned: requests that named the variant, or were meant for another; nothing else counts them.
        fallbacks: requests that were meant for this variant and went to another, since it was not AVAILABLE.
        rates: outcomes that are true or false.
        numbers: outcomes that are numbers.
    """

    __slots__ = ("fallbacks", "name", "numbers", "rates", "total", "unassigned", "window")

    def __init__(self, name: str, window: Window | None = None) -> None:
        self.name = name
        self.total = Tally()
        self.window = window
        self.unassigned = 0
        self.fallbacks = 0
        self.rates = Proportion()
        self.numbers = Moments()

    def tallies(self) -> list[Tally]:
        """Those that count a request."""
        return [self.total] if self.window is None else [self.total, self.window.now()]

    def drain(self) -> list[Any]:
        """What requests did since the last call, for JSON; this arm has it no longer."""
        told = [self.total.to_json(), self.unassigned, self.fallbacks]
        self.total, self.unassigned, self.fallbacks = Tally(), 0, 0
        return told

    def add(self, drained: Sequence[Any]) -> None:
        """Counts what `drain` gave in another process."""
        told, unassigned, fallbacks = drained
        found = Tally.from_json(told)
        for tally in self.tallies():
            tally.add(found)
        self.unassigned += unassigned
        self.fallbacks += fallbacks
