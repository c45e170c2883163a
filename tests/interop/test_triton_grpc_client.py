"""Triton's gRPC client, as it comes, against our server: every datatype, every question, and a stream."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.interop.peer_runs import run_peer
from tests.serving.toy import write_version
from tests.serving.toy_grpc import GrpcService
from tests.serving.toy_v2 import NUMPY, EchoEngine


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory, tritonclient_python: Path) -> dict[str, Any]:
    base_path = tmp_path_factory.mktemp("models")
    write_version(base_path, 7, 2.0)
    with GrpcService(base_path, engine=EchoEngine()) as service:
        found: dict[str, Any] = run_peer(tritonclient_python, "triton_grpc_client.py", service.server.address)
    return found


def test_every_datatype_comes_back_as_it_was(said: dict[str, Any]) -> None:
    assert said["echo"] == dict.fromkeys(NUMPY, True)


def test_megabytes_and_compressed_messages(said: dict[str, Any]) -> None:
    assert (said["large"], said["gzip"]) == (True, True)


def test_versions_signatures_and_calls_that_do_not_wait(said: dict[str, Any]) -> None:
    assert said["default"] == [[[2.0, 4.0], [6.0, 8.0]], "7"]
    assert said["later"] == [[2.0, 4.0], [6.0, 8.0]]
    assert said["pair"] == {"sum": [4.0, 6.0], "product": [3.0, 8.0]}


def test_what_is_told(said: dict[str, Any]) -> None:
    assert said["health"] == [True, True]
    assert said["ready"] == [True, False, False]
    assert said["server"]["name"] == "headrace"
    assert said["model"]["inputs"] == [{"name": "x", "datatype": "FP32", "shape": ["-1", "2"]}]
    assert said["index"] == {"models": [{"name": "m", "version": "7", "state": "READY"}]}


def test_a_stream_answers_in_order_and_goes_on_after_an_error(said: dict[str, Any]) -> None:
    missing = "Servable not found for request: Latest(nobody)"
    assert said["stream"] == [["0", [[0.0, 0.0]]], missing, ["2", [[4.0, 8.0]]], ["3", [[6.0, 12.0]]]]


def test_errors(said: dict[str, Any]) -> None:
    assert said["errors"] == {
        "dtype": ["StatusCode.INVALID_ARGUMENT", 'input "x" has dtype float64; expected float32'],
        "model": ["StatusCode.NOT_FOUND", "Servable not found for request: Latest(nobody)"],
        "sequence": [
            "StatusCode.UNIMPLEMENTED",
            'the request has the parameter "sequence_id", which this server does not support; leave it out',
        ],
        "timeout": ["StatusCode.DEADLINE_EXCEEDED", "the deadline of this request has passed"],
    }
