"""The parts of batching that need no threads: queue, policies, tensors, options."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.core.errors import DeadlineExceededError, InvalidArgumentError
from headrace.core.spec import TensorSpec
from headrace.serving.batching.options import AdaptiveBatching, FixedBatching, powers_of_two
from headrace.serving.batching.policies import AdaptivePolicy, FixedPolicy, padded
from headrace.serving.batching.queue import Group, RequestQueue
from headrace.serving.batching.requests import PRIORITIES, QueuedRequest
from headrace.serving.batching.tensors import (
    BatchDimensionError,
    check_rows,
    kind_of,
    rows_of,
    split,
    stack,
    why_not_batched,
)
from headrace.serving.engines.base import Signature


def request(rows: int, kind: object = "k", priority: int = 3, deadline: float = math.inf, signature: str = "s") -> QueuedRequest:
    return QueuedRequest(signature, {}, rows, kind, deadline, priority)


def at_once(_: Group) -> float:
    return 0.0


def drain(queue: RequestQueue, limit: int) -> list[list[QueuedRequest]]:
    batches = []
    while queue:
        group, _ = queue.next_group(at_once, 1.0)
        assert group is not None
        batches.append(queue.take(group, limit))
    return batches


@given(
    st.lists(st.tuples(st.integers(1, 9), st.sampled_from(["a", "b", None]), st.integers(0, PRIORITIES - 1)), max_size=40),
    st.integers(1, 12),
)
def test_every_request_is_taken_once_in_batches_that_fit(shapes: list[tuple[int, Any, int]], limit: int) -> None:
    queue = RequestQueue(10_000)
    requests = [request(*shape) for shape in shapes]
    for each in requests:
        queue.push(each)
    batches = drain(queue, limit)
    assert sorted(map(id, (each for batch in batches for each in batch))) == sorted(map(id, requests))
    assert queue.rows("s") == 0
    for batch in batches:
        assert len(batch) == 1 or sum(each.rows for each in batch) <= limit
        assert len({each.kind for each in batch}) == 1
        assert len(batch) == 1 or batch[0].kind is not None
    for kind in ("a", "b"):
        order = [(each.priority, requests.index(each)) for batch in batches for each in batch if each.kind == kind]
        assert order == sorted(order), "urgent ones first, then in the order of their coming"
    firsts = [min(each.priority for each in batch) for batch in batches]
    assert firsts == sorted(firsts), "no batch overtakes one with a more urgent request"


def test_a_full_queue_is_seen_for_each_signature_by_itself() -> None:
    queue = RequestQueue(4)
    assert queue.fits("s", 100), "an empty queue takes any request"
    queue.push(request(3))
    assert (queue.fits("s", 1), queue.fits("s", 2), queue.fits("t", 4)) == (True, False, True)


def test_a_request_past_its_deadline_does_not_begin() -> None:
    late, cancelled, good = request(1, deadline=5.0), request(1), request(1, deadline=7.0)
    assert cancelled.cancel()
    assert [each.begin_at(6.0) for each in (late, cancelled, good)] == [False, False, True]
    with pytest.raises(DeadlineExceededError, match="ran out before the model could run"):
        late.result(0)


def test_the_fixed_policy_waits_for_a_full_batch_or_its_timeout() -> None:
    policy = FixedPolicy(FixedBatching(max_batch_size=8, batch_timeout_micros=2_000_000))
    assert policy.ready_at(7, 100.0) == 102.0
    assert policy.ready_at(8, 100.0) == 0.0
    assert policy.limit(100) == 8
    policy.check(8)
    with pytest.raises(InvalidArgumentError, match="Task size 9 is larger than maximum input batch size 8"):
        policy.check(9)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"max_batch_size": 0}, "max_batch_size is 0; expected 1 or more"),
        ({"batch_timeout_micros": -1}, "batch_timeout_micros is -1"),
        ({"max_enqueued_batches": 0}, "max_enqueued_batches is 0"),
        ({"num_batch_threads": 0}, "num_batch_threads is 0"),
        ({"max_batch_size": 8, "allowed_batch_sizes": (4, 2, 8)}, r"\[4, 2, 8\]; expected positive numbers, each above the last"),
        ({"max_batch_size": 8, "allowed_batch_sizes": (0, 8)}, "expected positive numbers"),
        (
            {"max_batch_size": 8, "allowed_batch_sizes": (2, 4)},
            "Last entry in allowed_batch_sizes must match max_batch_size; last entry was 4; expected 8",
        ),
        (
            {"max_batch_size": 8, "enable_large_batch_splitting": True, "max_execution_batch_size": 4, "allowed_batch_sizes": (8,)},
            "must match max_execution_batch_size; last entry was 8; expected 4",
        ),
        (
            {"max_batch_size": 8, "enable_large_batch_splitting": True, "max_execution_batch_size": 9},
            "max_execution_batch_size is 9; expected at most max_batch_size, 8",
        ),
    ],
)
def test_parameters_that_do_not_fit_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        FixedBatching(**values)


def test_sizes() -> None:
    assert [powers_of_two(largest) for largest in (1, 2, 3, 8, 9)] == [(1,), (1, 2), (1, 2, 3), (1, 2, 4, 8), (1, 2, 4, 8, 9)]
    assert FixedBatching(max_batch_size=6, allowed_batch_sizes=(3, 6)).sizes == (3, 6)
    assert FixedBatching(max_batch_size=6, max_execution_batch_size=3).largest == 6, "it only counts where requests are cut"
    assert [padded((3, 6), rows) for rows in (1, 3, 4, 6, 7)] == [3, 3, 6, 6, 7]
    with pytest.raises(InvalidArgumentError, match="latency_target_seconds is nan"):
        AdaptiveBatching(latency_target_seconds=math.nan)


def taught(times: dict[int, float], target: float = 0.1, largest: int = 64) -> AdaptivePolicy:
    policy = AdaptivePolicy(AdaptiveBatching(target, largest))
    for size, seconds in times.items():
        policy.ran(size, 100.0)  # the first run of a size compiles
        policy.ran(size, seconds)
    return policy


def test_the_adaptive_policy_learns_how_large_a_batch_may_be() -> None:
    assert AdaptivePolicy(AdaptiveBatching()).limit(50) == 1, "nothing is known yet"
    assert taught({1: 0.010}).largest() == 4, "8 would take 80 ms if the time grew with the rows; a run gets 50"
    assert taught({1: 0.010, 4: 0.012}).largest() == 16
    assert taught({1: 0.010, 4: 0.012, 16: 0.060}).largest() == 8
    assert taught({1: 0.2}).largest() == 1, "a slow model still runs"
    assert taught({1: 0.0001}).limit(1000) == 64
    assert taught({1: 0.0}, target=0.0).ready_at(1, time.monotonic()) == 0.0, "nothing waits for more to come"


def test_the_adaptive_policy_follows_the_times() -> None:
    policy = taught({1: 0.010, 4: 0.012, 16: 0.045})
    assert policy.largest() == 16
    for _ in range(30):
        policy.ran(16, 0.2)
    assert policy.largest() == 8
    for _ in range(30):
        policy.ran(1, 0.2)
        policy.ran(4, 0.2)
    assert policy.largest() == 1


def test_one_run_that_was_held_up_does_not_shrink_batches() -> None:
    policy = taught({1: 0.0002, 2: 0.0002, 4: 0.0003, 8: 0.0004, 16: 0.0005, 32: 0.0008, 64: 0.0012})
    for size in (64, 32, 8):
        policy.ran(size, 2.0)
    assert policy.largest() == 64
    assert taught({1: 0.0002, 4: 1.0}).largest() > 4, "not even the first run of a size"
    for _ in range(20):
        policy.ran(64, 2.0)
    assert policy.largest() == 32, "but when it stays so it counts"


def test_between_two_sizes_the_cheaper_one_is_taken() -> None:
    flat = taught({1: 0.001, 2: 0.001, 4: 0.001, 8: 0.001, 16: 0.001})
    assert flat.limit(9) == 9, "padding to 16 costs nothing"
    steep = taught({1: 0.001, 2: 0.002, 4: 0.004, 8: 0.008, 16: 0.016})
    assert steep.limit(9) == 8, "padding to 16 would cost seven rows"
    assert steep.limit(16) == 16
    assert steep.limit(15) == 8


def test_a_size_that_was_too_slow_is_tried_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    policy = taught({1: 0.010, 4: 0.9})
    assert policy.largest() == 2
    now[0] += 5
    policy.ran(1, 0.010)
    assert policy.largest() == 2
    now[0] += 6
    policy.ran(1, 0.010)
    assert policy.largest() == 4, "its time is old news by now"
    policy.ran(4, 0.020)
    assert policy.largest() == 8


SHAPE = st.tuples(st.integers(1, 4), st.integers(1, 3))


@given(st.lists(SHAPE, min_size=1, max_size=6), st.integers(0, 3))
def test_stacking_and_splitting_give_back_the_inputs(shapes: list[tuple[int, int]], extra: int) -> None:
    numbers = np.random.default_rng(0)
    requests = [
        {
            "x": numbers.standard_normal((rows, width)).astype(np.float32),
            "s": np.array([f"{rows}{n}".encode() for n in range(rows)], object),
        }
        for rows, width in shapes
    ]
    counts = [rows for rows, _ in shapes]
    size = sum(counts) + extra
    whole = stack(requests, sum(counts), size)
    assert {name: value.shape[0] for name, value in whole.items()} == {"x": size, "s": size}
    for inputs, part in zip(requests, split(whole, counts), strict=True):
        width = inputs["x"].shape[1]
        assert np.array_equal(part["x"][:, :width], inputs["x"])
        assert (part["x"][:, width:] == inputs["x"].flat[0]).all(), "padded with its own first element"
        assert part["s"].tolist() == inputs["s"].tolist()
    for filler in whole["s"][sum(counts) :]:
        assert filler == requests[-1]["s"][0]


def test_kinds_and_rows() -> None:
    x, wide, scalar, empty = np.zeros((2, 3)), np.zeros((2, 4)), np.float32(1), np.zeros((0, 3))
    assert kind_of({"x": x}, False) == kind_of({"x": x[:1]}, False) != kind_of({"x": wide}, False)
    assert kind_of({"x": x}, True) == kind_of({"x": wide}, True) != kind_of({"x": x[0]}, True)
    assert kind_of({"x": np.zeros((2, 0))}, True) is None, "nothing to pad with"
    assert rows_of({"a": x, "b": wide}) == 2
    assert rows_of({"a": x, "b": x[:1]}) is None
    assert rows_of({"a": empty}) is None
    with pytest.raises(BatchDimensionError, match=r"output 'y' has the shape \(3,\) for inputs of 2 rows"):
        check_rows({"x": x, "y": np.zeros(3)}, 2)
    with pytest.raises(BatchDimensionError):
        check_rows({"y": np.asarray(scalar)}, 1)


@pytest.mark.parametrize(
    ("inputs", "outputs", "reason"),
    [
        ([None, 2], [None, 2], ""),
        ([], [None], "input 'x' is a scalar"),
        ([1, 2], [None], "input 'x' has a fixed dimension 0 of 1"),
        ([None], [], "output 'y' is a scalar"),
        ([None], [3], "output 'y' has a fixed dimension 0 of 3"),
        (None, [None], "input 'x' has an unknown rank"),
    ],
)
def test_which_signatures_are_batched(inputs: Any, outputs: Any, reason: str) -> None:
    signature = Signature({"x": TensorSpec(inputs, "float32")}, {"y": TensorSpec(outputs, "float32")})
    assert why_not_batched(signature) == reason
