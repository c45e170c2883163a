"""What TensorFlow Serving's own tests ask of its server, with its client and on its models; see docs/serving_contract.md."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.interop.peer_runs import run_peer
from tests.serving.process import running

MODELS = ("half_plus_two", "half_plus_three", "function", "signatures", "keras", "distributed")
PARAMETERS = "max_batch_size { value: 128 } batch_timeout_micros { value: 0 } max_enqueued_batches { value: 1000 }"
JSON = "application/json"


def listed(folder: Path, *names: str) -> str:
    """A configuration of some models."""
    each = [f'config {{ name: "{name}" base_path: "{folder / name}" model_platform: "tensorflow" }}' for name in names]
    return f"model_config_list {{ {' '.join(each)} }}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, tensorflow_python: Path) -> Path:
    folder = tmp_path_factory.mktemp("contract")
    run_peer(tensorflow_python, "serving_contract.py", "write", folder)
    (folder / "batching.txt").write_text(PARAMETERS)
    (folder / "monitoring.txt").write_text('prometheus_config { enable: true path: "/monitoring/prometheus/metrics" }')
    return folder


@pytest.fixture(scope="module")
def said(folder: Path, tensorflow_python: Path) -> Iterator[dict[str, Any]]:
    """What the client gets from a server of all models, with batching."""
    config = folder / "models.config"
    config.write_text(listed(folder, *MODELS))
    flags = [f"--model_config_file={config}", "--port=auto", f"--monitoring_config_file={folder / 'monitoring.txt'}"]
    flags.append("--grpc_channel_arguments=grpc.max_connection_age_ms=2000,grpc.lb_policy_name=grpclb")
    flags += ["--enable_batching", f"--batching_parameters_file={folder / 'batching.txt'}"]
    with tempfile.TemporaryDirectory() as short:  # a socket's path may have some 100 bytes
        socket = Path(short) / "grpc"
        with running(*flags, f"--grpc_socket_path={socket}", module="headrace") as server:
            server.ready()
            found = run_peer(tensorflow_python, "serving_contract.py", "ask", server.grpc, socket, server.url)
            found["metrics"] = httpx.get(f"{server.url}/monitoring/prometheus/metrics").text
            yield found
            assert server.end() == 0


def test_status(said: dict[str, Any]) -> None:
    assert said["status"] == [[123, 30, 0]]
    ok = {"error_code": "OK", "error_message": ""}
    assert said["rest"]["status"] == [{"model_version_status": [{"version": "123", "state": "AVAILABLE", "status": ok}]}, JSON]


def test_classify_and_regress(said: dict[str, Any]) -> None:
    assert said["classify"] == [["", 3.0]]
    assert said["regress"] == [3.0]
    assert said["rest"]["classify"] == [{"results": [[["", 3.0]]]}, JSON]
    assert said["rest"]["regress"] == [{"results": [3.0]}, JSON]


def test_multi_inference(said: dict[str, Any]) -> None:
    names = [["regress_x_to_y", 123], ["classify_x_to_y", 123], ["regress_x_to_y2", 123]]
    assert said["multi_inference"] == [[3.0, 4.0], 3.0, names]


def test_predict(said: dict[str, Any]) -> None:
    answer = ["y", [3.0], "half_plus_two", "serving_default", 123]
    assert said["predict"] == [answer, answer]
    assert said["three"] == ["y", [4.0], "half_plus_three", "serving_default", 123]
    assert said["rest"]["rows"] == [{"predictions": [3.0, 3.5, 4.0]}, JSON]
    assert said["rest"]["columns"] == [{"outputs": [3.0, 3.5, 4.0]}, JSON]


def test_a_unix_socket(said: dict[str, Any]) -> None:
    assert said["socket"] == ["y", [3.0], "half_plus_two", "serving_default", 123]


def test_models_that_tensorflow_2_saves(said: dict[str, Any]) -> None:
    assert said["function"][1] == [12.0]
    assert [[answer[1], answer[3]] for answer in said["signatures"]] == [
        [[2.0], "custom_signature_key"],
        [[1.0], "serving_default"],
    ]
    assert [answer[0] for answer in said["keras"]] == [[2.0], [2.0]]


def test_metadata(said: dict[str, Any]) -> None:
    found = said["metadata"]
    assert found["regress_x_to_y"]["methodName"] == "tensorflow/serving/regress"
    column = {"dim": [{"size": "-1"}]}
    described = (found["regress_x_to_y"]["inputs"]["inputs"], found["serving_default"]["outputs"]["y"])
    assert [(each["dtype"], each["tensorShape"]) for each in described] == [("DT_STRING", column), ("DT_FLOAT", column)]
    (answer, kind) = said["rest"]["metadata"]
    assert kind == JSON
    assert answer["model_spec"] == {"name": "half_plus_two", "signature_name": "", "version": "123"}
    signatures = answer["metadata"]["signature_def"]["signature_def"]
    assert signatures.keys() == found.keys()
    x = signatures["serving_default"]["inputs"]["x"]
    assert (x["dtype"], x["tensor_shape"]) == ("DT_FLOAT", {"dim": [{"size": "-1", "name": ""}], "unknown_rank": False})


def test_prometheus(said: dict[str, Any]) -> None:
    assert "# TYPE :tensorflow:serving:request_count counter" in said["metrics"]
    assert ':tensorflow:serving:request_count{model_name="half_plus_two",status="OK"}' in said["metrics"]
