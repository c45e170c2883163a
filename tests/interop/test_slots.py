"""Slots of optimizers in checkpoints, to TensorFlow and from it; the optimizers of tf.compat.v1.train step as TensorFlow's do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import headrace as tf
from tests.interop.peer_runs import run_peer
from tests.interop.peers import slots


def check(found: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        np.testing.assert_allclose(found[name], value, rtol=2e-5, atol=1e-6, err_msg=name)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory, tensorflow_python: Path) -> tuple[Path, Any, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("slots")
    checkpoint = slots.build(tf, 2.0)
    slots.train(tf, checkpoint, 2)
    checkpoint.save(folder / "ours" / "c")
    return folder, checkpoint, run_peer(tensorflow_python, "slots.py", folder / "ours", folder / "theirs")


def test_optimizers_step_as_tensorflows_do(told) -> None:
    check(slots.values(told[1]), told[2]["before theirs"])


def test_tensorflow_goes_on_from_our_checkpoint(told) -> None:
    _, checkpoint, seen = told
    assert seen["ours listed"] == seen["theirs listed"]
    assert seen["restored step"] == 2 * len(slots.MAKERS)
    np.testing.assert_allclose(seen["restored slot"], checkpoint.adam.get_slot(checkpoint.model.w, "v").numpy(), rtol=1e-6)
    slots.train(tf, checkpoint, 1)
    check(seen["after ours"], slots.values(checkpoint))


def test_we_go_on_from_tensorflows_checkpoint(told) -> None:
    folder, _, seen = told
    checkpoint = slots.build(tf, 9.0)
    status = checkpoint.restore(folder / "theirs" / "c-1")
    assert checkpoint.adam.get_slot_names() == ["m", "v"], "made with the values of the checkpoint"
    slots.train(tf, checkpoint, 1)
    status.assert_consumed()
    check(slots.values(checkpoint), seen["after theirs"])


def test_we_go_on_from_keras_2(told) -> None:
    folder, _, seen = told
    model = tf.Module()
    model.w = tf.Variable([0.0, 0.0])
    model.adam, model.momentum = tf.optimizers.Adam(0.5), tf.optimizers.SGD(0.5, momentum=0.5)
    status = tf.train.Checkpoint(model).read(folder / "theirs" / "keras2").assert_existing_objects_matched()
    held = {name: model.adam.get_slot(model.w, name) for name in ("m", "v")}
    held |= {"w": model.w, "momentum": model.momentum.get_slot(model.w, "momentum")}
    check({name: value.numpy().tolist() for name, value in held.items()}, seen["keras"])
    assert (int(model.adam.iterations), float(model.adam.learning_rate)) == (2, 0.25)
    with pytest.raises(AssertionError, match="have no place"):
        status.assert_consumed()  # slots hang on lists here, and beta_1 is no variable


def test_a_saved_model_with_slots_is_read(told) -> None:
    folder, _, seen = told
    loaded = tf.saved_model.load(folder / "theirs" / "saved")
    assert loaded.w.numpy().tolist() == seen["keras"]["w"]
