"""Which engine runs a signature: each candidate must agree with the reference, and the fastest one wins."""

from __future__ import annotations

import contextlib
import math
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from headrace.core.errors import OpError
from headrace.serving.engines.base import Array, Told

Inputs = Mapping[str, Array]
Run = Callable[[Inputs], Mapping[str, Array]]

LEAST_GAIN = 0.05
"""How much faster than the reference a candidate must be, as a part of its time; below that the reference stays."""

_MOST_ROUNDS = 30
_LEAST_ROUNDS = 3
_CLEAR_GAIN, _CLEAR_ROUNDS = 0.25, 7
"""After so many rounds a lead of this size ends the measurement."""
_MOST_PAUSE_SECONDS = 0.05
_TURN_SECONDS = 60.0
_turn = threading.Lock()
"""One choice is made at a time, so that two do not measure each other; but none waits for long for one that hangs."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A signature on one engine.

    Attributes:
        name: the engine's.
        run: runs the signature.
        tolerance: by how much an output may differ from the reference, as a part of its largest magnitude.
    """

    name: str
    run: Run
    tolerance: float = 0.0


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen.

    Attributes:
        name: the engine's.
        reason: why, in one line for people.
        refused: why the candidates that cannot be used are refused, by name.
        measured: true when it was the fastest.
    """

    name: str
    reason: str
    refused: Mapping[str, str] = field(default_factory=dict)
    measured: bool = False


def names_of(choices: Mapping[str, Choice]) -> str:
    """The engines that signatures chose, each once, parted by "+"."""
    return "+".join(sorted({choice.name for choice in choices.values()}))


def reasons_of(choices: Mapping[str, Choice]) -> str:
    """Why, for each signature where there are several."""
    if len(choices) == 1:
        return next(iter(choices.values())).reason
    return "; ".join(f"{name}: {choice.reason}" for name, choice in choices.items())


def choices_told(graph: str, choices: Mapping[str, Choice]) -> Told:
    """Choices as a later version takes them; see Decided. Those that were not measured are left out: it may find out more.

    Args:
        graph: tells the graph from others.
        choices: by signature.
    """
    return {
        "graph": graph,
        "signatures": {name: [choice.name, choice.reason] for name, choice in choices.items() if choice.measured},
    }


def choose(reference: Candidate, others: Sequence[Candidate], samples: Sequence[Inputs], seconds: float) -> Choice:
    """The fastest of several candidates that compute the same.

    Args:
        reference: what the others must agree with.
        others: the other candidates.
        samples: inputs to run them with.
        seconds: for the measurement; the run that is in progress then is ended, and so is the first one of each, which compiles.
    """
    with _in_turn():
        expected, failure = _outputs(reference, samples)
        if failure is not None or not samples:
            why = failure or "no input could be made up"
            return Choice(reference.name, f"nothing to compare engines with ({why}); bring warm-up requests along")
        refused: dict[str, str] = {}
        differences: dict[str, float] = {}
        for candidate in others:
            found, failure = _outputs(candidate, samples)
            difference = _difference(expected, found) if failure is None else 0.0
            if failure is not None:
                refused[candidate.name] = f"failed: {failure}"
            elif not difference <= candidate.tolerance:
                refused[candidate.name] = f"differs by {difference:.1g}, more than {candidate.tolerance:.1g}"
            else:
                differences[candidate.name] = difference
        kept = [reference, *(each for each in others if each.name in differences)]
        times = _measure(kept, samples, seconds) if len(kept) > 1 else {}
    return _decided(reference.name, times, differences, refused, _told(samples))


def agree(reference: Candidate, other: Candidate, samples: Sequence[Inputs]) -> str | None:
    """Why a candidate may not be used in place of the reference; None when it may, or when the reference itself cannot be run."""
    with _in_turn():
        expected, failure = _outputs(reference, samples)
        if failure is not None:
            return None
        found, failure = _outputs(other, samples)
        if failure is not None:
            return f"failed: {failure}"
    difference = _difference(expected, found)
    return None if difference <= other.tolerance else f"differs by {difference:.1g}, more than {other.tolerance:.1g}"


@contextlib.contextmanager
def _in_turn() -> Iterator[None]:
    """Waits for other choices to be made."""
    taken = _turn.acquire(timeout=_TURN_SECONDS)
    try:
        yield
    finally:
        if taken:
            _turn.release()


def _outputs(candidate: Candidate, samples: Sequence[Inputs]) -> tuple[list[Mapping[str, Array]], str | None]:
    """What a candidate makes of each sample, and why it cannot be run."""
    found = []
    for sample in samples:
        try:
            found.append(candidate.run(sample))
        except OpError as error:
            return [], error.message
        except Exception as error:  # noqa: BLE001  made-up input may be anything to a model, and engines have errors of their own
            return [], f"{type(error).__name__}: {error}"
    return found, None


def _difference(expected: Sequence[Mapping[str, Array]], found: Sequence[Mapping[str, Array]]) -> float:
    """The largest difference of an output, as a part of its largest magnitude; infinite where they are not alike at all."""
    worst = 0.0
    for before, after in zip(expected, found, strict=True):
        if before.keys() != after.keys():
            return math.inf
        worst = max([worst, *(difference_of(before[name], after[name]) for name in before)])
    return worst


def difference_of(expected: Array, found: Array) -> float:
    """The largest difference of two arrays, as a part of the largest magnitude of the first.

    Infinite when dtypes or shapes differ, when what is no floating point number is not equal, and when NaNs or infinities are
    not in the same places.
    """
    if expected.dtype != found.dtype or expected.shape != found.shape:
        return math.inf
    if not np.issubdtype(expected.dtype, np.floating):
        return 0.0 if np.array_equal(expected, found) else math.inf
    a, b = expected.astype(np.float64), found.astype(np.float64)
    finite = np.isfinite(a)
    if not np.array_equal(a[~finite], b[~finite], equal_nan=True) or not np.isfinite(b[finite]).all():
        return math.inf
    if not finite.any():
        return 0.0
    largest = float(np.abs(a[finite]).max())
    difference = float(np.abs(a[finite] - b[finite]).max())
    return difference / largest if largest else (0.0 if difference == 0.0 else math.inf)


def _measure(candidates: Sequence[Candidate], samples: Sequence[Inputs], seconds: float) -> dict[str, float]:
    """The time of all samples for each candidate, in seconds. They take turns, so that other work on the machine hits all alike."""
    rounds: dict[str, list[float]] = {candidate.name: [] for candidate in candidates}
    end = time.monotonic() + seconds
    for number in range(1, _MOST_ROUNDS + 1):
        for candidate in candidates:
            started = time.perf_counter()
            for sample in samples:
                candidate.run(sample)
            took = time.perf_counter() - started
            rounds[candidate.name].append(took)
            time.sleep(min(took, _MOST_PAUSE_SECONDS))  # models that serve meanwhile get the cores every other moment
        if time.monotonic() > end and number >= _LEAST_ROUNDS or time.monotonic() > end + seconds:
            break
        if number >= _CLEAR_ROUNDS:
            best, second = sorted(map(_typical, rounds.values()))[:2]
            if second - best > _CLEAR_GAIN * second:
                break
    return {name: _typical(times) for name, times in rounds.items()}


def _typical(times: Sequence[float]) -> float:
    """The median of the faster half: what a run takes when it is not held up."""
    return statistics.median(sorted(times)[: (len(times) + 1) // 2])


def _decided(
    reference: str, times: Mapping[str, float], differences: Mapping[str, float], refused: Mapping[str, str], told: str
) -> Choice:
    refusals = [f"{name} {why}" for name, why in refused.items()]
    if not times:
        return Choice(reference, "; ".join(refusals) or "no other engine", refused)
    best = min(times, key=lambda name: (times[name], name))
    if times[best] > (1.0 - LEAST_GAIN) * times[reference]:
        best = reference
    order = [best, *sorted((name for name in times if name != best), key=lambda name: times[name])]
    listed = ", ".join(f"{name} {times[name] * 1e3:.3g} ms" for name in order)
    difference = f"; differs by {differences[best]:.1g}" if best in differences else ""
    return Choice(best, "; ".join([f"{listed} {told}{difference}", *refusals]), refused, measured=True)


def _told(samples: Sequence[Inputs]) -> str:
    """What was run, for people."""
    rows = sorted({len(value) for sample in samples for value in list(sample.values())[:1] if value.ndim})
    if len(rows) == 1 and len(samples) == 1:
        return f"at batch {rows[0]}"
    return f"for {len(samples)} requests" + (f" of {rows[0]} to {rows[-1]} rows" if rows else "")
