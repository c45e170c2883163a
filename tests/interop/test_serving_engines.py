"""Models that real TensorFlow wrote, run by OpenVINO and LiteRT: what is answered is what TensorFlow computes."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from headrace.client import Client
from headrace.core.errors import DataLossError, InvalidArgumentError
from headrace.saved_model.digest import content_digest
from headrace.serving.engines import litert
from headrace.serving.engines.base import Array
from headrace.serving.engines.choice import difference_of
from headrace.serving.engines.litert import LiteRtEngine
from headrace.serving.engines.options import EngineOptions
from headrace.serving.engines.selection import ServingEngine
from tests.interop.peer_runs import run_peer
from tests.serving.engine_models import chosen
from tests.serving.process import serving

pytestmark = pytest.mark.interop
SAVED_MODELS = ("cnn", "encoder", "parsing")
LITE = ("lite", "plain", "integers")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory, tensorflow_python: Path) -> Path:
    folder = tmp_path_factory.mktemp("engines")
    run_peer(tensorflow_python, "serving_engines.py", folder)
    return folder


def arrays(file: Path) -> dict[str, Array]:
    with np.load(file) as content:
        return {name: _strings(value) if value.dtype.kind == "U" else value for name, value in content.items()}


def _strings(value: Any) -> Array:
    return np.array([bytes(item) for item in json.loads(value.item())], object)


def check(found: dict[str, Array], folder: Path, tolerance: float = 1e-5) -> None:
    wanted = arrays(folder / "outputs.npz")
    assert found.keys() == wanted.keys()
    for name in wanted:
        assert difference_of(wanted[name], found[name]) <= tolerance, name


@pytest.mark.parametrize("name", SAVED_MODELS)
def test_openvino_computes_what_tensorflow_does(written: Path, name: str) -> None:
    model = chosen(written / name / "1")
    inputs = arrays(written / name / "inputs.npz")
    model.decide({"serving_default": [inputs]})
    assert (model.engine, model.engine_reason) == ("openvino-f32", "it is asked for")
    check(model.run("serving_default", inputs), written / name)
    one = model.run("serving_default", {key: value[:1] for key, value in inputs.items()})
    for key, value in arrays(written / name / "outputs.npz").items():
        assert difference_of(value[:1], one[key]) <= 1e-5


@pytest.mark.parametrize("name", LITE)
def test_a_tflite_file_is_run_by_litert(written: Path, name: str) -> None:
    model = ServingEngine(EngineOptions()).load(written / name / "1")
    assert (model.engine, model.engine_reason) == ("litert", "the version holds a model.tflite")
    assert model.memory_bytes == (written / name / "1" / litert.FILE).stat().st_size
    inputs = arrays(written / name / "inputs.npz")
    signature = model.signatures["serving_default"]
    assert signature.inputs.keys() == inputs.keys()
    for key, spec in signature.inputs.items():
        assert spec.shape.as_tuple() == (None, *inputs[key].shape[1:])
        assert spec.dtype.np_dtype == inputs[key].dtype
    check(model.run("serving_default", inputs), written / name)
    check(model.run_together(["serving_default"], inputs)["serving_default"], written / name)
    model.close()


def test_litert_on_many_threads_and_after_an_error(written: Path) -> None:
    model = LiteRtEngine(streams=2).load(written / "lite" / "1")
    inputs, wanted = arrays(written / "lite" / "inputs.npz"), arrays(written / "lite" / "outputs.npz")
    faults: list[object] = []

    def ask(rows: int) -> None:
        for _ in range(10):
            found = model.run("serving_default", {"image": inputs["image"][:rows]})
            if difference_of(wanted["scores"][:rows], found["scores"]) > 1e-5:
                faults.append(found)
            try:
                model.run("serving_default", {"image": inputs["image"][:, :5, :, :2]})
            except InvalidArgumentError as error:
                assert error.message.startswith("LiteRT: ")
            else:
                faults.append("an image of another shape was taken")

    threads = [threading.Thread(target=ask, args=(1 + n % 3,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not faults


def test_a_damaged_or_another_file_is_refused(written: Path, tmp_path: Path) -> None:
    content = (written / "lite" / "1" / litert.FILE).read_bytes()
    for damaged in (b"", b"no flatbuffer at all", content[: len(content) // 2]):
        (tmp_path / litert.FILE).write_bytes(damaged)
        with pytest.raises(DataLossError, match="LiteRT cannot load"):
            LiteRtEngine().load(tmp_path)
    digest = content_digest(written / "lite" / "1")
    assert LiteRtEngine(expected_digest=digest).load(written / "lite" / "1").signatures
    with pytest.raises(DataLossError, match="has the digest"):
        LiteRtEngine(expected_digest=digest).load(written / "plain" / "1")


def test_a_server_of_each(written: Path) -> None:
    flags = {"cnn": "--engine=openvino", "parsing": "--engine=openvino", "lite": "--engine=auto"}
    for name, flag in flags.items():
        with serving(written / name, flag, "--port=auto", module="headrace") as server:
            server.ready()
            with Client(f"grpc://{server.grpc}") as client:
                check(client.predict("m", arrays(written / name / "inputs.npz")), written / name)
            assert server.end() == 0
        chosen_lines = [line for line in server.log if '"engine chosen"' in line]
        assert len(chosen_lines) == (name != "lite")
        assert all("engine=openvino-f32" in line for line in chosen_lines)
