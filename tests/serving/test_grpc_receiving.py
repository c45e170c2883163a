"""Clients that begin a call and do not send its request."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from headrace.serving.grpc.options import GrpcOptions
from tests.serving.http2 import HalfCall
from tests.serving.toy import wait_until, write_version
from tests.serving.toy_grpc import MODELS, PREDICTION, GrpcService, outputs, predict_request

REQUEST = predict_request(x=np.float32([[1, 2]]))


@pytest.fixture
def service(tmp_path: Path) -> Iterator[GrpcService]:
    write_version(tmp_path, 1, 2.0)
    with GrpcService(tmp_path, GrpcOptions(threads=2, receive_seconds=1.0)) as service:
        yield service


@pytest.fixture
def half_calls(service: GrpcService) -> Iterator[list[HalfCall]]:
    """More than there are threads of any pool."""
    assert service.server.port is not None
    paths = [f"/{PREDICTION}/Predict", f"/{MODELS}/GetModelStatus", "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"]
    calls = [HalfCall(service.server.port, path) for path in paths for _ in range(3)]
    yield calls
    for call in calls:
        call.close()


def test_they_hold_threads_for_a_while_only(service: GrpcService, half_calls: list[HalfCall]) -> None:
    wait_until(lambda: service.server._workers.waiting == 1)
    client = service.client()
    assert outputs(client.call("Predict", REQUEST, timeout=20)) == {"y": [[2, 4]]}
    status = predict_request()
    assert client.call("GetModelStatus", status, timeout=20).model_version_status[0].version == 1
    for call in half_calls:
        call.wait_for_end()


def test_a_run_may_take_longer_than_a_request_to_arrive(service: GrpcService) -> None:
    slow = predict_request("slow", seconds=np.float32([2.0]))
    started = time.monotonic()
    assert outputs(service.client().call("Predict", slow)) == {"done": [True]}
    assert time.monotonic() - started >= 2.0


def test_clients_that_leave_in_the_middle_free_their_threads(tmp_path: Path) -> None:
    write_version(tmp_path, 1, 2.0)
    with GrpcService(tmp_path, GrpcOptions(threads=2, receive_seconds=600)) as service:
        assert service.server.port is not None
        calls = [HalfCall(service.server.port, f"/{PREDICTION}/Predict") for _ in range(5)]
        wait_until(lambda: service.server._workers.waiting == 3)
        for call in calls:
            call.close()
        assert outputs(service.client().call("Predict", REQUEST, timeout=20)) == {"y": [[2, 4]]}
        assert not service.server._receiving._waiting
