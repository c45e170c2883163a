"""The batcher with its threads: what comes in goes out once, to whom it belongs."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.core.errors import DeadlineExceededError, InternalError, InvalidArgumentError, OpError, UnavailableError
from headrace.core.spec import TensorSpec
from headrace.serving.batching.batcher import Batcher
from headrace.serving.batching.metrics import BatchingMetrics
from headrace.serving.batching.options import AdaptiveBatching, FixedBatching
from headrace.serving.batching.tensors import BatchDimensionError
from headrace.serving.engines.base import Array, Signature
from headrace.serving.promise import Promise
from tests.serving.toy import wait_until

VECTOR = TensorSpec([None], "float32")
SIGNATURES = {
    "double": Signature({"x": TensorSpec([None, None], "float32")}, {"y": TensorSpec([None, None], "float32")}),
    "invert": Signature({"x": VECTOR}, {"y": VECTOR}),
    "pair": Signature({"a": VECTOR, "b": VECTOR}, {"sum": VECTOR}),
    "longer": Signature({"x": VECTOR}, {"y": VECTOR}),
    "total": Signature({"x": VECTOR}, {"y": TensorSpec([], "float32")}),
}


class Model:
    """Counts its runs; `gate` holds them back while it is closed."""

    def __init__(self) -> None:
        self.runs: list[tuple[str, int]] = []
        self.threads: list[str] = []
        self.gate = threading.Event()
        self.gate.set()

    def run(self, signature: str, inputs: Mapping[str, Array]) -> dict[str, Array]:
        first = next(iter(inputs.values()))
        self.runs.append((signature, len(first)))
        self.threads.append(threading.current_thread().name)
        assert self.gate.wait(30)
        outputs: dict[str, Array] = getattr(self, signature)(**inputs)
        return outputs

    def double(self, x: Array) -> dict[str, Array]:
        return {"y": 2 * x}

    def invert(self, x: Array) -> dict[str, Array]:
        if (x == 0).any():
            raise ValueError("no inverse of 0")
        return {"y": 1 / x}

    def pair(self, a: Array, b: Array) -> dict[str, Array]:
        return {"sum": a.sum() + b} if len(a) != len(b) else {"sum": a + b}

    def longer(self, x: Array) -> dict[str, Array]:
        return {"y": np.append(x, np.float32(0))}


@contextmanager
def batching(scheme: FixedBatching | AdaptiveBatching) -> Iterator[tuple[Batcher, Model]]:
    model = Model()
    batcher = Batcher("m", 7, SIGNATURES, model.run, scheme, BatchingMetrics())
    try:
        yield batcher, model
    finally:
        model.gate.set()
        batcher.close()
        assert not [thread for thread in threading.enumerate() if thread.name.startswith("batch-m-7")]


def row(*values: float) -> dict[str, Array]:
    return {"x": np.float32(values)}


def matrix(rows: int, width: int, value: float) -> dict[str, Array]:
    return {"x": np.full((rows, width), value, np.float32)}


@contextmanager
def busy(batcher: Batcher, model: Model) -> Iterator[None]:
    """Inside, the one thread is at a run that does not end, so that requests have to wait; they run at the end."""
    before = len(model.runs)
    model.gate.clear()
    first = batcher.submit("double", matrix(1, 1, 0.0))
    wait_until(lambda: len(model.runs) == before + 1)
    yield
    model.gate.set()
    first.result(30)


ONE_THREAD = FixedBatching(max_batch_size=8, num_batch_threads=1, max_enqueued_batches=2)


def test_requests_that_wait_share_a_batch_and_its_padding() -> None:
    with batching(ONE_THREAD) as (batcher, model):
        with busy(batcher, model):
            promises = [batcher.submit("double", matrix(rows, 2, value)) for rows, value in ((1, 1.0), (2, 2.0), (2, 3.0))]
        for promise, wanted in zip(promises, ([[2, 2]], [[4, 4]] * 2, [[6, 6]] * 2), strict=True):
            assert promise.result(30)["y"].tolist() == wanted
        assert model.runs[1:] == [("double", 8)]


def test_other_shapes_and_signatures_make_batches_of_their_own() -> None:
    with batching(ONE_THREAD) as (batcher, model):
        with busy(batcher, model):
            wide = [batcher.submit("double", matrix(1, width, width)) for width in (2, 3, 2, 3)]
            others = [batcher.submit("invert", row(2.0, 4.0)) for _ in range(2)]
        assert [promise.result(30)["y"].tolist() for promise in wide] == [[[4, 4]], [[6, 6, 6]], [[4, 4]], [[6, 6, 6]]]
        assert [promise.result(30)["y"].tolist() for promise in others] == [[0.5, 0.25]] * 2
        assert model.runs[1:] == [("double", 2), ("double", 2), ("invert", 4)]


def test_variable_lengths_are_padded_where_the_parameters_say_so() -> None:
    with batching(FixedBatching(max_batch_size=8, num_batch_threads=1, pad_variable_length_inputs=True)) as (batcher, model):
        with busy(batcher, model):
            promises = [batcher.submit("double", matrix(1, width, width)) for width in (2, 3)]
        assert [promise.result(30)["y"].tolist() for promise in promises] == [[[4, 4, 4]], [[6, 6, 6]]]
        assert model.runs[1:] == [("double", 2)]


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was warned of; an earlier test may have turned lower levels on."""
    return [record.message for record in caplog.records if record.levelno >= logging.WARNING]


def test_an_error_goes_to_the_request_that_causes_it(caplog: pytest.LogCaptureFixture) -> None:
    with batching(ONE_THREAD) as (batcher, model):
        with caplog.at_level(logging.WARNING), busy(batcher, model):
            promises = [batcher.submit("invert", row(value)) for value in (1.0, 0.0, 4.0)]
        assert [promises[index].result(30)["y"].tolist() for index in (0, 2)] == [[1], [0.25]]
        with pytest.raises(ValueError, match="no inverse of 0"):
            promises[1].result(30)
        assert model.runs[1:] == [("invert", 4), ("invert", 1), ("invert", 1), ("invert", 1)], "once together, once alone"
        assert warnings(caplog) == ["a batch failed; running its requests one by one"]
        with pytest.raises(ValueError, match="no inverse"):
            batcher.submit("invert", row(0.0)).result(30)
        assert model.runs[5:] == [("invert", 1)], "what failed alone is not tried again"


def test_an_output_without_the_batch_dimension_ends_batching_of_its_signature(caplog: pytest.LogCaptureFixture) -> None:
    with batching(ONE_THREAD) as (batcher, model):
        assert batcher.batches("longer")
        with caplog.at_level(logging.WARNING), busy(batcher, model):
            promises = [batcher.submit("longer", row(3.0, value)) for value in (1.0, 2.0)]
        assert [promise.result(30)["y"].tolist() for promise in promises] == [[3, 1, 0], [3, 2, 0]], "each is run alone"
        assert warnings(caplog) == [
            "not batched any more: output 'y' has the shape (5,) for inputs of 4 rows; expected 4 as its first dimension."
            " Its signature is not batched any more"
        ]
        assert not batcher.batches("longer")
        assert batcher.batches("double")
        assert batcher.submit("longer", row(1.0)).result(30)["y"].tolist() == [1, 0], "one on its way still runs"


def test_what_cannot_be_batched_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "headrace.serving"), batching(ONE_THREAD) as (batcher, _):
        assert not batcher.batches("total")
        assert batcher.sizes("total") == ()
        assert batcher.sizes("double") == (1, 2, 4, 8)
    assert [record.message for record in caplog.records] == ["not batched: output 'y' is a scalar"]


def test_requests_with_no_rows_or_uneven_ones_run_alone() -> None:
    with batching(ONE_THREAD) as (batcher, model):
        with busy(batcher, model):
            empty = batcher.submit("double", matrix(0, 2, 0.0))
            uneven = batcher.submit("pair", {"a": np.float32([1, 2]), "b": np.float32([1])})
            even = [batcher.submit("pair", {"a": np.float32([1]), "b": np.float32([1])}) for _ in range(2)]
        assert empty.result(30)["y"].shape == (0, 2)
        assert uneven.result(30)["sum"].tolist() == [4]
        assert [promise.result(30)["sum"].tolist() for promise in even] == [[2]] * 2
        assert sorted(model.runs[1:]) == [("double", 0), ("pair", 2), ("pair", 2)]


def test_urgent_requests_run_first() -> None:
    with batching(FixedBatching(max_batch_size=1, num_batch_threads=1)) as (batcher, model):
        order: list[int] = []
        with busy(batcher, model):
            for priority in (7, 3, 0, 3):
                promise = batcher.submit("double", matrix(1, 1, priority), priority=priority)
                promise.when_done(lambda done=promise: order.append(int(done.result()["y"][0, 0] / 2)))
        wait_until(lambda: len(order) == 4)
        assert order == [0, 3, 3, 7]
        for priority in (-1, 8):
            with pytest.raises(InvalidArgumentError, match="expected 0, the most urgent, to 7"):
                batcher.submit("double", matrix(1, 1, 0.0), priority=priority)


def test_a_request_whose_time_is_over_is_not_run() -> None:
    with batching(ONE_THREAD) as (batcher, model):
        with busy(batcher, model):
            late = batcher.submit("double", matrix(1, 1, 1.0), deadline=time.monotonic() + 0.01)
            cancelled = batcher.submit("double", matrix(1, 1, 2.0))
            good = batcher.submit("double", matrix(1, 1, 3.0), deadline=time.monotonic() + 60)
            assert cancelled.cancel()
            time.sleep(0.02)
        with pytest.raises(DeadlineExceededError, match="ran out before the model could run"):
            late.result(30)
        assert good.result(30)["y"].tolist() == [[6]]
        assert model.runs[1:] == [("double", 1)]


def test_a_full_queue_refuses_at_once() -> None:
    with batching(ONE_THREAD) as (batcher, model):
        with busy(batcher, model):
            promises = [batcher.submit("double", matrix(4, 1, 1.0)) for _ in range(4)]
            with pytest.raises(UnavailableError, match=r"full; 16 rows of at most 16 are waiting; try again later"):
                batcher.submit("double", matrix(1, 1, 1.0))
            others = batcher.submit("invert", row(1.0))
        assert all(promise.result(30)["y"].shape == (4, 1) for promise in [*promises])
        assert others.result(30)["y"].tolist() == [1], "another signature has a queue of its own"


def test_a_batch_waits_for_its_timeout_unless_it_is_full() -> None:
    with batching(FixedBatching(max_batch_size=2, num_batch_threads=1, batch_timeout_micros=1_500_000)) as (batcher, model):
        started = time.monotonic()
        batcher.submit("double", matrix(1, 1, 1.0)).result(30)
        assert time.monotonic() - started >= 1.5
        assert model.runs == [("double", 1)]
    with batching(FixedBatching(max_batch_size=2, num_batch_threads=1, batch_timeout_micros=600_000_000)) as (batcher, model):
        promises = [batcher.submit("double", matrix(1, 1, 1.0)) for _ in range(2)]
        assert all(promise.result(60) for promise in promises), "a full one does not wait for ten minutes"
        assert model.runs == [("double", 2)]


def test_large_requests_are_cut_and_put_together_again() -> None:
    scheme = FixedBatching(max_batch_size=20, enable_large_batch_splitting=True, max_execution_batch_size=4, num_batch_threads=2)
    with batching(scheme) as (batcher, model):
        x = np.arange(10, dtype=np.float32)[:, np.newaxis]
        assert batcher.submit("double", {"x": x}).result(30)["y"].tolist() == (2 * x).tolist()
        assert sorted(model.runs) == [("double", 2), ("double", 4), ("double", 4)]
        with pytest.raises(InvalidArgumentError, match="Task size 21 is larger than maximum input batch size 20"):
            batcher.submit("double", matrix(21, 1, 1.0))
        with pytest.raises(ValueError, match="no inverse"):
            batcher.submit("invert", row(*[1.0] * 5, 0.0)).result(30)
        with pytest.raises(BatchDimensionError, match="output 'y' has the shape"):
            batcher.submit("longer", row(*[1.0] * 5)).result(30)


def test_a_large_request_that_is_called_off_is_not_run() -> None:
    scheme = FixedBatching(max_batch_size=8, enable_large_batch_splitting=True, max_execution_batch_size=4, num_batch_threads=1)
    with batching(scheme) as (batcher, model):
        with busy(batcher, model):
            assert batcher.submit("double", matrix(8, 1, 1.0)).cancel()
        assert batcher.submit("double", matrix(1, 1, 1.0)).result(30)
        assert model.runs[1:] == [("double", 1)]


def test_adaptive_batches_form_while_the_engine_is_busy() -> None:
    with batching(AdaptiveBatching(max_batch_size=8)) as (batcher, model):
        for size in batcher.sizes("double"):
            for _ in range(2):
                batcher.learn("double", size, 0.0001)
        with busy(batcher, model):
            promises = [batcher.submit("double", matrix(1, 1, value)) for value in range(11)]
            large = batcher.submit("double", matrix(30, 1, 1.0))
        assert [promise.result(30)["y"].tolist() for promise in promises] == [[[2 * value]] for value in range(11)]
        assert large.result(30)["y"].shape == (30, 1), "a request over the limit makes a batch of its own"
        assert model.runs[1:] == [("double", 8), ("double", 4), ("double", 30)]


def test_a_caller_that_waits_runs_the_batch_where_nobody_else_does() -> None:
    with batching(ONE_THREAD) as (batcher, model):
        here = threading.current_thread().name
        assert batcher.submit("double", matrix(1, 1, 1.0), lend_thread=True).result(0)["y"].tolist() == [[2]]
        with busy(batcher, model):
            promises = [batcher.submit("double", matrix(1, 1, 1.0), lend_thread=True) for _ in range(3)]
            assert not any(promise.done for promise in promises), "one batch runs at a time"
        assert all(promise.result(30)["y"].tolist() == [[2]] for promise in promises)
        with pytest.raises(ValueError, match="no inverse"):
            batcher.submit("invert", row(0.0), lend_thread=True).result(0)
        batcher.hold()
        held = batcher.submit("double", matrix(1, 1, 1.0), lend_thread=True)
        assert not held.done
        batcher.resume()
        assert held.result(30)
    assert model.threads == [here, "batch-m-7-0", "batch-m-7-0", here, "batch-m-7-0"]


def test_held_batches_start_when_they_are_let_go() -> None:
    with batching(ONE_THREAD) as (batcher, model):
        batcher.hold()
        promises = [batcher.submit("double", matrix(1, 1, 1.0)) for _ in range(3)]
        time.sleep(0.05)
        assert not model.runs
        batcher.resume()
        assert all(promise.result(30) for promise in promises)
        assert model.runs == [("double", 4)]


def test_what_waits_still_runs_when_the_version_ends() -> None:
    with batching(FixedBatching(max_batch_size=8, num_batch_threads=1, batch_timeout_micros=60_000_000)) as (batcher, _):
        promises = [batcher.submit("double", matrix(1, 1, 1.0)) for _ in range(3)]
        batcher.close()
        assert all(promise.result(0)["y"].tolist() == [[2]] for promise in promises)
        with pytest.raises(UnavailableError, match="version 7 of model m is being unloaded"):
            batcher.submit("double", matrix(1, 1, 1.0))


def test_a_version_that_is_to_end_waits_for_no_full_batch() -> None:
    idle = threading.Event()
    model = Model()
    scheme = FixedBatching(max_batch_size=8, num_batch_threads=1, batch_timeout_micros=600_000_000)
    batcher = Batcher("m", 7, SIGNATURES, model.run, scheme, BatchingMetrics(), idle.set)
    first = batcher.submit("double", matrix(1, 1, 1.0))
    called_off = batcher.submit("double", matrix(1, 1, 2.0))
    assert called_off.cancel()
    time.sleep(0.02)
    assert (batcher.busy, idle.is_set(), model.runs) == (True, False, [])
    batcher.hurry()
    assert first.result(30)["y"].tolist() == [[2]]
    assert idle.wait(30)
    assert not batcher.busy
    assert batcher.submit("double", matrix(1, 1, 3.0)).result(30)["y"].tolist() == [[6]], "one on its way waits no more either"
    batcher.close()
    assert model.runs == [("double", 1), ("double", 1)]


def test_a_batch_that_fills_is_seen_while_a_thread_waits_for_its_time() -> None:
    """Requests of a batch that is not full wake no thread that will look in time; the one that fills it does."""
    with batching(FixedBatching(max_batch_size=4, num_batch_threads=1, batch_timeout_micros=300_000)) as (batcher, model):
        started = time.monotonic()
        promises = []
        for number in range(3):
            promises.append(batcher.submit("double", matrix(1, 1, number)))
            time.sleep(0.01)
        assert [promise.result(30)["y"].tolist() for promise in promises] == [[[0]], [[2]], [[4]]]
        assert time.monotonic() - started >= 0.3
        promises = [batcher.submit("double", matrix(1, 1, number)) for number in range(4)]
        assert all(promise.result(30) for promise in promises)
        assert model.runs == [("double", 4), ("double", 4)]


def test_a_fault_of_ours_leaves_nobody_waiting(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    with batching(ONE_THREAD) as (batcher, model):
        monkeypatch.setattr(BatchingMetrics, "batch", lambda *_: 1 / 0)
        with pytest.raises(InternalError, match="its log says why"):
            batcher.submit("double", matrix(1, 1, 1.0)).result(30)
        monkeypatch.undo()
        assert batcher.submit("double", matrix(1, 1, 1.0)).result(30)["y"].tolist() == [[2]], "the thread goes on"
        assert "a batch was lost" in caplog.text
        assert model.runs == [("double", 1)]


ASKED = st.tuples(
    st.sampled_from(["double", "invert", "longer", "pair"]),
    st.integers(0, 5),  # rows
    st.integers(1, 2),  # width, of "double"
    st.booleans(),  # a zero within, which "invert" refuses
    st.integers(0, 7),  # priority
)
SCHEMES: list[Callable[[], FixedBatching | AdaptiveBatching]] = [
    AdaptiveBatching,
    lambda: AdaptiveBatching(max_batch_size=3, num_batch_threads=3),
    lambda: FixedBatching(max_batch_size=5, num_batch_threads=2, batch_timeout_micros=500, allowed_batch_sizes=(2, 5)),
    lambda: FixedBatching(
        max_batch_size=5,
        num_batch_threads=3,
        enable_large_batch_splitting=True,
        max_execution_batch_size=2,
        max_enqueued_batches=99,
    ),
]


@settings(max_examples=60, deadline=None)
@given(st.lists(ASKED, min_size=1, max_size=24), st.sampled_from(SCHEMES), st.integers(1, 4))
def test_whatever_comes_from_whomever_everyone_gets_his_own_answer_once(
    asked: list[tuple[str, int, int, bool, int]], scheme: Callable[[], FixedBatching | AdaptiveBatching], clients: int
) -> None:
    """Requests of all kinds from several threads; each answer is the one that the request gets alone."""
    numbers = np.random.default_rng(len(asked))
    requests = []
    for signature, rows, width, zero, priority in asked:
        values = (1 + numbers.integers(1, 50, (rows, width))).astype(np.float32)
        if zero and rows:
            values[rows // 2] = 0
        inputs = {"x": values if signature == "double" else values[:, 0]}
        if signature == "pair":
            inputs = {"a": inputs["x"], "b": inputs["x"] + 1}
        requests.append((signature, inputs, priority))
    answers: dict[int, list[Promise[dict[str, Array]] | OpError]] = {index: [] for index in range(len(requests))}

    def ask(client: int, batcher: Batcher) -> None:
        for index in range(client, len(requests), clients):
            signature, inputs, priority = requests[index]
            try:
                answers[index].append(batcher.submit(signature, inputs, time.monotonic() + 60, priority, client % 2 == 0))
            except UnavailableError as error:
                answers[index].append(error)

    with batching(scheme()) as (batcher, model):
        threads = [threading.Thread(target=ask, args=(client, batcher)) for client in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        for index, (signature, inputs, _) in enumerate(requests):
            (found,) = answers[index]
            if isinstance(found, Promise):
                check(found, model, signature, inputs)
            else:
                assert "full" in found.message


def check(promise: Promise[dict[str, Array]], model: Model, signature: str, inputs: dict[str, Any]) -> None:
    try:
        wanted = getattr(model, signature)(**inputs)
    except ValueError as error:
        with pytest.raises(ValueError, match=str(error)):
            promise.result(30)
        return
    try:
        found = promise.result(30)
    except BatchDimensionError:
        assert signature == "longer", "only a request that is cut in pieces may get this"
        assert len(inputs["x"]) > 2
        return
    for name, value in wanted.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-6)
