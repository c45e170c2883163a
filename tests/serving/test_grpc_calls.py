"""Deadlines, cancellation, full queues, drain and metrics of gRPC calls."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import grpc
import numpy as np
import pytest

from headrace.serving.batching.options import BatchingOptions, FixedBatching
from headrace.serving.batching.requests import DEFAULT_PRIORITY
from headrace.serving.context import RequestContext
from headrace.serving.engines.base import Array
from headrace.serving.grpc.calls import Call
from headrace.serving.grpc.options import GrpcOptions
from headrace.serving.lifecycle import LifecycleOptions
from headrace.serving.models import ModelSpec
from headrace.serving.servable import Handle
from tests.serving.test_metrics import labels, read
from tests.serving.toy import ToyEngine, ToyModel, wait_until, write_version
from tests.serving.toy_grpc import GrpcService, outputs, predict_request

X = np.float32([[1, 2]])


class GatedModel(ToyModel):
    """Its `slow` runs wait until the gate is opened."""

    gate = threading.Event()

    def run(self, signature: str, inputs: Mapping[str, Array]) -> dict[str, Array]:
        if signature == "slow":
            assert self.gate.wait(60)
            self.runs.append((signature, {}))
            return {"done": inputs["seconds"] >= 0}
        return super().run(signature, inputs)


class GatedEngine(ToyEngine):
    model = GatedModel


def slow_request() -> object:
    return predict_request("slow", seconds=np.float32([0]))


@pytest.fixture
def service(tmp_path: Path) -> Iterator[GrpcService]:
    """One thread and room for two more requests."""
    GatedModel.gate = threading.Event()
    write_version(tmp_path, 3, 2.0)
    cold = LifecycleOptions(poll_seconds=0.02, warm_up=False)
    with GrpcService(tmp_path, GrpcOptions(threads=1, max_waiting=2), engine=GatedEngine(), lifecycle=cold) as service:
        try:
            yield service
        finally:
            GatedModel.gate.set()


def in_flight(service: GrpcService) -> float:
    found = read(service.metrics.page(service.models))
    return found.get("headrace_serving_requests_in_flight", {}).get(labels(protocol="GRPC"), 0)


def counts(service: GrpcService) -> dict[str, float]:
    """Answered requests by status."""
    found = read(service.metrics.page(service.models)).get(":tensorflow:serving:request_count_total", {})
    return {dict(key)["status"]: value for key, value in found.items()}


def runs(service: GrpcService, signature: str) -> int:
    return [name for model in service.engine.models.values() for name, _ in model.runs].count(signature)


def test_a_deadline_that_passes_during_the_run(service: GrpcService) -> None:
    assert service.client().refusal("Predict", slow_request(), timeout=0.3)[0] == "DEADLINE_EXCEEDED"
    GatedModel.gate.set()
    wait_until(lambda: counts(service) == {"DEADLINE_EXCEEDED": 1} or counts(service) == {"CANCELLED": 1})


def test_a_request_whose_deadline_has_passed_is_not_run(service: GrpcService) -> None:
    client = service.client()
    busy = client.method("Predict").future(slow_request())
    wait_until(lambda: in_flight(service) == 1)
    assert client.refusal("Predict", predict_request(x=X), timeout=0.2)[0] == "DEADLINE_EXCEEDED"
    GatedModel.gate.set()
    assert busy.result(60)
    assert outputs(client.call("Predict", predict_request("total", x=X[0]))) == {"total": 3}
    assert runs(service, "serving_default") == 0


def test_a_request_that_was_cancelled_is_not_run(service: GrpcService) -> None:
    client = service.client()
    busy = client.method("Predict").future(slow_request())
    wait_until(lambda: in_flight(service) == 1)
    waiting = client.method("Predict").future(predict_request(x=X))
    wait_until(lambda: service.server._workers.waiting == 1)
    waiting.cancel()
    time.sleep(0.2)  # for the word to arrive
    GatedModel.gate.set()
    assert busy.result(60)
    assert outputs(client.call("Predict", predict_request("total", x=X[0]))) == {"total": 3}
    assert runs(service, "serving_default") == 0


def test_a_client_that_goes_away_frees_its_thread(service: GrpcService) -> None:
    gone = service.client()
    call = gone.method("Predict").future(slow_request())
    wait_until(lambda: in_flight(service) == 1)
    gone.close()
    assert call.code() is grpc.StatusCode.CANCELLED
    time.sleep(1.0)  # the server hears of it a moment after the client has said so, and nothing tells when
    GatedModel.gate.set()
    wait_until(lambda: in_flight(service) == 0)
    assert service.client().call("Predict", predict_request(x=X))
    assert counts(service) == {"CANCELLED": 1, "OK": 1}


def test_a_full_queue_sheds_at_once(service: GrpcService) -> None:
    client = service.client()
    calls = [client.method("Predict").future(slow_request())]
    wait_until(lambda: in_flight(service) == 1)
    calls += [client.method("Predict").future(slow_request()) for _ in range(2)]
    wait_until(lambda: service.server._workers.waiting == 2)
    for _ in range(3):
        assert client.refusal("Predict", predict_request(x=X)) == (
            "UNAVAILABLE",
            "2 requests are waiting, as many as this server lets wait; try again later",
        )
    request = predict_request()
    request.ClearField("inputs")
    assert client.refusal("GetModelStatus", b"")[0] == "INVALID_ARGUMENT"  # what runs no model is answered all the same
    GatedModel.gate.set()
    assert [bool(call.result(60)) for call in calls] == [True, True, True]
    assert client.call("Predict", predict_request(x=X))
    assert counts(service) == {"UNAVAILABLE": 3, "OK": 4}


def test_drain_answers_what_is_in_progress_and_takes_nothing_more(service: GrpcService) -> None:
    client = service.client()
    busy = client.method("Predict").future(slow_request())
    wait_until(lambda: in_flight(service) == 1)
    ended = service.server.drain(30)
    codes = []
    while "UNAVAILABLE" not in codes:  # a call that crosses the word of the end on its way is cancelled
        with pytest.raises(grpc.RpcError) as caught:
            client.method("Predict")(predict_request(x=X), timeout=30)
        codes.append(caught.value.code().name)  # type: ignore[attr-defined]
    assert set(codes) <= {"UNAVAILABLE", "CANCELLED"}
    assert not ended.wait(0.1)
    GatedModel.gate.set()
    assert outputs(busy.result(60)) == {"done": [True]}
    assert ended.wait(60)


def test_drain_cancels_after_the_grace(service: GrpcService) -> None:
    busy = service.client().method("Predict").future(slow_request())
    wait_until(lambda: in_flight(service) == 1)
    service.server.drain(0.2)
    with pytest.raises(grpc.RpcError):
        busy.result(60)
    GatedModel.gate.set()


def test_metrics(service: GrpcService) -> None:
    client = service.client()
    for _ in range(2):
        client.call("Predict", predict_request(x=X))
    client.refusal("Predict", predict_request(x=X[0]))
    client.refusal("Predict", predict_request(name="made up", x=X))
    found = read(service.metrics.page(service.models))
    assert found[":tensorflow:serving:request_count_total"] == {
        labels(model_name="m", status="OK"): 2,
        labels(model_name="m", status="INVALID_ARGUMENT"): 1,
        labels(model_name="(unknown)", status="NOT_FOUND"): 1,
    }
    assert found[":tensorflow:serving:request_latency_count"][labels(model_name="m", API="Predict", entrypoint="GRPC")] == 3
    ours = labels(model="m", version="3", api="Predict", protocol="GRPC", code="OK")
    assert found["headrace_serving_requests_total"][ours] == 2
    assert found["headrace_serving_queue_wait_seconds_count"][labels(protocol="GRPC")] == 4
    assert found["headrace_serving_requests_in_flight"][labels(protocol="GRPC")] == 0


def test_many_clients_at_once_each_get_their_own_answer(tmp_path: Path) -> None:
    write_version(tmp_path / "many", 1, 3.0)
    wrong: list[object] = []

    def ask(service: GrpcService, number: int) -> None:
        client = service.client()
        for step in range(20):
            value = float(number * 100 + step)
            found = outputs(client.call("Predict", predict_request(x=np.float32([[value, -value]]))))
            if found != {"y": [[3 * value, -3 * value]]}:
                wrong.append((value, found))

    with GrpcService(tmp_path / "many", GrpcOptions(threads=4)) as service:
        threads = [threading.Thread(target=ask, args=(service, number)) for number in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
        assert not wrong
        assert counts(service) == {"OK": 320}


FIXED = BatchingOptions(FixedBatching(max_batch_size=16, batch_timeout_micros=200_000, num_batch_threads=1))


def test_calls_share_batches_and_get_their_own_answers(tmp_path: Path) -> None:
    write_version(tmp_path / "batched", 1, 3.0)
    with GrpcService(tmp_path / "batched", GrpcOptions(threads=16), batching=FIXED) as service:
        before = runs(service, "serving_default")
        client = service.client()
        calls = [client.method("Predict").future(predict_request(x=np.float32([[n, -n]]))) for n in range(32)]
        assert [outputs(call.result(60)) for call in calls] == [{"y": [[3 * n, -3 * n]]} for n in range(32)]
        assert runs(service, "serving_default") - before <= 8
        assert counts(service) == {"OK": 32}


def test_a_call_that_waits_for_its_batch_beyond_its_deadline_is_not_run(tmp_path: Path) -> None:
    write_version(tmp_path / "batched", 1, 3.0)
    patient = BatchingOptions(FixedBatching(max_batch_size=16, batch_timeout_micros=2_000_000, num_batch_threads=1))
    with GrpcService(tmp_path / "batched", GrpcOptions(threads=2), batching=patient) as service:
        before = runs(service, "serving_default")
        assert service.client().refusal("Predict", predict_request(x=X), timeout=0.3)[0] == "DEADLINE_EXCEEDED"
        wait_until(lambda: in_flight(service) == 0)
        assert runs(service, "serving_default") == before
        assert counts(service) == {"DEADLINE_EXCEEDED": 1}


def test_what_was_noted_on_the_way_stands_in_the_metadata(tmp_path: Path) -> None:
    def note(spec: ModelSpec, context: RequestContext) -> Handle:
        assert (context.protocol, context.header("x-user")) == ("GRPC", "ann")
        context.answer_headers["x-route"] = "canary"
        return service.models.acquire(spec)

    write_version(tmp_path, 1)
    with GrpcService(tmp_path) as service:
        service.dataplane.route = note
        call = service.client().method("Predict")
        _, answered = call.with_call(predict_request(x=X), metadata=[("x-user", "ann")], timeout=60, wait_for_ready=True)
        assert ("x-route", "canary") in [tuple(each) for each in answered.initial_metadata()]


def test_the_priority_stands_in_the_metadata() -> None:
    class Context:
        def __init__(self, **metadata: str) -> None:
            self._metadata = tuple(metadata.items())

        def time_remaining(self) -> None:
            return None

        def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
            return self._metadata

    assert Call(Context()).context.priority == DEFAULT_PRIORITY
    assert Call(Context(other="u=0", priority="u=1, i")).context.priority == 1
    assert Call(Context(priority="high")).context.priority == DEFAULT_PRIORITY
