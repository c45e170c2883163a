"""What the V2 protocol tells of the server and its models."""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving.toy import Service, wait_until, write_version
from tests.serving.toy_v2 import echoing


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with echoing(tmp_path) as service:
        yield service


def test_the_server(service: Service) -> None:
    version = importlib.metadata.version("headrace")
    assert service.ask("GET", "/v2").json() == {"name": "headrace", "version": version, "extensions": ["binary_tensor_data"]}


def test_health(service: Service, tmp_path: Path) -> None:
    assert service.ask("GET", "/v2/health/live").json() == {"live": True}
    assert service.ask("GET", "/v2/health/ready").json()["ready"] is True
    with Service(tmp_path / "nothing") as unready:
        response = unready.ask("GET", "/v2/health/ready")
        assert (response.status_code, response.json()["ready"]) == (503, False)
        assert unready.ask("GET", "/v2/models/m/ready").status_code == 404


def test_a_models_readiness(service: Service) -> None:
    for path in ("/v2/models/m/ready", "/v2/models/m/versions/7/ready"):
        response = service.ask("GET", path)
        assert (response.status_code, response.json()) == (200, {"name": "m", "ready": True})
    path = write_version(service.lifecycle.base_path, 8)
    (path / "saved_model.pb").write_text("{")
    wait_until(lambda: service.lifecycle.statuses()[0].state.value == "END")
    response = service.ask("GET", "/v2/models/m/versions/8/ready")
    assert (response.status_code, response.json()) == (503, {"name": "m", "ready": False})
    assert service.ask("GET", "/v2/models/m/versions/9/ready").status_code == 404
    index = service.ask("POST", "/v2/repository/index").json()
    assert [(entry["name"], entry["version"], entry["state"]) for entry in index] == [
        ("m", "8", "UNAVAILABLE"),
        ("m", "7", "READY"),
    ]
    assert index[0]["reason"]
    index = service.ask("POST", "/v2/repository/index", content=b'{"ready": true}').json()
    assert index == [{"name": "m", "version": "7", "state": "READY", "reason": ""}]


def test_a_models_signatures(service: Service) -> None:
    content = service.ask("GET", "/v2/models/m/versions/7").json()
    assert content == service.ask("GET", "/v2/models/m").json()
    assert {key: content[key] for key in ("name", "versions", "platform", "inputs", "outputs")} == {
        "name": "m",
        "versions": ["7"],
        "platform": "tensorflow_savedmodel",
        "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 2]}],
        "outputs": [{"name": "y", "datatype": "FP32", "shape": [-1, 2]}],
    }
    signatures = content["signatures"]
    assert signatures["text"]["inputs"] == [{"name": "s", "datatype": "BYTES", "shape": [-1]}]
    assert signatures["total"]["outputs"] == [{"name": "total", "datatype": "FP32", "shape": []}]
    assert signatures["BF16"]["inputs"][0] == {"name": "x", "datatype": "BF16", "shape": [-1]}
    assert signatures["complex"]["outputs"] == [{"name": "y", "datatype": "complex64", "shape": [-1]}]


@pytest.mark.parametrize(
    ("method", "path", "status", "message"),
    [
        ("GET", "/v2/models/nobody", 404, "Servable not found for request: Latest(nobody)"),
        ("GET", "/v2/models/m/versions/9", 404, "Servable not found for request: Specific(m, 9)"),
        ("GET", "/v2/models/m/versions/stable", 400, "Unrecognized servable version label: stable"),
        ("GET", f"/v2/models/m/versions/{2**64}", 400, f"Failed to convert version: {2**64} to numeric."),
        ("GET", "/v2/models/%FF", 400, "Failed to decode model name"),
        ("GET", "/v2/models/m/versions/%FF", 400, "Failed to decode model name"),
        ("GET", "/v2/models", 404, "Not found: GET /v2/models"),
        ("POST", "/v2/models/m/versions/7/explain", 404, "Not found: POST"),
        ("GET", "/v2/models/m/infer", 405, "GET is not allowed on /v2/models/m/infer; use POST"),
        ("POST", "/v2/models/m", 405, "use GET"),
        ("POST", "/v2", 405, "use GET"),
        ("GET", "/v2/repository/index", 405, "use POST"),
    ],
)
def test_paths_that_lead_nowhere(service: Service, method: str, path: str, status: int, message: str) -> None:
    response = service.ask(method, path, content=json.dumps({"inputs": []}) if method == "POST" else None)
    assert response.status_code == status, response.text
    assert message in response.json()["error"]


@pytest.mark.parametrize("body", [b"[]", b'{"ready": 1}', b"{"])
def test_a_wrong_request_for_the_index(service: Service, body: bytes) -> None:
    assert service.ask("POST", "/v2/repository/index", content=body).status_code == 400
    assert service.ask("POST", "/v2/repository/index", content=b" " * 70_000).status_code == 413
