"""Checkpoints in several data files: what the policies do, what comes back, and what callbacks may not return."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import headrace as tf
from headrace.checkpoint import bundle
from headrace.checkpoint.bundle import BundleReader
from headrace.core.errors import InvalidArgumentError

experimental = tf.train.experimental


def filled():
    numbers = np.random.default_rng(3)
    return tf.train.Checkpoint(
        a=tf.Variable(numbers.normal(size=[30, 7]).astype(np.float32)),
        b=tf.Variable(np.arange(600, dtype=np.int64).reshape(2, 3, 100)),
        c=tf.Variable(["x" * 700, "y"]),
        d=tf.Variable(2.5, dtype=tf.float64),
        e=tf.Variable(tf.zeros([0, 3])),
        f=tf.Variable(tf.cast([1.0, 2.0], tf.bfloat16)),
    )


def empty():
    return tf.train.Checkpoint(
        a=tf.Variable(tf.zeros([30, 7])),
        b=tf.Variable(tf.zeros([2, 3, 100], tf.int64)),
        c=tf.Variable(["", ""]),
        d=tf.Variable(0.0, dtype=tf.float64),
        e=tf.Variable(tf.zeros([0, 3])),
        f=tf.Variable(tf.zeros([2], tf.bfloat16)),
    )


def values(checkpoint):
    return [np.asarray(getattr(checkpoint, name).numpy()).tolist() for name in "abcdef"]


def options(size: int, **more) -> tf.train.CheckpointOptions:
    return tf.train.CheckpointOptions(experimental_sharding_callback=experimental.MaxShardSizePolicy(size), **more)


def data_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.data-*"))


@pytest.mark.parametrize("size", [3, 100, 512, 10_000, 1 << 30])
def test_shards_come_back_and_keep_to_the_size(tmp_path, size):
    checkpoint = filled()
    path = checkpoint.write(tmp_path / "c", options(size))
    found = data_files(tmp_path)
    assert [p.name for p in found] == [f"c.data-{n:05d}-of-{len(found):05d}" for n in range(len(found))]
    reader = BundleReader(path)
    fresh = empty()
    fresh.read(path).assert_consumed()
    assert values(fresh) == values(checkpoint)
    # strings are kept whole, and a scalar of eight bytes cannot be cut into pieces of three
    whole = [reader.entry(key).shard_id for key in reader if reader.spec(key)[0] is tf.string]
    assert all(p.stat().st_size <= max(size, 8) for n, p in enumerate(found) if n not in whole)
    if size == 10_000:
        assert len(found) == 1
    elif size < 600:
        assert len(found) > 5


def test_shapes_and_names_of_slices_are_those_of_whole_tensors(tmp_path):
    checkpoint = filled()
    plain, parted = checkpoint.write(tmp_path / "plain"), checkpoint.write(tmp_path / "parted", options(64))
    assert tf.train.list_variables(plain) == tf.train.list_variables(parted)


def test_another_number_of_files_replaces_the_old_ones(tmp_path):
    checkpoint = filled()
    checkpoint.write(tmp_path / "c", options(1000))
    assert len(data_files(tmp_path)) > 3
    path = checkpoint.write(tmp_path / "c")
    assert [p.name for p in data_files(tmp_path)] == ["c.data-00000-of-00001"]
    empty().read(path).assert_consumed()


def test_a_manager_saves_shards_in_a_thread_and_removes_old_ones(tmp_path):
    checkpoint = filled()
    manager = tf.train.CheckpointManager(checkpoint, tmp_path, max_to_keep=1)
    seen = []
    written = [seen.append, lambda: seen.append("done")]
    for step in range(3):
        checkpoint.d.assign(float(step))
        path = manager.save(options=options(1000, enable_async=True, experimental_write_callbacks=written))
        checkpoint.d.assign(-1.0)
    manager.sync()
    assert seen == [str(tmp_path / "ckpt-1"), "done", str(tmp_path / "ckpt-2"), "done", path, "done"]
    assert {p.name.split(".")[0] for p in data_files(tmp_path)} == {"ckpt-3"}
    fresh = empty()
    fresh.restore(path).assert_consumed()
    assert fresh.d.numpy() == 2.0


def test_a_data_file_that_is_missing_or_damaged_is_named(tmp_path):
    path = filled().write(tmp_path / "c", options(512))
    third = data_files(tmp_path)[2]
    whole = third.read_bytes()
    third.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(tf.errors.DataLossError, match="is damaged: its checksum"):
        empty().read(path)
    third.write_bytes(whole[:100])
    with pytest.raises(tf.errors.DataLossError, match="holds"):
        empty().read(path)
    third.unlink()
    with pytest.raises(tf.errors.NotFoundError, match=f"{third.name} is missing"):
        empty().read(path)


class Callback(experimental.ShardingCallback):
    """A callback made of a function of the tensors."""

    def __init__(self, call):
        self._call = call

    @property
    def description(self):
        return "for a test"

    def __call__(self, shardable_tensors):
        return self._call(shardable_tensors)


def one_each(tensors):
    return [{t.checkpoint_key: {t.slice_spec: t.tensor}} for t in tensors]


def halves(tensors):
    shards = one_each(t for t in tensors if t.shape.rank != 2)
    for t in tensors:
        if t.shape.rank == 2 and t.shape[0]:
            rows, columns = t.shape
            shards.append({t.checkpoint_key: {f"{rows} {columns} 0,10:-": t.tensor[:10]}})
            shards.append({t.checkpoint_key: {f"{rows} {columns} 10,{rows - 10}:0,{columns}": t.tensor[10:]}})
        elif t.shape.rank == 2:
            shards[0][t.checkpoint_key] = {"": t.tensor}
    return shards


@pytest.mark.parametrize("call", [one_each, halves])
def test_a_callback_of_the_users(tmp_path, call):
    checkpoint = filled()
    seen = []

    def noted(tensors):
        seen.extend(tensors)
        return call(tensors)

    path = checkpoint.write(tmp_path / "c", tf.train.CheckpointOptions(experimental_sharding_callback=Callback(noted)))
    fresh = empty()
    fresh.read(path).assert_consumed()
    assert values(fresh) == values(checkpoint)
    item = {item.checkpoint_key: item for item in seen}["a/.ATTRIBUTES/VARIABLE_VALUE"]
    assert (item.dtype, item.shape, item.slice_spec, item.trackable) == (tf.float32, [30, 7], "", checkpoint.a)


def changed(**changes):
    """A callback that puts all into one file, but for the changes to the variable a."""

    def call(tensors):
        shard = {t.checkpoint_key: {"": t.tensor} for t in tensors}
        key = "a/.ATTRIBUTES/VARIABLE_VALUE"
        return [shard | {key: {spec.replace("_", " "): change(shard[key][""]) for spec, change in changes.items()}}]

    return call


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda tensors: one_each(tensors)[1:], "left out 1 tensors: a/"),
        (lambda _: [], "left out 7 tensors"),
        (lambda tensors: [*one_each(tensors), {"new": {"": tf.zeros([1])}}], "returned 'new', which it was not given"),
        (lambda tensors: one_each(tensors) * 2, "overlap or leave elements out"),
        (changed(**{"": lambda a: a[:3]}), r"with shape \[3, 7\]"),
        (changed(**{"": lambda a: tf.cast(a, tf.float16)}), "as float16"),
        (changed(**{"30_7_0,10:-": lambda a: a[:10], "30_7_5,20:-": lambda a: a[5:25]}), "overlap"),
        (changed(**{"30_7_0,10:-": lambda a: a[:10], "30_7_20,10:-": lambda a: a[20:]}), "leave elements out"),
        (changed(**{"30_7_0,10:-": lambda a: a}), r"was given a tensor of shape \[30, 7\]"),
        (changed(**{"30_7_25,10:-": lambda a: a[:10]}), "covers 10 from 25 of a dimension of 30"),
        (changed(**{"30_7_0,30": lambda a: a}), "has 1 dimensions; the tensor has 2"),
        (changed(rows=lambda a: a), "is no slice"),
    ],
)
def test_a_callback_that_loses_or_changes_tensors_is_refused(tmp_path, call, message):
    with pytest.raises(InvalidArgumentError, match=message):
        filled().write(tmp_path / "c", tf.train.CheckpointOptions(experimental_sharding_callback=Callback(call)))
    assert list(tmp_path.iterdir()) == []


def test_misuse_is_named(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="positive number of bytes; got 0"):
        experimental.MaxShardSizePolicy(0)
    with pytest.raises(ValueError, match=r"expected a tf.train.experimental.ShardingCallback"):
        tf.train.CheckpointOptions(experimental_sharding_callback=lambda tensors: [])
    with pytest.raises(AssertionError, match="takes more than one argument"):
        tf.train.CheckpointOptions(experimental_write_callbacks=[lambda path, more: None])
    monkeypatch.setattr("headrace.checkpoint.sharding.MAX_SHARDS", 20)
    with pytest.raises(InvalidArgumentError, match="give a larger max_shard_size"):
        filled().write(tmp_path / "c", options(4))
    monkeypatch.setattr(bundle, "MAX_SHARDS", 3)
    with pytest.raises(InvalidArgumentError, match="1 to 3 data files; got 7"):
        filled().write(tmp_path / "c", tf.train.CheckpointOptions(experimental_sharding_callback=Callback(one_each)))
    assert experimental.ShardByTaskPolicy().description != experimental.MaxShardSizePolicy(1).description
