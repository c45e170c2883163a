"""Models with branches and loops go to TensorFlow and come from it, gradients included."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import headrace as tf
from headrace import saved_model
from tests.interop.peer_runs import run_peer
from tests.interop.peers import control_flow


def _compare(found: dict[str, Any], expected: dict[str, Any]) -> None:
    assert found.keys() == expected.keys()
    for name, rows in expected.items():
        for row, wanted in zip(found[name], rows, strict=True):
            for a, b in zip(row, wanted, strict=True):
                np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-5, err_msg=name)


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory, tensorflow_python: Path) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("control") / "model"
    return folder, run_peer(tensorflow_python, "control_flow.py", "write", folder)


def test_a_model_of_tensorflow_computes_the_same_here(foreign: tuple[Path, dict[str, Any]]) -> None:
    _compare(control_flow.results(tf, saved_model.load(foreign[0])), foreign[1])


def test_the_same_program_computes_the_same_here(foreign: tuple[Path, dict[str, Any]]) -> None:
    _compare(control_flow.results(tf, control_flow.build(tf)), foreign[1])


def test_our_model_computes_the_same_in_tensorflow(tmp_path: Path, tensorflow_python: Path) -> None:
    model = control_flow.build(tf)
    saved_model.save(model, tmp_path / "model")
    expected = control_flow.results(tf, model)
    _compare(run_peer(tensorflow_python, "control_flow.py", "read", tmp_path / "model"), expected)
    _compare(control_flow.results(tf, saved_model.load(tmp_path / "model")), expected)


def test_a_model_of_tensorflow_can_be_saved_again(
    foreign: tuple[Path, dict[str, Any]], tmp_path: Path, tensorflow_python: Path
) -> None:
    saved_model.save(saved_model.load(foreign[0]), tmp_path / "again")
    _compare(run_peer(tensorflow_python, "control_flow.py", "read", tmp_path / "again"), foreign[1])
