"""Engines in the life of a version: chosen before it serves, told in its status, by the model's own options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from headrace.core.spec import TensorSpec
from headrace.data.tfrecord import TFRecordWriter
from headrace.proto.serving import PredictionLog
from headrace.proto.tensors import to_proto
from headrace.serving.configuration.model_list import ModelConfig
from headrace.serving.engines.base import Array, Signature
from headrace.serving.engines.options import EngineOptions
from headrace.serving.engines.selection import ServingEngine
from headrace.serving.server import ModelServer, ServerOptions
from headrace.serving.trials import MOST_REQUESTS, decide
from headrace.serving.warmup_requests import FILE
from tests.serving.engine_models import network_inputs, save_network
from tests.serving.toy import QUICK, Service, ToyModel, wait_until


class Choosy(ToyModel):
    """A model that notes what it is tried with."""

    signatures: Mapping[str, Signature] = {
        "serving_default": Signature({"x": TensorSpec([None, 2], "float32")}, {"y": TensorSpec([None, 2], "float32")}),
        "pixels": Signature(
            {"a": TensorSpec([None, 3], "uint8"), "b": TensorSpec([None, None], "int64")}, {"y": TensorSpec([None], "float32")}
        ),
        "text": Signature({"s": TensorSpec([None], "string")}, {"t": TensorSpec([None], "string")}),
        "unknown": Signature({"x": TensorSpec(None, "float32")}, {"y": TensorSpec(None, "float32")}),
    }

    def decide(self, samples: Mapping[str, Sequence[Mapping[str, Array]]], earlier: Mapping[str, Any]) -> None:
        self.samples = samples


def test_inputs_are_made_up(tmp_path: Path) -> None:
    model = Choosy(1.0)
    decide(model, tmp_path, (1, 4))
    assert model.samples.keys() == model.signatures.keys()
    assert [sample["x"].shape for sample in model.samples["serving_default"]] == [(1, 2), (4, 2)]
    assert len(np.unique(model.samples["serving_default"][1]["x"])) == 8
    pixels = model.samples["pixels"][1]
    assert (pixels["a"].shape, pixels["a"].dtype, pixels["b"].shape, pixels["b"].dtype) == ((4, 3), np.uint8, (4, 1), np.int64)
    assert pixels["a"].max() > 1
    assert set(pixels["b"].flat) <= {0, 1}
    assert [sample["s"].tolist() for sample in model.samples["text"]] == [[b""], [b""] * 4]
    assert model.samples["unknown"] == []


def write_requests(path: Path, inputs: Sequence[Mapping[str, Array]], signature: str = "") -> None:
    (path / FILE).parent.mkdir(parents=True, exist_ok=True)
    with TFRecordWriter(str(path / FILE)) as writer:
        for each in inputs:
            log = PredictionLog()
            log.predict_log.request.model_spec.signature_name = signature
            for name, value in each.items():
                log.predict_log.request.inputs[name].CopyFrom(to_proto(value))
            writer.write(log.SerializeToString())


def test_warm_up_requests_are_taken_where_there_are_any(tmp_path: Path) -> None:
    model = Choosy(1.0)
    given = [{"x": np.float32([[n, n]])} for n in range(MOST_REQUESTS + 2)]
    write_requests(tmp_path, [{"wrong": np.float32([1])}, *given])
    decide(model, tmp_path, (1,))
    assert [sample["x"][0, 0] for sample in model.samples["serving_default"]] == list(range(MOST_REQUESTS))
    assert [sample["a"].shape for sample in model.samples["pixels"]] == [(1, 3)]
    decide(model, tmp_path, (1,), requests=False)
    assert [sample["x"].shape for sample in model.samples["serving_default"]] == [(1, 2)]
    (tmp_path / FILE).write_bytes(b"damaged")
    decide(model, tmp_path, (1,))
    assert len(model.samples["serving_default"]) == 1


def test_a_version_chooses_before_it_serves(tmp_path: Path) -> None:
    save_network(tmp_path / "tmp-1")
    inputs = network_inputs(2)
    write_requests(tmp_path / "tmp-1", [inputs])
    (tmp_path / "tmp-1").rename(tmp_path / "1")
    with Service(tmp_path, QUICK, engine=ServingEngine(EngineOptions("openvino"))) as service:
        wait_until(lambda: service.lifecycle.available, 120)
        (status,) = service.lifecycle.statuses()
        assert (status.engine, status.engine_reason) == (
            "openvino-f32",
            "serving_default: it is asked for; plain: it is asked for",
        )
        response = service.predict({"inputs": {name: value.tolist() for name, value in inputs.items()}, "signature_name": "plain"})
        assert response.status_code == 200, response.text
        np.testing.assert_allclose(
            response.json()["outputs"], inputs["image"].sum((1, 2, 3)) * inputs["word"], rtol=1e-4, atol=1e-4
        )


def test_a_model_with_options_of_its_own(tmp_path: Path) -> None:
    save_network(tmp_path / "1")
    options = ServerOptions(
        tmp_path, engines=EngineOptions("openvino"), engine_exceptions={"other": EngineOptions("xla")}, lifecycle=QUICK
    )
    server = ModelServer(options)
    for name, engine, reason in (
        ("usual", "openvino-f32", "serving_default: it is asked for"),
        ("other", "xla", "it is asked for"),
    ):
        lifecycle = server._lifecycle(ModelConfig(name, tmp_path))
        lifecycle.step()
        (status,) = lifecycle.statuses()
        assert (status.engine, status.engine_reason.partition(";")[0]) == (engine, reason)
        assert lifecycle.stop(30)


@pytest.mark.parametrize(("engine", "complete"), [("auto", True), ("litert", False)])
def test_what_counts_as_a_version(tmp_path: Path, engine: str, complete: bool) -> None:
    found = ServingEngine(EngineOptions(engine))
    assert not found.is_complete(tmp_path)
    (tmp_path / "saved_model.pb").write_bytes(b"")
    assert found.is_complete(tmp_path) is complete
    (tmp_path / "model.tflite").write_bytes(b"")
    assert found.is_complete(tmp_path)
