"""Models with lookup tables and assets come from TensorFlow and go to it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

import headrace as tf
from headrace import saved_model
from headrace.core.errors import DataLossError, InvalidArgumentError
from headrace.proto.messages import SavedModel, parse, serialize
from tests.interop.peer_runs import run_peer
from tests.interop.peers import tables


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory, tensorflow_python: Path) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("tables") / "model"
    return folder, run_peer(tensorflow_python, "tables.py", "write", folder)


def test_the_same_program_computes_the_same_here(foreign: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    assert tables.results(tf, tables.build(tf, str(tmp_path))) == foreign[1]


def test_a_model_of_tensorflow_computes_the_same_here(foreign: tuple[Path, dict[str, Any]]) -> None:
    found = saved_model.load(foreign[0])
    signature = found.signatures["serving_default"](keys=tf.constant(tables.KEYS))
    assert {key: value.numpy().tolist() for key, value in signature.items()} == foreign[1]["before"]
    assert tables.results(tf, found) == foreign[1]


def test_each_load_has_tables_of_its_own(foreign: tuple[Path, dict[str, Any]]) -> None:
    first, second = saved_model.load(foreign[0]), saved_model.load(foreign[0])
    tables.results(tf, first)
    assert tables.results(tf, second) == foreign[1]


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A model written here, whose vocabulary file is gone, and what it computes."""
    words, folder = tmp_path_factory.mktemp("words"), tmp_path_factory.mktemp("ours") / "model"
    model = tables.build(tf, str(words))
    saved_model.save(model, folder, signatures=model.find)
    shutil.rmtree(words)
    return folder, tables.results(tf, model)


def test_our_model_computes_the_same_in_tensorflow(ours: tuple[Path, dict[str, Any]], tensorflow_python: Path) -> None:
    found = run_peer(tensorflow_python, "tables.py", "read", ours[0])
    assert found["v2"] == ours[1]
    assert found["v1"] == ours[1]["before"]


def test_our_model_computes_the_same_here(ours: tuple[Path, dict[str, Any]], foreign: tuple[Path, dict[str, Any]]) -> None:
    assert tables.results(tf, saved_model.load(ours[0])) == ours[1] == foreign[1]


def test_a_model_of_tensorflow_can_be_saved_again(
    foreign: tuple[Path, dict[str, Any]], tmp_path: Path, tensorflow_python: Path
) -> None:
    loaded = saved_model.load(foreign[0])
    saved_model.save(loaded, tmp_path / "again", signatures=loaded.find)
    found = run_peer(tensorflow_python, "tables.py", "read", tmp_path / "again")
    assert found["v2"] == foreign[1]
    assert found["v1"] == foreign[1]["before"]


def test_a_missing_vocabulary_is_named(foreign: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    shutil.copytree(foreign[0], tmp_path / "model")
    (tmp_path / "model" / "assets" / "words.txt").unlink()
    with pytest.raises(DataLossError, match="'words.txt'.*is missing"):
        saved_model.load(tmp_path / "model")


@pytest.mark.parametrize("name", ["../variables/variables.index", "/etc/hostname", "", "."])
def test_an_asset_stays_in_its_folder(foreign: tuple[Path, dict[str, Any]], tmp_path: Path, name: str) -> None:
    shutil.copytree(foreign[0], tmp_path / "model")
    path = tmp_path / "model" / "saved_model.pb"
    model = parse(SavedModel, path.read_bytes(), "the model")
    model.meta_graphs[0].asset_file_def[0].filename = name
    path.write_bytes(serialize(model))
    (tmp_path / "model" / "fingerprint.pb").unlink()
    with pytest.raises((InvalidArgumentError, DataLossError), match="asset"):
        saved_model.load(tmp_path / "model")
