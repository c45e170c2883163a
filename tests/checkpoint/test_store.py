"""tf.train.Checkpoint and its manager: what is saved, restored, kept and refused."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import headrace as tf
from headrace.checkpoint import files
from headrace.core.errors import FailedPreconditionError, HeadraceError, NotFoundError

KILLS = int(os.environ.get("HEADRACE_KILLS", "4"))
"""How often a process is killed while it saves."""


class Net(tf.Module):
    def __init__(self, start: float = 0.0) -> None:
        super().__init__()
        self.layers = [tf.Variable(tf.fill([2], start)), {"b": tf.Variable(start + 1)}]


def trained(steps: int = 3):
    net, optimizer = Net(1.0), tf.optimizers.Adam(0.1)
    for _ in range(steps):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(net.layers[0] ** 2) * net.layers[1]["b"]
        optimizer.minimize(loss, list(net.variables), tape)
    return net, optimizer


def arrays(*owners):
    return [np.asarray(v.numpy()).tolist() for owner in owners for v in owner.variables]


def test_objects_and_slots_come_back(tmp_path):
    net, optimizer = trained()
    path = tf.train.Checkpoint(net=net, optimizer=optimizer).save(tmp_path / "ckpt")
    assert path == str(tmp_path / "ckpt-1")
    again, other = trained(1)
    tf.train.Checkpoint(net=again, optimizer=other).restore(path).assert_consumed()
    assert arrays(again, other) == arrays(net, optimizer)


def test_variables_that_are_made_later_are_restored_when_they_are(tmp_path):
    net, optimizer = trained()
    path = tf.train.Checkpoint(net=net, optimizer=optimizer).save(tmp_path / "ckpt")
    late, fresh = tf.Module(), tf.optimizers.Adam(0.5)
    status = tf.train.Checkpoint(net=late, optimizer=fresh).restore(path)
    with pytest.raises(AssertionError, match="values of the checkpoint .* were not used"):
        status.assert_consumed()
    late.layers = Net(5.0).layers
    assert arrays(late) == arrays(net)
    fresh.build(late.variables)
    assert arrays(fresh) == arrays(optimizer)
    status.assert_consumed()
    late.layers = Net(6.0).layers
    assert arrays(late) == arrays(Net(6.0))


def test_variables_that_are_appended_are_restored_when_asked_for(tmp_path):
    path = tf.train.Checkpoint(v=[tf.Variable(1.0), tf.Variable(2.0)]).write(tmp_path / "c")
    checkpoint = tf.train.Checkpoint(v=[tf.Variable(0.0)])
    status = checkpoint.read(path)
    checkpoint.v.append(tf.Variable(0.0))
    status.assert_consumed()
    assert [float(v) for v in checkpoint.v] == [1.0, 2.0]


def test_questions_about_the_match(tmp_path):
    path = tf.train.Checkpoint(a=tf.Variable(1.0), b=tf.Variable(2.0)).write(tmp_path / "c")
    a = tf.Variable(0.0)
    status = tf.train.Checkpoint(a=a).read(path).expect_partial()
    status.assert_existing_objects_matched().assert_nontrivial_match()
    with pytest.raises(AssertionError, match=r"1 values .* b/\.ATTRIBUTES/VARIABLE_VALUE"):
        status.assert_consumed()
    status = tf.train.Checkpoint(a=a, c=tf.Variable(3.0)).read(path)
    with pytest.raises(AssertionError, match="1 objects have no place"):
        status.assert_existing_objects_matched()
    with pytest.raises(AssertionError, match="nothing of the checkpoint"):
        tf.train.Checkpoint(x=a).read(path).assert_nontrivial_match()
    with pytest.raises(AssertionError, match="no checkpoint was given"):
        tf.train.Checkpoint(x=a).restore(None).assert_consumed()


def test_a_root_object_is_saved_by_its_own_children(tmp_path):
    net = Net(3.0)
    path = tf.train.Checkpoint(net).save(tmp_path / "c")
    assert "layers/0/.ATTRIBUTES/VARIABLE_VALUE" in dict(tf.train.list_variables(path))
    other = Net()
    tf.train.Checkpoint(other).restore(tmp_path).assert_consumed()
    assert arrays(other) == arrays(net)
    with pytest.raises(ValueError, match="another object named 'layers'"):
        tf.train.Checkpoint(net, layers=tf.Variable(1.0))


def test_a_saved_model_is_a_checkpoint_too(tmp_path):
    net = Net(4.0)
    tf.saved_model.save(net, tmp_path / "model")
    other = Net()
    tf.train.Checkpoint(other).restore(tmp_path / "model").expect_partial()
    assert arrays(other) == arrays(net)


def test_tables_are_saved(tmp_path):
    table = tf.lookup.experimental.MutableHashTable(tf.string, tf.int64, -1)
    table.insert(["a", "b"], tf.constant([1, 2], tf.int64))
    path = tf.train.Checkpoint(table=table).write(tmp_path / "c")
    other = tf.lookup.experimental.MutableHashTable(tf.string, tf.int64, -1)
    tf.train.Checkpoint(table=other).read(path).assert_consumed()
    assert other.lookup(tf.constant(["b", "a", "c"])).numpy().tolist() == [2, 1, -1]


@pytest.mark.parametrize("value", [tf.zeros([3]), tf.constant([1, 2])], ids=["shape", "dtype"])
def test_values_that_do_not_fit_are_refused(tmp_path, value):
    path = tf.train.Checkpoint(v=tf.Variable([1.0, 2.0])).write(tmp_path / "c")
    v = tf.Variable(value)
    with pytest.raises(ValueError, match=r"holds float32\[2\] under 'v/.*'; the variable .* is"):
        tf.train.Checkpoint(v=v).read(path)
    np.testing.assert_array_equal(v.numpy(), value.numpy())


def test_misuse_is_named(tmp_path):
    with pytest.raises(ValueError, match="the argument 'x' of a Checkpoint is 3; expected a variable"):
        tf.train.Checkpoint(x=3)
    with pytest.raises(NotFoundError, match=r"nothing-1.index is missing"):
        tf.train.Checkpoint(v=tf.Variable(1.0)).restore(tmp_path / "nothing-1")
    with pytest.raises(ValueError, match="no checkpoint in the folder"):
        tf.train.load_checkpoint(tmp_path)
    with pytest.raises(ValueError, match="max_to_keep"):
        tf.train.CheckpointManager(tf.train.Checkpoint(), tmp_path, 0)
    with pytest.raises(ValueError, match="step_counter"):
        tf.train.CheckpointManager(tf.train.Checkpoint(), tmp_path, 1, checkpoint_interval=3)
    with pytest.raises(FailedPreconditionError, match="inside a tf.function"):
        tf.function(lambda: tf.train.Checkpoint(v=tf.Variable(1.0)).save(str(tmp_path / "c")))()
    assert tf.train.latest_checkpoint(tmp_path) is None
    assert tf.train.get_checkpoint_state(tmp_path) is None


def test_a_manager_keeps_the_last_ones(tmp_path):
    v, step = tf.Variable(0.0), tf.Variable(0)
    checkpoint = tf.train.Checkpoint(v=v)
    manager = tf.train.CheckpointManager(
        checkpoint, tmp_path / "d", 2, step_counter=step, checkpoint_interval=2, checkpoint_name="m"
    )
    assert manager.restore_or_initialize() is None
    saved = []
    for _ in range(6):
        saved.append(manager.save())
        step.assign_add(1)
        v.assign_add(1.0)
    assert [path and Path(path).name for path in saved] == ["m-1", None, "m-2", None, "m-3", None]
    assert sorted(p.name for p in (tmp_path / "d").glob("*.index")) == ["m-2.index", "m-3.index"]
    assert manager.save(checkpoint_number=40, check_interval=False) == manager.latest_checkpoint == str(tmp_path / "d" / "m-40")
    state = tf.train.get_checkpoint_state(tmp_path / "d")
    assert state.all_model_checkpoint_paths == manager.checkpoints
    other = tf.train.CheckpointManager(tf.train.Checkpoint(v=v), tmp_path / "d", 2, init_fn=lambda: 1 / 0)
    v.assign(-1.0)
    assert other.restore_or_initialize() == manager.latest_checkpoint
    assert float(v) == 6.0
    with pytest.raises(ZeroDivisionError):
        tf.train.CheckpointManager(checkpoint, tmp_path / "none", 2, init_fn=lambda: 1 / 0).restore_or_initialize()


def test_some_are_kept_for_good(tmp_path):
    manager = tf.train.CheckpointManager(tf.train.Checkpoint(v=tf.Variable(0.0)), tmp_path, 1, keep_checkpoint_every_n_hours=1e-9)
    for _ in range(3):
        manager.save()
        time.sleep(0.01)
    assert len(list(tmp_path.glob("*.index"))) == 3
    assert [Path(path).name for path in manager.checkpoints] == ["ckpt-3"]


def test_writing_in_a_thread(tmp_path, monkeypatch):
    v = tf.Variable(np.arange(1000.0))
    checkpoint = tf.train.Checkpoint(v=v)
    options = tf.train.CheckpointOptions(enable_async=True)
    path = checkpoint.save(tmp_path / "c", options)
    v.assign(v * 0.0)
    checkpoint.sync()
    assert tf.train.latest_checkpoint(tmp_path) == path
    checkpoint.read(path).assert_consumed()
    assert v.numpy()[999] == 999
    monkeypatch.setattr(files, "publish", lambda *_: (_ for _ in ()).throw(OSError("no space left")))
    checkpoint.save(tmp_path / "c", options)
    with pytest.raises(OSError, match="no space left"):
        checkpoint.sync()
    assert tf.train.latest_checkpoint(tmp_path) == path


def test_a_failed_write_leaves_nothing(tmp_path, monkeypatch):
    checkpoint = tf.train.Checkpoint(v=tf.Variable(1.0))
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError("no space left")))
    with pytest.raises(OSError, match="no space left"):
        checkpoint.write(tmp_path / "c")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", ['model_checkpoint_path "x"', "\xff", 'all_model_checkpoint_timestamps: "x"'])
def test_a_damaged_state_file_is_named(tmp_path, content):
    (tmp_path / "checkpoint").write_bytes(content.encode("latin-1"))
    with pytest.raises(tf.errors.DataLossError, match="checkpoint is damaged"):
        tf.train.latest_checkpoint(tmp_path)


def test_every_damaged_byte_is_found(tmp_path):
    numbers = np.random.default_rng(5)
    checkpoint = tf.train.Checkpoint(a=tf.Variable(numbers.normal(size=20)), b=tf.Variable(["x", "yz"]), c=Net(2.0))
    path = Path(checkpoint.save(tmp_path / "c"))
    wanted = [np.asarray(v.numpy()).tolist() for v in (checkpoint.a, checkpoint.b, *checkpoint.c.variables)]
    for file in (files.index_path(path), files.shard_path(path, 0, 1)):
        whole = file.read_bytes()
        for case in range(60):
            damaged = bytearray(whole)
            if case % 3:
                damaged[numbers.integers(len(damaged))] ^= 1 << int(numbers.integers(8))
            else:
                del damaged[numbers.integers(len(damaged)) :]
            file.write_bytes(damaged)
            fresh = tf.train.Checkpoint(a=tf.Variable(np.zeros(20)), b=tf.Variable(["", ""]), c=Net())
            try:
                fresh.restore(str(path)).assert_consumed()
            except HeadraceError:
                continue
            assert [np.asarray(v.numpy()).tolist() for v in (fresh.a, fresh.b, *fresh.c.variables)] == wanted
        file.write_bytes(whole)


SAVING = """
import sys, numpy as np, headrace as tf
v = tf.Variable(np.zeros(200_000), name="v")
manager = tf.train.CheckpointManager(tf.train.Checkpoint(v=v), sys.argv[1], max_to_keep=2)
manager.restore_or_initialize()
policy = tf.train.experimental.MaxShardSizePolicy(300_000) if sys.argv[2] != "whole" else None
options = tf.train.CheckpointOptions(enable_async=sys.argv[2] == "thread", experimental_sharding_callback=policy)
print("ready", flush=True)
while True:
    v.assign(v + 1.0)
    manager.save(options=options)
"""


@pytest.mark.parametrize("how", ["whole", "shards", "thread"])
def test_a_process_that_is_killed_while_it_saves_loses_nothing_that_was_saved(tmp_path, how):
    numbers = np.random.default_rng()
    v = tf.Variable(np.zeros(200_000))
    before = 0.0
    for kill in range(KILLS if how == "whole" else KILLS // 2):
        with subprocess.Popen([sys.executable, "-c", SAVING, str(tmp_path), how], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            deadline = time.monotonic() + 120
            while kill == 0 and tf.train.latest_checkpoint(tmp_path) is None:  # there must be something to lose
                assert time.monotonic() < deadline
                time.sleep(0.01)
            time.sleep(float(numbers.uniform(0.0, 0.3)))
            process.send_signal(signal.SIGKILL)
        latest = tf.train.latest_checkpoint(tmp_path)
        if latest is not None:
            tf.train.Checkpoint(v=v).restore(latest).assert_consumed()
            assert len(set(v.numpy().tolist())) == 1
            assert v.numpy()[0] >= before
            before = v.numpy()[0]
    assert before > 0
