"""The native front end: what clients see is what they see of grpcio's server."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from headrace.core.errors import InvalidArgumentError
from headrace.proto import serving
from headrace.serving.batching.options import BatchingOptions, FixedBatching
from headrace.serving.grpc.options import GrpcOptions
from headrace.serving.tls import Tls
from tests.serving.toy import write_version
from tests.serving.toy_grpc import Client, GrpcService, outputs, predict_request

X = np.float32([[1, 2]])
OPTIONS = GrpcOptions(threads=2, native=True, max_message_bytes=100_000)
BATCHING = BatchingOptions(FixedBatching(max_batch_size=64, batch_timeout_micros=600_000_000, num_batch_threads=1))
"""Only a full batch runs."""


@pytest.fixture(params=["batched", "unbatched"])
def service(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[GrpcService]:
    write_version(tmp_path, 7, 2.0)
    scheme = BatchingOptions(FixedBatching(max_batch_size=8_000, num_batch_threads=1)) if request.param == "batched" else None
    with GrpcService(tmp_path, OPTIONS, batching=scheme) as service:
        yield service


@pytest.fixture
def client(service: GrpcService) -> Client:
    return service.client()


def test_predict(client: Client) -> None:
    response = client.call("Predict", predict_request(x=X))
    assert outputs(response) == {"y": [[2, 4]]}
    assert response.model_spec.version.value == 7
    many = np.ones((6_000, 2), np.float32)  # too large for the thread that takes calls
    assert outputs(client.call("Predict", predict_request(x=many)))["y"] == (2 * many).tolist()


@pytest.mark.parametrize(
    ("request_", "code", "message"),
    [
        (predict_request(name="n", x=X), "NOT_FOUND", "Servable not found for request: Latest(n)"),
        (predict_request("s", x=X), "FAILED_PRECONDITION", 'Serving signature key "s" not found.'),
        (predict_request(x=X[0]), "INVALID_ARGUMENT", 'input "x" has shape (2,); expected (None, 2)'),
        (predict_request(name="é" * 5_000, x=X), "NOT_FOUND", "Servable not found for request: Latest(é"),
        (b"\x0a\xff\xff", "INVALID_ARGUMENT", "the request is no serialized tensorflow.serving.PredictRequest (3 bytes)"),
        (b"\x00" * 100_001, "RESOURCE_EXHAUSTED", "the request has 100001 bytes; at most 100000 are taken"),
    ],
)
def test_refusals(client: Client, request_: object, code: str, message: str) -> None:
    found, told = client.refusal("Predict", request_)
    assert (found, message in told) == (code, True), told


def test_other_methods_are_answered_by_the_server_behind(client: Client) -> None:
    status = serving.GetModelStatusRequest()
    status.model_spec.name = "m"
    assert [each.version for each in client.call("GetModelStatus", status).model_version_status] == [7]
    health = health_pb2_grpc.HealthStub(client.channel)
    assert health.Check(health_pb2.HealthCheckRequest(), timeout=30).status == health_pb2.HealthCheckResponse.SERVING
    assert next(health.Watch(health_pb2.HealthCheckRequest(), timeout=30)).status == health_pb2.HealthCheckResponse.SERVING
    assert "tensorflow.serving.PredictionService" in ProtoReflectionDescriptorDatabase(client.channel).get_services()


def test_calls_that_wait_hold_no_thread(tmp_path: Path) -> None:
    """With two threads, 64 calls make one batch: none would ever be answered otherwise."""
    write_version(tmp_path, 1, 2.0)
    with GrpcService(tmp_path, OPTIONS, batching=BATCHING) as service, ThreadPoolExecutor(64) as pool:
        client = service.client()
        answers = list(pool.map(lambda n: client.call("Predict", predict_request(x=n * X)), range(64)))
        assert [outputs(answer) for answer in answers] == [{"y": [[2 * n, 4 * n]]} for n in range(64)]


def test_a_client_that_goes_away_leaves_the_queue(tmp_path: Path) -> None:
    write_version(tmp_path, 1, 2.0)
    with GrpcService(tmp_path, OPTIONS, batching=BATCHING) as service, ThreadPoolExecutor(64) as pool:
        client = service.client()
        for leave in ("deadline", "cancel"):
            call = client.method("Predict").future(predict_request(x=-X), timeout=0.3 if leave == "deadline" else 60)
            if leave == "cancel":
                wait_for(service, 'requests_in_flight{protocol="GRPC"} 1')
                call.cancel()
            with pytest.raises((grpc.RpcError, grpc.FutureCancelledError)):
                call.result()
            wait_for(service, 'requests_in_flight{protocol="GRPC"} 0')
        # The two still have their places in the batch, but nobody waits for them.
        answers = pool.map(lambda _: client.call("Predict", predict_request(x=X)), range(62))
        assert all(outputs(answer) == {"y": [[2, 4]]} for answer in answers)
    page = service.metrics.page(service.models)
    assert 'code="CANCELLED"' in page
    assert 'code="OK"' in page


def wait_for(service: GrpcService, words: str) -> None:
    deadline = time.monotonic() + 30
    while words not in service.metrics.page(service.models):
        assert time.monotonic() < deadline, words
        time.sleep(0.02)


def test_calls_in_progress_end_with_the_server(tmp_path: Path) -> None:
    write_version(tmp_path, 1, 2.0)
    with GrpcService(tmp_path, OPTIONS, batching=BATCHING) as service:
        client = service.client()
        waiting = client.method("Predict").future(predict_request(x=X), timeout=60)
        wait_for(service, 'requests_in_flight{protocol="GRPC"} 1')
        ended = service.server.drain(60)
        assert client.refusal("Predict", predict_request(x=X))[0] == "UNAVAILABLE"
        assert not ended.is_set()
        assert service.server.drain(0).wait(30)
        assert waiting.exception(30).code() is grpc.StatusCode.UNAVAILABLE


def test_what_it_cannot_do_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="given TLS"):
        GrpcOptions(native=True, tls=Tls(b"", b""))
    with pytest.raises(InvalidArgumentError, match="given no port"):
        GrpcOptions(native=True, port=None, socket_path=Path("s"))


def test_answers_come_from_several_threads_at_once(tmp_path: Path) -> None:
    """Clients of their own channels, without batching: each gets its own answer."""
    write_version(tmp_path, 1, 2.0)
    with GrpcService(tmp_path, OPTIONS) as service:
        failures: list[object] = []

        def ask(number: int) -> None:
            client = service.client()
            for n in range(20):
                found = outputs(client.call("Predict", predict_request(x=np.float32([[number, n]]))))
                if found != {"y": [[2 * number, 2 * n]]}:
                    failures.append(found)

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failures
