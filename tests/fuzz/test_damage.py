"""Models and checkpoints that Headrace wrote, damaged at random."""

from __future__ import annotations

from pathlib import Path

import pytest

import headrace as tf
from tests.fuzz.runs import assert_nothing_found
from tests.interop.peers import control_flow, tables
from tests.saved_model.test_custom_gradients import Branching


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("fuzz")
    folder = base / "corpus"
    found = tables.build(tf, str(base))
    tf.saved_model.save(found, folder / "tables", signatures=found.find)
    branches = control_flow.build(tf)
    tf.saved_model.save(branches, folder / "control_flow", signatures={"branch": branches.branch, "until": branches.until})
    kept = tf.train.Checkpoint(v=tf.Variable([[1.0, 2.0]] * 50), s=tf.Variable(["a", "bb"]), n=[tf.Variable(3), tf.Variable(2.5)])
    manager = tf.train.CheckpointManager(kept, str(folder / "checkpoints"), 3)
    manager.save()
    manager.save(options=tf.train.CheckpointOptions(experimental_sharding_callback=tf.train.experimental.MaxShardSizePolicy(64)))
    tf.saved_model.save(Branching(), folder / "custom_gradients")
    return folder


@pytest.mark.parametrize("flags", [(), ("--calls",)])
def test_damage_ends_in_a_named_error_or_in_right_values(corpus: Path, flags: tuple[str, ...]) -> None:
    assert_nothing_found(corpus, *flags)
