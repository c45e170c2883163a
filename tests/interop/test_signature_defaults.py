"""Inputs of signatures that may be left out: TensorFlow and Headrace write the same, and Headrace serves both."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import headrace as tf
from headrace import saved_model
from headrace.cli.main import main
from headrace.core.errors import InvalidArgumentError
from headrace.proto.messages import SavedModel, parse, serialize
from headrace.serving.engines.native import NativeEngine
from headrace.serving.servable import State
from tests.interop.peer_runs import run_peer
from tests.interop.peers import defaults
from tests.serving.toy import Service, wait_until

EXPECTED = {"defaults": {"scale": 2.5, "unit": ["a", "b"]}, "y": [2.5, -5.0], "unit": ["a!", "b!"], "function": [2.5, -5.0]}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory, tensorflow_python: Path) -> dict[str, Path]:
    base = tmp_path_factory.mktemp("defaults")
    found = {"ours": base / "ours", "theirs": base / "theirs"}
    defaults.save(tf, str(found["ours"]))
    seen = run_peer(tensorflow_python, "defaults.py", found["ours"], found["theirs"])
    assert seen == {"ours": EXPECTED, "theirs": EXPECTED}
    return found


@pytest.mark.parametrize("name", ["ours", "theirs"])
def test_what_is_left_out_is_the_default(folders: dict[str, Path], name: str) -> None:
    loaded = saved_model.load(folders[name])
    signature = loaded.signatures["serving_default"]
    assert signature(x=tf.constant(defaults.X))["y"].numpy().tolist() == [2.5, -5.0]
    assert signature(x=tf.constant(defaults.X), scale=tf.constant(1.0))["y"].numpy().tolist() == defaults.X
    assert loaded.convert(tf.constant(defaults.X))["unit"].numpy().tolist() == [b"a!", b"b!"]
    with pytest.raises(TypeError, match="missing the argument 'x'"):
        signature(scale=tf.constant(1.0))


def test_a_loaded_signature_keeps_its_defaults_when_it_is_saved_again(folders: dict[str, Path], tmp_path: Path) -> None:
    loaded = saved_model.load(folders["theirs"])
    saved_model.save(loaded, tmp_path / "again", signatures=dict(loaded.signatures))
    again = saved_model.load(tmp_path / "again").signatures["serving_default"]
    assert again(x=tf.constant(defaults.X))["y"].numpy().tolist() == [2.5, -5.0]


def test_a_graph_without_objects_has_them_too(folders: dict[str, Path], tmp_path: Path) -> None:
    def change(meta: Any) -> None:
        meta.ClearField("object_graph_def")

    signature = saved_model.load(changed(folders["theirs"], tmp_path / "graph", change)).signatures["serving_default"]
    assert signature(x=tf.constant(defaults.X))["y"].numpy().tolist() == [2.5, -5.0]


def changed(source: Path, target: Path, change: Any) -> Path:
    (target / "variables").mkdir(parents=True)
    for file in (source / "variables").iterdir():
        (target / "variables" / file.name).write_bytes(file.read_bytes())
    model = parse(SavedModel, (source / "saved_model.pb").read_bytes(), "the model")
    change(model.meta_graphs[0])
    (target / "saved_model.pb").write_bytes(serialize(model))
    return target


def test_a_default_that_fits_no_input_is_refused(folders: dict[str, Path], tmp_path: Path) -> None:
    def change(meta: Any) -> None:
        meta.signature_def["serving_default"].defaults["scale"].dtype = 3

    with pytest.raises(InvalidArgumentError, match="the default of 'scale' .* is int32"):
        saved_model.load(changed(folders["theirs"], tmp_path / "wrong", change))


def test_the_server_fills_them_in(folders: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "1").symlink_to(folders["theirs"])
    with Service(tmp_path / "m", engine=NativeEngine()) as service:
        wait_until(lambda: [s.state for s in service.lifecycle.statuses()] == [State.AVAILABLE])
        found = service.predict({"inputs": {"x": [1.0, 2.0]}}).json()
        assert found == {"outputs": {"y": [2.5, 5.0], "unit": ["a!", "b!"]}}
        found = service.predict({"inputs": {"x": [1.0, 2.0], "scale": 1.0, "unit": ["c", "d"]}}).json()
        assert found == {"outputs": {"y": [1.0, 2.0], "unit": ["c!", "d!"]}}
        found = service.predict({"instances": [{"x": 1.0}, {"x": 2.0}]}).json()
        assert found == {"predictions": [{"y": 2.5, "unit": "a!"}, {"y": 5.0, "unit": "b!"}]}
        assert "Missing named input: x" in service.predict({"inputs": {"scale": 1.0}}).json()["error"]
        meta = service.ask("GET", "/v1/models/m/metadata").json()["metadata"]["signature_def"]["signature_def"]["serving_default"]
        assert meta["defaults"]["scale"]["float_val"] == [2.5]


def test_inspect_shows_them(folders: dict[str, Path]) -> None:
    done = CliRunner().invoke(main, ["inspect", str(folders["theirs"]), "--json"])
    inputs = json.loads(done.output)["graphs"][0]["signatures"]["serving_default"]["inputs"]
    assert {name: tensor.get("default") for name, tensor in inputs.items()} == {"x": None, "scale": "2.5", "unit": ["a", "b"]}
    assert ", 2.5 when left out" in CliRunner().invoke(main, ["inspect", str(folders["theirs"])]).output
