"""The client of tensorflow-serving-api, as it comes, against our server, on models that real TensorFlow wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from headrace.proto.serving import ModelServerConfig
from headrace.serving.engines.native import NativeEngine
from headrace.serving.lifecycle import ModelLifecycle
from headrace.serving.metrics import ServingMetrics
from headrace.serving.models import Models
from tests.interop.peer_runs import run_peer
from tests.serving.toy_grpc import Front


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory, tensorflow_python: Path) -> dict[str, Any]:
    """What the client got, and what TensorFlow computes."""
    folder = tmp_path_factory.mktemp("client")
    run_peer(tensorflow_python, "serving_client.py", "write", folder)
    engine = NativeEngine()
    models = Models((), lambda config: ModelLifecycle(config.name, config.base_path, engine, policy=config.policy))
    config = ModelServerConfig()
    for name in ("types", "heads"):
        config.model_config_list.config.add(name=name, base_path=str(folder / name), model_platform="tensorflow")
    models.configure(config)
    with Front(models, ServingMetrics()) as front:
        found: dict[str, Any] = run_peer(tensorflow_python, "serving_client.py", "ask", front.server.address, folder)
    return found


@pytest.mark.parametrize("form", ["content", "lists"])
def test_every_dtype_comes_back_as_tensorflow_computes_it(said: dict[str, Any], form: str) -> None:
    wanted = said["types"]["wanted"]
    assert len(wanted) == 16
    assert said["types"]["found"][form] == wanted


def test_megabytes(said: dict[str, Any]) -> None:
    assert said["large"] == {"outputs": ["y"], "same": True}


def test_heads(said: dict[str, Any]) -> None:
    wanted = said["heads"]["wanted"]
    assert len(said["heads"]["found"]) == 4
    for case, found in said["heads"]["found"].items():
        scores = wanted["serving_default"][case]["scores"]
        np.testing.assert_allclose(found["scores"], scores, rtol=1e-5)
        np.testing.assert_allclose(found["multi_scores"], scores, rtol=1e-5)
        assert found["labels"] == wanted["serving_default"][case]["classes"]
        np.testing.assert_allclose(found["regress"], np.ravel(wanted["regress"][case]["outputs"]), rtol=1e-5)
        np.testing.assert_allclose(found["multi_column"], np.ravel(wanted["column"][case]["outputs"]), rtol=1e-5)


def test_metadata(said: dict[str, Any]) -> None:
    signatures = said["metadata"]
    assert {"serving_default", "every"} <= set(signatures)
    default = signatures["serving_default"]
    assert default["method"] == "tensorflow/serving/predict"
    assert default["inputs"]["x"].split() == ["dim", "{", "size:", "-1", "}", "dim", "{", "size:", "-1", "}"]
    assert default["dtypes"] == {"y": "float32", "total": "float32"}
    dtypes = {key.removeprefix("out_"): name for key, name in signatures["every"]["dtypes"].items()}
    assert len(dtypes) == 16
    assert all(key == name for key, name in dtypes.items())


def test_status_and_reload(said: dict[str, Any]) -> None:
    assert said["status"] == {"1": ["AVAILABLE", 0]}
    assert said["reload"] == {"code": 0, "renamed": {"1": ["AVAILABLE", 0]}, "heads": {"1": ["AVAILABLE", 0]}}


def test_errors(said: dict[str, Any]) -> None:
    assert said["errors"] == {
        "no spec": ["INVALID_ARGUMENT", "Missing ModelSpec"],
        "no name": ["INVALID_ARGUMENT", "ModelSpec has no name specified."],
        "no model": ["NOT_FOUND", "Servable not found for request: Latest(nothing)"],
        "no version": ["NOT_FOUND", "Servable not found for request: Specific(types, 9)"],
        "no signature": ["FAILED_PRECONDITION", 'Serving signature key "s" not found.'],
        "label": ["INVALID_ARGUMENT", "Unrecognized servable version label: stable"],
        "no inputs": [
            "INVALID_ARGUMENT",
            "input size does not match signature: 0!=1 len({}) != len({x}). Sent extra: {}. Missing but required: {x}.",
        ],
    }
