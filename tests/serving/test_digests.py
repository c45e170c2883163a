"""The digest of a version: computed at its load, and told with its answers and wherever it is listed."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

import headrace as tf
from headrace.cli.main import main
from headrace.saved_model.digest import content_digest
from headrace.serving.grpc.v2 import messages
from tests.serving.process import serving
from tests.serving.test_grpc_v2 import SERVICE, X, request_of
from tests.serving.toy import Service, wait_until, write_version
from tests.serving.toy_grpc import GrpcService, predict_request

HEADER = "x-headrace-model-digest"


def test_answers_over_rest_name_it(tmp_path: Path) -> None:
    digest = content_digest(write_version(tmp_path, 7, 2.0))
    with Service(tmp_path) as service:
        wait_until(lambda: service.lifecycle.available)
        assert service.predict({"instances": [[1, 2]]}).headers[HEADER] == digest
        v2 = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]}]}
        assert service.ask("POST", "/v2/models/m/infer", json=v2).headers[HEADER] == digest
        assert HEADER not in service.predict({"instances": [[1, 2]]}, "/v1/models/nobody:predict").headers
        (listed,) = service.ask("GET", "/v1/models").json()["models"]
        assert listed["model_version_status"][0]["digest"] == digest
        assert "digest" not in service.ask("GET", "/v1/models/m").json()["model_version_status"][0]  # TensorFlow Serving's form
        assert service.ask("GET", "/v2/models/m").json()["properties"] == {"digest": digest}


def test_answers_over_grpc_name_it(tmp_path: Path) -> None:
    digest = content_digest(write_version(tmp_path, 7, 2.0))
    with GrpcService(tmp_path) as service:
        client = service.client()
        requests: list[tuple[str, Any]] = [
            ("/tensorflow.serving.PredictionService/Predict", predict_request(x=X)),
            (f"/{SERVICE}/ModelInfer", request_of(True, x=("FP32", X))),
        ]
        for path, request in requests:
            method: Any = client.channel.unary_unary(path)
            _, call = method.with_call(request.SerializeToString(), timeout=60, wait_for_ready=True)
            assert dict(call.initial_metadata())[HEADER] == digest
        metadata: Any = client.channel.unary_unary(
            f"/{SERVICE}/ModelMetadata", response_deserializer=messages.ModelMetadataResponse.FromString
        )
        request = messages.ModelMetadataRequest(name="m").SerializeToString()
        assert dict(metadata(request, timeout=60).properties) == {"digest": digest}


def test_each_version_has_its_own(tmp_path: Path) -> None:
    first = content_digest(write_version(tmp_path, 1, 1.0))
    with Service(tmp_path) as service:
        wait_until(lambda: service.lifecycle.available_versions == [1])
        second = content_digest(write_version(tmp_path, 2, 2.0))
        wait_until(lambda: service.lifecycle.available_versions == [2])
        assert service.predict({"instances": [[1, 2]]}).headers[HEADER] == second != first


def test_a_version_with_a_link_out_of_it_serves_without_one(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    version = write_version(tmp_path / "m", 7, 2.0)
    (tmp_path / "elsewhere").write_text("x")
    (version / "link").symlink_to(tmp_path / "elsewhere")
    with caplog.at_level("WARNING", "headrace.serving.digests"), Service(tmp_path / "m") as service:
        wait_until(lambda: service.lifecycle.available)
        answer = service.predict({"instances": [[1, 2]]})
        assert (answer.status_code, HEADER in answer.headers) == (200, False)
        assert service.ask("GET", "/v2/models/m").json()["properties"] == {}
    assert any("a version has no digest" in record.getMessage() for record in caplog.records)


def test_it_is_what_inspect_prints_of_a_real_model(tmp_path: Path) -> None:
    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])  # type: ignore[untyped-decorator]
    def double(x: Any) -> Any:
        return {"y": x * 2}

    tf.saved_model.save(tf.Module(), str(tmp_path / "1"), signatures={"serving_default": double})
    printed = CliRunner().invoke(main, ["inspect", str(tmp_path / "1")]).output
    with serving(tmp_path, module="headrace") as server:
        server.ready()
        answer = httpx.post(f"{server.url}/v1/models/m:predict", json={"instances": [1.0]})
        assert answer.json() == {"predictions": [2.0]}
        assert f"digest {answer.headers[HEADER]}\n" in printed
        assert server.end(signal.SIGTERM) == 0
