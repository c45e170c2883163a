"""Checkpoints go to TensorFlow and come from it: by objects, by names, partitioned."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import headrace as tf
from tests.interop.peer_runs import run_peer
from tests.interop.peers import checkpoints


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory, tensorflow_python: Path) -> tuple[Path, dict]:
    folder = tmp_path_factory.mktemp("theirs")
    return folder, run_peer(tensorflow_python, "checkpoints.py", "write", folder)


def test_we_restore_what_tensorflow_saved(theirs) -> None:
    folder, told = theirs
    checkpoint = checkpoints.build(tf, 9.0)
    latest = tf.train.latest_checkpoint(folder)
    checkpoint.restore(latest).assert_consumed().assert_nontrivial_match()
    assert checkpoints.values(tf, checkpoint) == told["values"]
    manager = tf.train.CheckpointManager(checkpoint, folder, max_to_keep=2)
    assert [Path(path).name for path in manager.checkpoints] == told["checkpoints"]
    assert manager.latest_checkpoint == latest
    sharded = checkpoints.build(tf, 9.0)
    sharded.restore(folder / "sharded" / "c").assert_consumed()
    assert checkpoints.values(tf, sharded) == told["values"]
    assert len(list((folder / "sharded").glob("c.data-*"))) > 3


def test_tensorflow_restores_what_we_saved(tmp_path: Path, tensorflow_python: Path) -> None:
    checkpoint = checkpoints.build(tf, 2.0)
    manager = tf.train.CheckpointManager(checkpoint, tmp_path, max_to_keep=2)
    for _ in range(3):
        checkpoint.step.assign_add(1)
        path = manager.save()
    checkpoints.write_sharded(tf, checkpoint, f"{tmp_path}/sharded/c")
    assert len(list((tmp_path / "sharded").glob("c.data-*"))) > 3
    told = run_peer(tensorflow_python, "checkpoints.py", "read", tmp_path)
    assert told["sharded"] == told["values"]
    assert told["values"] == checkpoints.values(tf, checkpoint)
    assert told["checkpoints"] == ["ckpt-2", "ckpt-3"]
    assert told["listed"] == dict(tf.train.list_variables(path))


def test_names_of_variables_find_values_of_a_saver(theirs) -> None:
    prefix = theirs[0] / "named" / "model"
    reader = tf.train.load_checkpoint(prefix)
    np.testing.assert_array_equal(reader.get_tensor("scope/a"), [1, 2, 3])
    np.testing.assert_array_equal(tf.train.load_variable(prefix.parent, "parted:0"), [[1], [1], [1]])
    assert reader.get_variable_to_dtype_map()["parted"] is tf.float32
    a, parted = tf.Variable(tf.zeros([3]), name="scope/a"), tf.Variable(tf.zeros([3, 1]), name="parted")
    tf.train.Checkpoint(a=a, parted=parted).restore(str(prefix)).assert_consumed()
    assert a.numpy().tolist() == [1, 2, 3]
    assert parted.numpy().tolist() == [[1], [1], [1]]
    with pytest.raises(AssertionError, match="1 variables have no value"):
        tf.train.Checkpoint(b=tf.Variable(0.0, name="b")).restore(str(prefix)).assert_consumed()
