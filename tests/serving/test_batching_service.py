"""Batching from the request to the model and back, in this process."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from headrace.core.errors import DeadlineExceededError, InternalError, InvalidArgumentError
from headrace.serving.batching.options import AdaptiveBatching, BatchingOptions, FixedBatching
from headrace.serving.batching.requests import DEFAULT_PRIORITY, priority_of
from headrace.serving.context import RequestContext
from headrace.serving.grpc.options import GrpcOptions
from headrace.serving.models import ModelSpec
from headrace.serving.rest.app import RestOptions
from headrace.serving.servable import State
from tests.serving import test_grpc_v2
from tests.serving.toy import QUICK, Service, ToyModel, wait_until, write_version
from tests.serving.toy_grpc import GrpcService, predict_request

X = np.float32([[1, 2]])
FIXED = BatchingOptions(FixedBatching(max_batch_size=16, batch_timeout_micros=50_000, num_batch_threads=2))


@contextlib.contextmanager
def serving(path: Path, options: BatchingOptions | None = None, **more: Any) -> Iterator[Service]:
    write_version(path, 1, 3.0)
    with Service(path, batching=options or BatchingOptions(), **more) as service:
        wait_until(lambda: service.lifecycle.available)
        yield service


def state(service: Service, version: int) -> State | None:
    return next((status.state for status in service.lifecycle.statuses() if status.version == version), None)


def runs(service: Service, signature: str) -> list[int]:
    """The rows of each run of a signature on the one model."""
    (model,) = service.engine.models.values()
    return [next(iter(shapes.values()))[0] for name, shapes in model.runs if name == signature]


def ask_together(service: Service, bodies: list[Any], path: str = "/v1/models/m:predict", **options: Any) -> list[httpx.Response]:
    """Sends all requests at once on one event loop."""

    async def send() -> list[httpx.Response]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=service.app), base_url="http://test") as client:
            requests = [client.post(path, content=json.dumps(body), **options) for body in bodies]
            return await asyncio.gather(*requests)

    return asyncio.run(send())


@pytest.mark.parametrize("options", [FIXED, BatchingOptions()])
def test_requests_over_rest_share_runs_and_get_their_own_answers(tmp_path: Path, options: BatchingOptions) -> None:
    with serving(tmp_path, options) as service:
        before = len(runs(service, "serving_default"))
        bodies = [{"instances": [[n, n + 0.5]] * (1 + n % 3)} for n in range(30)]
        answers = ask_together(service, bodies)
        for n, answer in enumerate(answers):
            assert answer.json() == {"predictions": [[3 * n, 3 * n + 1.5]] * (1 + n % 3)}
        assert len(runs(service, "serving_default")) - before < 15
        page = service.ask("GET", "/monitoring/prometheus/metrics").text
    label = 'model="m",version="1",signature="serving_default"'
    assert f"headrace_serving_batch_requests_sum{{{label}}} 30" in page
    assert f"headrace_serving_batch_rows_sum{{{label}}} 60" in page
    assert f"headrace_serving_batch_queue_wait_seconds_count{{{label}}} 30" in page
    pool = "batch_threads" if options is FIXED else "adaptive"
    assert f':tensorflow:serving:batching_session:queuing_latency_count{{thread_pool_name="{pool}"}} 30' in page


def test_requests_of_the_v2_protocol_share_runs(tmp_path: Path) -> None:
    with serving(tmp_path, FIXED) as service:
        before = len(runs(service, "serving_default"))
        tensors = [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [n, n + 0.5]} for n in range(30)]
        answers = ask_together(service, [{"inputs": [tensor]} for tensor in tensors], "/v2/models/m/infer")
        for n, answer in enumerate(answers):
            assert answer.json()["outputs"] == [{"name": "y", "datatype": "FP32", "shape": [1, 2], "data": [3 * n, 3 * n + 1.5]}]
        assert len(runs(service, "serving_default")) - before < 15


def test_what_goes_wrong_in_a_batch_is_answered_where_it_belongs(tmp_path: Path) -> None:
    with serving(tmp_path, FIXED) as service:
        bodies: list[Any] = [{"instances": [[1.0, n]]} for n in range(4)]
        bodies[1] = {"instances": [[1.0]]}
        bodies[2] = {"signature_name": "nothing", "instances": [[1.0, 2.0]]}
        bodies[3] = {"instances": [[1.0, 2.0]] * 17}
        answers = ask_together(service, bodies)
        assert [answer.status_code for answer in answers] == [200, 400, 400, 400]
        assert answers[3].json() == {"error": "Task size 17 is larger than maximum input batch size 16; send fewer rows"}
        assert service.predict(b"nonsense").status_code == 400
        assert service.predict({"instances": []}, "/v1/models/other:predict").status_code == 404
        assert service.predict({"signature_name": "total", "inputs": [1.0, 2.0]}).json() == {"outputs": 3.0}, "not batched"
        assert service.predict({"signature_name": "broken", "inputs": [1.0]}).status_code == 500


def test_large_bodies_and_answers_take_the_threads(tmp_path: Path) -> None:
    with serving(tmp_path) as service:
        rows = np.arange(8000.0).reshape(-1, 2)
        answer = service.predict({"instances": rows.tolist()})
        assert answer.json()["predictions"] == (rows * 3).tolist()


def test_a_full_queue_is_answered_503(tmp_path: Path) -> None:
    options = BatchingOptions(FixedBatching(max_batch_size=1, max_enqueued_batches=1, num_batch_threads=1))
    with serving(tmp_path, options) as service:
        answers = ask_together(service, [{"signature_name": "slow", "inputs": [0.2]}] * 6)
        codes = sorted(answer.status_code for answer in answers)
        assert set(codes) == {200, 503}
        assert codes.count(200) <= 2
        assert "The batch scheduling queue to which this task was submitted is full" in answers[-1].json()["error"]
        page = service.ask("GET", "/monitoring/prometheus/metrics").text
    dropped = 'headrace_serving_batch_dropped_total{model="m",version="1",signature="slow",reason="full"}'
    assert f"{dropped} {codes.count(503)}" in page


def test_a_request_that_waits_too_long_is_not_run(tmp_path: Path) -> None:
    options = BatchingOptions(FixedBatching(max_batch_size=1, num_batch_threads=1))
    with serving(tmp_path, options, rest=RestOptions(timeout_seconds=0.3)) as service:
        before = len(runs(service, "slow"))
        answers = ask_together(service, [{"signature_name": "slow", "inputs": [1.0]}] * 3)
        assert [answer.status_code for answer in answers] == [504] * 3
        time.sleep(1.2)
        assert len(runs(service, "slow")) <= before + 1


def within(seconds: float) -> RequestContext:
    """The context of a request that has so much time from now on."""
    return RequestContext(deadline=time.monotonic() + seconds)


def test_callers_on_threads_wait_for_their_batch(tmp_path: Path) -> None:
    with serving(tmp_path, FIXED) as service:
        answers: dict[int, Any] = {}

        def ask(n: int) -> None:
            answers[n] = service.dataplane.predict(ModelSpec("m"), {"x": np.float32([[n, n]])}, context=within(30))

        threads = [threading.Thread(target=ask, args=(n,)) for n in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert {n: answer.outputs["y"].tolist() for n, answer in answers.items()} == {n: [[3 * n, 3 * n]] for n in range(16)}
        assert len(runs(service, "serving_default")) < 16 + 12, "12 of them warmed it up"
        with pytest.raises(DeadlineExceededError, match="ran out before the model had run"):
            service.dataplane.predict(ModelSpec("m", signature="slow"), {"seconds": np.float32([1])}, context=within(0.1))
        with pytest.raises(DeadlineExceededError, match="ran out before the model could run"):
            service.dataplane.predict(ModelSpec("m"), {"x": np.float32([[1, 1]])}, context=within(-1))
        service.engine.models[tmp_path / "1"]._serving_default = lambda x: 1 / 0
        with pytest.raises(InternalError, match="model m version 1 failed: ZeroDivisionError"):
            service.dataplane.predict(ModelSpec("m"), {"x": np.float32([[1, 1]])})
        with pytest.raises(InvalidArgumentError, match="priority is 9"):
            service.dataplane.predict(ModelSpec("m"), {"x": np.float32([[1, 1]])}, context=RequestContext(priority=9))


@pytest.mark.parametrize("method", ["Predict", "ModelInfer"])
def test_a_call_that_holds_a_thread_runs_the_batch_itself_where_nobody_else_does(tmp_path: Path, method: str) -> None:
    write_version(tmp_path, 7, 3.0)
    with GrpcService(tmp_path, GrpcOptions(threads=2), batching=BatchingOptions()) as service:
        client = service.client()
        threads: list[str] = []

        def run(x: Any) -> dict[str, Any]:
            threads.append(threading.current_thread().name)
            return {"y": 3 * x}

        service.engine.models[tmp_path / "7"]._serving_default = run
        with service.models.acquire(ModelSpec("m")) as handle:
            batcher = handle.batcher("serving_default")
        assert batcher is not None
        for _ in range(3):
            if method == "Predict":
                client.call(method, predict_request(x=X))
            else:
                test_grpc_v2.ask(client, test_grpc_v2.request_of(True, x=("FP32", X)))
            wait_until(lambda: not batcher.busy)
        assert [name.partition("-")[0] for name in threads] == ["grpc"] * 3


def test_a_queued_request_keeps_its_version(tmp_path: Path) -> None:
    """It waits for no fuller batch once the version is to go."""
    options = BatchingOptions(FixedBatching(max_batch_size=16, batch_timeout_micros=600_000_000, num_batch_threads=1))
    with serving(tmp_path, options) as service:
        with service.models.acquire(ModelSpec("m")) as handle:
            batcher = handle.batcher("serving_default")
            assert batcher is not None
            batcher.hold()
            pending = service.dataplane.start(handle, "", {"x": np.float32([[1, 1]])}, (), "Predict", RequestContext())
        write_version(tmp_path, 2, 5.0)
        wait_until(lambda: state(service, 1) is State.UNLOADING)
        assert not pending.done
        assert not service.engine.models[tmp_path / "1"].closed
        batcher.resume()
        prediction = pending.result()
        assert (prediction.version, prediction.outputs["y"].tolist()) == (1, [[3, 3]])
        wait_until(lambda: state(service, 1) is State.END)
        assert service.engine.models[tmp_path / "1"].closed


def test_threads_do_not_add_up_over_swaps(tmp_path: Path) -> None:
    with serving(tmp_path, FIXED) as service:

        def batch_threads() -> list[str]:
            return [thread.name for thread in threading.enumerate() if thread.name.startswith("batch-m-")]

        for version in range(2, 22):
            answers = ask_together(service, [{"instances": [[1.0, 1.0]]}] * 4)
            assert {answer.status_code for answer in answers} == {200}
            assert 1 <= len(batch_threads()) <= 2
            write_version(tmp_path, version, float(version))
            wait_until(lambda number=version - 1: state(service, number) is State.END)
            assert batch_threads() == []


def test_a_version_may_bring_parameters_of_its_own(tmp_path: Path) -> None:
    text = "max_batch_size { value: 3 } batch_timeout_micros { value: 30000 } num_batch_threads { value: 1 }"
    hidden = write_version(tmp_path / "elsewhere", 2)
    (hidden / "batching_params.pbtxt").write_text(text)
    with serving(tmp_path, BatchingOptions(AdaptiveBatching(), per_model_parameters=True)) as service:
        hidden.rename(tmp_path / "2")
        wait_until(lambda: state(service, 2) is State.AVAILABLE)
        answer = service.predict({"instances": [[1.0, 2.0]] * 4})
        assert (answer.status_code, answer.json()["error"][:37]) == (400, "Task size 4 is larger than maximum in")
        bad = write_version(tmp_path / "elsewhere", 3)
        (bad / "batching_params.pbtxt").write_text("max_batch_size { value: 3 } allowed_batch_sizes: 2")
        bad.rename(tmp_path / "3")
        wait_until(lambda: state(service, 3) is State.END)
        error = service.lifecycle.statuses()[0].error
        assert error is not None
        assert "batching_params.pbtxt: Last entry in allowed_batch_sizes must match max_batch_size" in error.message
        assert service.lifecycle.available, "version 2 goes on serving"


def test_every_batch_size_is_warm_before_a_version_serves(tmp_path: Path) -> None:
    with serving(tmp_path, BatchingOptions(AdaptiveBatching(max_batch_size=8))) as service:
        assert runs(service, "serving_default") == [1, 1, 1, 2, 2, 4, 4, 8, 8]
        assert runs(service, "total") == [1], "this one is not batched"


def test_warming_stops_where_batches_take_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ToyModel, "_divide", lambda _, x: time.sleep(0.3 * len(x)) or {"y": 1 / x})
    with serving(tmp_path, BatchingOptions(AdaptiveBatching(2.36, max_batch_size=8)), lifecycle=QUICK) as service:
        assert runs(service, "divide") == [1, 1, 1, 2, 2], (
            "a run gets 1.18 s, and 4 rows would take 1.2; a busy machine may add 0.28"
        )


@pytest.mark.parametrize(
    ("header", "priority"),
    [
        ("u=0", 0),
        ("u=7, i", 7),
        ("i, u=2", 2),
        ("i;x=1,u=5;y", 5),
        *[(header, DEFAULT_PRIORITY) for header in ("", "u=8", "u=-1", "u=11", "xu=1", "u", "u=1x", "nonsense")],
    ],
)
def test_the_priority_header(header: str, priority: int) -> None:
    assert priority_of(header) == priority


def test_urgent_requests_over_rest_run_first(tmp_path: Path) -> None:
    options = BatchingOptions(FixedBatching(max_batch_size=1, num_batch_threads=1))
    with serving(tmp_path, options) as service:
        (model,) = service.engine.models.values()
        order: list[float] = []
        model._divide = lambda x: order.append(float(x[0])) or {"y": 1 / x}

        async def send() -> None:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app=service.app), base_url="http://test") as client:

                async def ask(body: Any, header: str) -> None:
                    answer = await client.post("/v1/models/m:predict", content=json.dumps(body), headers={"Priority": header})
                    assert answer.status_code == 200

                await asyncio.gather(
                    ask({"signature_name": "slow", "inputs": [0.3]}, "u=0"),
                    *(ask({"signature_name": "divide", "inputs": [float(u)]}, f"u={u}") for u in (6, 2, 4, 1)),
                )

        asyncio.run(send())
    assert order == [1, 2, 4, 6]
