"""The rules of one model while they are in force: the split as it is now, and what each variant has done."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from headrace.core.errors import FailedPreconditionError, NotFoundError
from headrace.serving.context import RequestContext, Routed
from headrace.serving.routing.arms import Arm, Window
from headrace.serving.routing.judge import reason_to_roll_back
from headrace.serving.routing.keys import key_of
from headrace.serving.routing.outputs import Difference
from headrace.serving.routing.rules import ModelRules, Rollback
from headrace.serving.routing.split import Places, pick, place_of

OVERRIDE = "x-headrace-variant"
"""The header, or metadata, that names a variant."""
_LOOKS = 60
"""How often in a window it is looked at whether a variant has to go."""
_MOST_SECONDS_BETWEEN_LOOKS = 1.0


@dataclass(frozen=True, slots=True)
class Halt:
    """A variant was taken out of the traffic.

    Attributes:
        time: when, in seconds since 1970.
        why: a word for metrics: "errors", "latency", "nonfinite" or "asked".
        reason: a sentence for people.
    """

    time: float
    why: str
    reason: str


@dataclass(slots=True)
class ShadowTally:
    """What came of the copies of requests: how many were compared, alike, failed (by code) or left out (by reason)."""

    compared: int = 0
    same: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    largest: dict[str, float] = field(default_factory=dict)
    rows: int = 0
    agreeing: int = 0

    def add(self, difference: Difference) -> None:
        """Counts a comparison."""
        self.compared += 1
        self.same += difference.same
        self.rows += difference.rows
        self.agreeing += difference.agreeing
        for name, value in difference.largest.items():
            self.largest[name] = max(value, self.largest.get(name, 0.0))

    def merge(self, other: ShadowTally) -> None:
        """Counts all that the other one has too."""
        self.compared += other.compared
        self.same += other.same
        self.errors.update(other.errors)
        self.dropped.update(other.dropped)
        self.rows += other.rows
        self.agreeing += other.agreeing
        for name, value in other.largest.items():
            self.largest[name] = max(value, self.largest.get(name, 0.0))


class Experiment:
    """One model's rules in force.

    Args:
        model: its name.
        rules: its rules.
        clock: of the sliding window, in seconds.
        number: tells it from others, also those that the same rules had before.

    Attributes:
        arms: the variants by name. They and `shadow` change under `lock`.
        weights: in the order of the variants, 0 for those that are halted; replaced as a whole.
        halted: why variants get no requests; replaced as a whole.
        since: when the rules came into force, in seconds since 1970.
    """

    def __init__(self, model: str, rules: ModelRules, clock: Callable[[], float] = time.monotonic, number: int = 0) -> None:
        self.model = model
        self.number = number
        self.rules = rules
        self.lock = threading.Lock()
        watched = {rules.rollback.variant, rules.rollback.baseline} if rules.rollback is not None else set()
        seconds = rules.rollback.window_seconds if rules.rollback is not None else 0.0
        self.arms = {name: Arm(name, Window(seconds, clock) if name in watched else None) for name in rules.names}
        self.weights = tuple(variant.weight for variant in rules.variants)
        self.halted: Mapping[str, Halt] = {}
        self.shadow = ShadowTally()
        self.since = time.time()
        self._clock = clock
        self._look_seconds = min(seconds / _LOOKS, _MOST_SECONDS_BETWEEN_LOOKS)
        self._next_look = clock() + self._look_seconds
        self._places = Places()
        self._copies = Places()

    def route(self, context: RequestContext) -> Routed:
        """Where a request goes, whether or not that variant is AVAILABLE."""
        if self.rules.allow_override:
            named = context.header(OVERRIDE)
            if named in self.arms:
                return Routed(self.rules, named, assigned=False)
        weights = self.weights
        key = key_of(self.rules.sticky, context)
        place = place_of(self.rules.salt, key) if key else self._places.next()
        name = self.rules.names[pick(weights, place)] if any(weights) else ""
        return Routed(self.rules, name, place, key)

    def copies(self) -> bool:
        """Whether the next request is one that the shadow gets a copy of."""
        return self.rules.shadow is not None and self._copies.next() * 100 < self.rules.shadow.percent

    def fell_back(self, variant: str) -> None:
        """Notes that a request was meant for a variant that is not AVAILABLE."""
        with self.lock:
            self.arms[variant].fallbacks += 1

    def answered(self, routed: Routed, code: str, seconds: float) -> None:
        """Counts a request of this experiment."""
        arm = self.arms[routed.variant]
        with self.lock:
            if not routed.assigned:
                arm.unassigned += 1
                return
            for tally in arm.tallies():
                tally.answered(code, seconds)

    def ran(self, routed: Routed, finite: bool) -> None:
        """Counts an answer of the model."""
        if routed.assigned:
            with self.lock:
                for tally in self.arms[routed.variant].tallies():
                    tally.ran(finite)

    def reason_to_roll_back(self) -> tuple[str, str] | None:
        """Why the watched variant has to go, looked at from time to time; see `judge`."""
        rollback = self.rules.rollback
        if rollback is None or rollback.variant in self.halted:
            return None
        with self.lock:
            now = self._clock()
            if now < self._next_look:
                return None
            self._next_look = now + self._look_seconds
            variant, baseline = self._window(rollback.variant), self._window(rollback.baseline)
            totals = variant.total(), baseline.total()
        return reason_to_roll_back(rollback, *totals)

    def halt(self, name: str, halt: Halt) -> bool:
        """Gives a variant's share to the others. Returns false when it was so already.

        Raises:
            NotFoundError: no such variant.
            FailedPreconditionError: there is no other.
        """
        if name not in self.arms:
            raise NotFoundError(f"model {self.model!r} has no variant {name!r}; expected one of {', '.join(self.arms)}")
        with self.lock:
            if name in self.halted:
                return False
            halted = {**self.halted, name: halt}
            if len(halted) == len(self.arms):
                raise FailedPreconditionError(f"variant {name!r} is the last one of model {self.model!r}; somebody has to answer")
            self._set(halted)
        return True

    def resume(self) -> list[str]:
        """Gives all halted variants their shares again, with fresh windows. Returns their names."""
        with self.lock:
            names = sorted(self.halted)
            self._set({})
            if self.rules.rollback is not None:
                for name in (self.rules.rollback.variant, self.rules.rollback.baseline):
                    self.arms[name].window = Window(self.rules.rollback.window_seconds, self._clock)
        return names

    def put_halted(self, halted: Mapping[str, Halt]) -> None:
        """Takes the word of another process on what is halted."""
        with self.lock:
            self._set(halted)

    def drain(self) -> dict[str, Any]:
        """What was counted since the last call, for JSON; this experiment has it no longer."""
        with self.lock:
            arms = {name: arm.drain() for name, arm in self.arms.items()}
            shadow, self.shadow = self.shadow, ShadowTally()
        return {"arms": arms, "shadow": asdict(shadow)}

    def add(self, drained: Mapping[str, Any]) -> None:
        """Counts what `drain` gave in another process."""
        with self.lock:
            for name, counts in drained["arms"].items():
                self.arms[name].add(counts)
            self.shadow.merge(ShadowTally(**drained["shadow"]))

    @property
    def fallback(self) -> str:
        """The variant that answers when those with a weight are halted."""
        rollback: Rollback | None = self.rules.rollback
        names = [rollback.baseline] if rollback is not None else []
        return next((name for name in [*names, *self.arms] if name not in self.halted), "")

    def _set(self, halted: Mapping[str, Halt]) -> None:
        self.halted = halted
        weights = [0.0 if each.name in halted else each.weight for each in self.rules.variants]
        if not any(weights):
            weights[self.rules.names.index(self.fallback)] = 1.0
        self.weights = tuple(weights)

    def _window(self, name: str) -> Window:
        window = self.arms[name].window
        assert window is not None
        return window
