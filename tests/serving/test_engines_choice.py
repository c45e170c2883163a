"""Which of several candidates is chosen: those that agree with the reference, the fastest of them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping

import numpy as np
import pytest

from headrace.core.errors import InvalidArgumentError
from headrace.serving.engines.base import Array
from headrace.serving.engines.choice import Candidate, agree, choose, difference_of

SAMPLES = [{"x": np.float32([[1.0, 2.0, 4.0]])}]


def candidate(
    name: str, seconds: float = 0.0, off: float = 0.0, tolerance: float = 1e-4, dtype: type[np.generic] = np.float32
) -> Candidate:
    """Doubles x; `off` is added, as a part of the largest number."""

    def run(inputs: Mapping[str, Array]) -> dict[str, Array]:
        time.sleep(seconds)
        doubled = inputs["x"] * 2
        return {"y": (doubled + off * doubled.max()).astype(dtype)}

    return Candidate(name, run, tolerance)


def failing(error: Exception) -> Callable[[Mapping[str, Array]], dict[str, Array]]:
    def run(_: Mapping[str, Array]) -> dict[str, Array]:
        raise error

    return run


def test_the_fastest_that_agrees_is_taken() -> None:
    choice = choose(candidate("xla", 0.02), [candidate("a", 0.002, off=1e-6), candidate("b", 0.01)], SAMPLES, 5.0)
    assert choice.name == "a"
    order = [choice.reason.index(name) for name in ("a ", "b ", "xla ")]
    assert order == sorted(order)
    assert " ms at batch 1; differs by 1e-06" in choice.reason
    assert not choice.refused


def test_one_that_is_off_is_refused_however_fast() -> None:
    choice = choose(candidate("xla", 0.02), [candidate("fast", 0.0, off=1e-2), candidate("good", 0.01)], SAMPLES, 5.0)
    assert choice.name == "good"
    assert choice.refused == {"fast": "differs by 0.01, more than 0.0001"}
    assert "fast differs by 0.01, more than 0.0001" in choice.reason
    wider = choose(candidate("xla", 0.02), [candidate("fast", 0.0, off=1e-2, tolerance=3e-2)], SAMPLES, 5.0)
    assert wider.name == "fast"


def test_the_reference_stays_where_little_is_gained_or_nothing_is_left() -> None:
    assert choose(candidate("xla", 0.005), [candidate("slow", 0.02)], SAMPLES, 5.0).name == "xla"
    alone = choose(candidate("xla"), [candidate("off", off=1.0)], SAMPLES, 5.0)
    assert (alone.name, alone.reason) == ("xla", "off differs by 1, more than 0.0001")


def test_one_that_fails_is_refused() -> None:
    odd = Candidate("odd", failing(RuntimeError("no such kernel")))
    choice = choose(candidate("xla", 0.01), [odd, candidate("good")], SAMPLES, 5.0)
    assert choice.name == "good"
    assert choice.refused == {"odd": "failed: RuntimeError: no such kernel"}


def test_without_anything_to_compare_the_reference_stays() -> None:
    broken = Candidate("xla", failing(InvalidArgumentError("no such feature")))
    choice = choose(broken, [candidate("good")], SAMPLES, 5.0)
    assert choice.name == "xla"
    assert choice.reason == "nothing to compare engines with (no such feature); bring warm-up requests along"
    assert "no input could be made up" in choose(candidate("xla"), [candidate("good")], [], 5.0).reason


def test_the_measurement_is_bounded() -> None:
    runs: list[str] = []

    def noted(name: str) -> Candidate:
        inner = candidate(name)
        return Candidate(name, lambda inputs: (runs.append(name), inner.run(inputs))[1], 1e-4)

    choose(noted("xla"), [noted("a")], SAMPLES, 0.0)
    assert runs == ["xla", "a"] * 2
    runs.clear()
    choose(noted("xla"), [noted("a")], SAMPLES, 60.0)
    assert len(runs) <= 2 * 31


def test_agreement_alone() -> None:
    assert agree(candidate("xla"), candidate("a", off=1e-6), SAMPLES) is None
    assert agree(candidate("xla"), candidate("a", off=1e-2), SAMPLES) == "differs by 0.01, more than 0.0001"
    assert agree(candidate("xla"), candidate("a", dtype=np.float64), SAMPLES) == "differs by inf, more than 0.0001"
    assert agree(candidate("xla"), Candidate("a", failing(ValueError("?"))), SAMPLES) == "failed: ValueError: ?"
    assert agree(Candidate("xla", failing(ValueError("?"))), candidate("a", off=1.0), SAMPLES) is None


@pytest.mark.parametrize(
    ("expected", "found", "difference"),
    [
        (np.float32([1, 100]), np.float32([2, 100]), 0.01),
        (np.float32([0, 0]), np.float32([0, 0]), 0.0),
        (np.float32([0, 0]), np.float32([0, 1e-9]), math.inf),
        (np.float32([np.nan, 4]), np.float32([np.nan, 5]), 0.25),
        (np.float32([np.nan, 4]), np.float32([4, 4]), math.inf),
        (np.float32([4, 4]), np.float32([np.nan, 4]), math.inf),
        (np.float32([np.inf, 4]), np.float32([-np.inf, 4]), math.inf),
        (np.float32([1]), np.float64([1]), math.inf),
        (np.float32([1]), np.float32([[1]]), math.inf),
        (np.float32([]), np.float32([]), 0.0),
        (np.int64([1, 2]), np.int64([1, 2]), 0.0),
        (np.int64([1, 2]), np.int64([1, 3]), math.inf),
        (np.array([b"a"], object), np.array([b"a"], object), 0.0),
        (np.array([b"a"], object), np.array([b"b"], object), math.inf),
    ],
)
def test_differences(expected: Array, found: Array, difference: float) -> None:
    assert difference_of(expected, found) == pytest.approx(difference)
