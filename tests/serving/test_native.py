"""A model saved by Headrace, served by Headrace."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import httpx
import numpy as np
import pytest

import headrace as tf
from headrace import saved_model
from headrace.core.errors import FailedPreconditionError, OpError
from headrace.serving.engines.native import NativeEngine
from headrace.serving.lifecycle import LifecycleOptions
from headrace.serving.server import ModelServer, ServerOptions
from tests.serving.toy import wait_until

X = np.float32([[1, 2, 3], [4, 5, 6]])


def save(path: Path, scale: float) -> Path:
    """A model with two signatures: x @ w, and one that adds to integers."""
    module = tf.Module()
    module.weight = tf.Variable(np.full((3, 2), scale, np.float32))

    @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float32, name="x")])
    def predict(x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"scores": x @ module.weight}

    @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float32, name="x"), tf.TensorSpec([None], tf.int64, name="k")])
    def shift(x: tf.Tensor, k: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"more": k + 1, "same": x}

    module.predict, module.shift = predict, shift
    hidden = path.with_name(f"tmp-{path.name}")
    saved_model.save(module, str(hidden), signatures={"serving_default": predict, "shift": shift})
    return hidden.rename(path)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two saved models to copy from."""
    base = tmp_path_factory.mktemp("models")
    for version, scale in ((1, 1.0), (2, 2.0)):
        save(base / str(version), scale)
    return base


def test_signatures_and_runs(models: Path) -> None:
    model = NativeEngine().load(models / "2")
    assert model.signatures.keys() == {"serving_default", "shift"}
    signature = model.signatures["serving_default"]
    assert {name: (spec.shape.dims, spec.dtype.name) for name, spec in signature.inputs.items()} == {"x": ([None, 3], "float32")}
    assert {name: (spec.shape.dims, spec.dtype.name) for name, spec in signature.outputs.items()} == {
        "scores": ([None, 2], "float32")
    }
    assert model.run("serving_default", {"x": X})["scores"].tolist() == [[12, 12], [30, 30]]
    found = model.run("shift", {"x": X, "k": np.int64([1, 2])})
    assert found["more"].tolist() == [2, 3]
    assert found["more"].dtype == np.int64
    assert np.array_equal(found["same"], X)
    assert (model.engine, model.memory_bytes) == ("xla", 3 * 2 * 4)
    model.close()


def test_it_runs_on_many_threads_at_once(models: Path) -> None:
    model = NativeEngine().load(models / "1")
    faults: list[object] = []

    def ask(slot: int) -> None:
        for size in (1, 2, 5):
            x = np.full((size, 3), slot, np.float32)
            scores = model.run("serving_default", {"x": x})["scores"]
            if scores.tolist() != [[3 * slot] * 2] * size:
                faults.append(scores)

    threads = [threading.Thread(target=ask, args=(slot,)) for slot in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not faults


def test_a_directory_is_complete_once_the_model_file_is_there(tmp_path: Path) -> None:
    assert not NativeEngine().is_complete(tmp_path)
    (tmp_path / "saved_model.pb").write_bytes(b"")
    assert NativeEngine().is_complete(tmp_path)


@pytest.mark.parametrize("damage", ["saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001"])
def test_a_damaged_model_is_refused_by_name(models: Path, tmp_path: Path, damage: str) -> None:
    path = shutil.copytree(models / "1", tmp_path / "1")
    content = (path / damage).read_bytes()
    (path / damage).write_bytes(content[: len(content) // 2])
    with pytest.raises(OpError):
        NativeEngine().load(path)
    (path / damage).unlink()
    with pytest.raises(OpError):
        NativeEngine().load(path)


def test_a_model_without_signatures_is_refused(tmp_path: Path) -> None:
    saved_model.save(tf.Module(), str(tmp_path / "1"))
    with pytest.raises(FailedPreconditionError, match="has no signature that could be served"):
        NativeEngine().load(tmp_path / "1")


def test_versions_are_swapped_over_rest(models: Path, tmp_path: Path) -> None:
    address: list[str] = []
    options = ServerOptions(tmp_path, "m", rest_threads=4, lifecycle=LifecycleOptions(poll_seconds=0.05, retry_seconds=0.05))
    server = ModelServer(options, on_ready=address.append)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        shutil.copytree(models / "1", tmp_path / "1")
        wait_until(lambda: bool(address), 120)
        url = f"{address[0]}/v1/models/m"
        with httpx.Client() as client:

            def scores() -> object:
                response = client.post(f"{url}:predict", json={"instances": X.tolist()})
                assert response.status_code == 200, response.text
                return response.json()["predictions"]

            assert scores() == [[6, 6], [15, 15]]
            # The slow copy: the model file first, the weights a while later.
            (tmp_path / "2").mkdir()
            shutil.copy(models / "2" / "saved_model.pb", tmp_path / "2")
            wait_until(lambda: len(client.get(url).json()["model_version_status"]) == 2, 120)
            assert scores() == [[6, 6], [15, 15]]
            shutil.copytree(models / "2", tmp_path / "2", dirs_exist_ok=True)
            wait_until(lambda: scores() == [[12, 12], [30, 30]], 120)
            wait_until(lambda: [s["state"] for s in client.get(url).json()["model_version_status"]] == ["AVAILABLE", "END"], 120)
            signatures = client.get(f"{url}/metadata").json()["metadata"]["signature_def"]["signature_def"]
            assert signatures["serving_default"]["inputs"]["x"]["tensor_shape"]["dim"][1]["size"] == "3"
            wrong = client.post(f"{url}:predict", json={"instances": [[1, 2]]})
            assert (wrong.status_code, wrong.json()) == (400, {"error": 'input "x" has shape (1, 2); expected (None, 3)'})
    finally:
        server.end()
        thread.join(120)
    assert not thread.is_alive()


def test_models_come_and_go_with_the_configuration_file(models: Path, tmp_path: Path) -> None:
    address: list[str] = []
    file = tmp_path / "models.config"
    shutil.copytree(models / "1", tmp_path / "one" / "1")
    shutil.copytree(models / "2", tmp_path / "two" / "1")

    def write(*names: str) -> None:
        entries = (f'config {{ name: "{name}" base_path: "{tmp_path / name}" model_platform: "tensorflow" }}' for name in names)
        file.with_suffix(".new").write_text(f"model_config_list {{ {' '.join(entries)} }}")
        file.with_suffix(".new").replace(file)

    write("one")
    options = ServerOptions(config_file=file, config_poll_seconds=0.05, rest_threads=4)
    server = ModelServer(options, on_ready=address.append)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_until(lambda: bool(address), 120)

        def scores(name: str) -> object:
            response = httpx.post(f"{address[0]}/v1/models/{name}:predict", json={"instances": X.tolist()})
            return response.json()["predictions"] if response.status_code == 200 else response.status_code

        assert (scores("one"), scores("two")) == ([[6, 6], [15, 15]], 404)
        write("two", "one")
        wait_until(lambda: scores("two") == [[12, 12], [30, 30]], 120)
        write("two")
        wait_until(lambda: scores("one") == 404, 120)
        assert scores("two") == [[12, 12], [30, 30]]
    finally:
        server.end()
        thread.join(120)
    assert not thread.is_alive()
