"""The position of an iterator goes through a checkpoint exactly: buffers of shuffles and prefetches, groups, threads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import headrace as tf
from headrace.data.pipeline.packing import pack, unpack
from tests.data.pipeline.cases import chains

Dataset = tf.data.Dataset
ROWS = np.arange(20, dtype=np.float32).reshape(10, 2)


def _choices() -> Any:
    return Dataset.choose_from_datasets([Dataset.range(9), Dataset.range(100, 109)], Dataset.range(2).repeat(), False)


PIPELINES: dict[str, Callable[[], Any]] = {
    "range": lambda: Dataset.range(10),
    "slices": lambda: Dataset.from_tensor_slices((ROWS, list("abcdefghij"))),
    "tensors": lambda: Dataset.from_tensors(3).repeat(7),
    "counter": lambda: Dataset.counter(3, 4).take(9),
    "random": lambda: Dataset.random(seed=4).take(8),
    "take-skip": lambda: Dataset.range(20).skip(3).take(9),
    "shard": lambda: Dataset.range(20).shard(3, 1),
    "zip": lambda: Dataset.zip((Dataset.range(9), Dataset.range(9).map(lambda x: x * 2))),
    "concatenate": lambda: Dataset.range(4).concatenate(Dataset.range(10, 15)),
    "map-filter": lambda: Dataset.range(20).map(lambda x: x * 3).filter(lambda x: x % 2 == 0),
    "scan": lambda: Dataset.range(9).scan(np.int64(1), lambda s, x: (s + x, s)),
    "take-while": lambda: Dataset.range(9).take_while(lambda x: x < 7),
    "flat-map": lambda: Dataset.range(6).flat_map(lambda x: Dataset.range(x).map(lambda y: y + x)),
    "batch": lambda: Dataset.range(20).batch(3).unbatch().batch(2),
    "padded": lambda: Dataset.range(7).map(lambda x: tf.range(x + 1)).padded_batch(2),
    "rebatch": lambda: Dataset.range(20).batch(4).rebatch(3),
    "ragged": lambda: Dataset.from_tensor_slices(tf.ragged.constant([[1], [2, 3], [], [4]])).batch(3).unbatch(),
    "shuffle": lambda: Dataset.range(20).shuffle(5, seed=1),
    "shuffle-elements": lambda: Dataset.range(20).map(lambda x: x + 1).shuffle(5, seed=1),
    "shuffle-repeat": lambda: Dataset.range(6).shuffle(4, seed=1).repeat(3),
    "shuffle-batch-prefetch": lambda: Dataset.range(20).shuffle(20, seed=3).batch(3).prefetch(2),
    "prefetch-autotune": lambda: Dataset.range(20).prefetch(tf.data.AUTOTUNE),
    "parallel-map": lambda: Dataset.range(20).map(lambda x: x * 2, num_parallel_calls=3).prefetch(3),
    "interleave": lambda: Dataset.range(5).interleave(lambda x: Dataset.range(x, x + 4), cycle_length=3, block_length=2),
    "parallel-interleave": lambda: Dataset.range(5).interleave(
        lambda x: Dataset.range(x, x + 4), cycle_length=3, num_parallel_calls=2
    ),
    "cache": lambda: Dataset.range(6).map(lambda x: x * 2).cache().repeat(3),
    "groups": lambda: Dataset.range(14).group_by_window(lambda x: x % 3, lambda k, w: w.map(lambda x: (k, x)), window_size=2),
    "window": lambda: Dataset.range(14).window(3, 2).flat_map(lambda w: w.batch(3)),
    "buckets": lambda: Dataset.range(1, 9).map(lambda x: tf.fill([x], x)).bucket_by_sequence_length(tf.size, [3, 5], [2, 2, 2]),
    "windows-shuffled": lambda: Dataset.range(14).window(3).shuffle(3, seed=1).flat_map(lambda w: w),
    "unique": lambda: Dataset.range(12).map(lambda x: x % 7).unique(),
    "ignore-errors": lambda: Dataset.range(9).ignore_errors(),
    "sample": lambda: Dataset.sample_from_datasets([Dataset.range(9), Dataset.range(100, 109)], seed=5),
    "choose": _choices,
    "resample": lambda: Dataset.range(40).rejection_resample(lambda x: x % 2, [0.2, 0.8], seed=2),
    "assert": lambda: Dataset.range(9).apply(tf.data.experimental.assert_cardinality(9)),
}  # fmt: skip


def rest(iterator: Any) -> list[Any]:
    """What is left, as plain lists."""
    return [[np.asarray(part).tolist() for part in tf.nest.flatten(e, expand_composites=True)] for e in iterator]


@pytest.mark.parametrize("name", PIPELINES)
@pytest.mark.parametrize("taken", [0, 1, 5])
def test_a_position_is_restored_exactly(name: str, taken: int) -> None:
    iterator = iter(PIPELINES[name]())
    for _ in range(taken):
        next(iterator, None)
    position = iterator.packed_position()
    expected = rest(iterator)
    again = iter(PIPELINES[name]())
    again.restore_position(position)
    assert rest(again) == expected


@pytest.mark.parametrize("name", list(chains.CASES)[:50])
def test_the_position_of_a_chain(name: str) -> None:
    def make() -> Any:
        return iter(chains.CASES[name](tf).take(30))

    iterator = make()
    for _ in range(3):
        next(iterator, None)
    position = iterator.packed_position()
    again = make()
    again.restore_position(position)
    assert rest(again) == rest(iterator)


def test_an_iterator_in_a_checkpoint(tmp_path: Path) -> None:
    def make() -> Any:
        return iter(Dataset.range(30).shuffle(7, seed=2).batch(2).prefetch(1).repeat(2))

    iterator = make()
    step = tf.Variable(0)
    for _ in range(4):
        next(iterator)
        step.assign_add(1)
    path = tf.train.Checkpoint(iterator=iterator, step=step).save(str(tmp_path / "ckpt"))
    expected = rest(iterator)
    again, count = make(), tf.Variable(0)
    tf.train.Checkpoint(iterator=again, step=count).restore(path).assert_consumed()
    assert (rest(again), int(count)) == (expected, 4)


def test_restoring_goes_back_in_the_same_iterator() -> None:
    iterator = iter(Dataset.range(10).map(lambda x: x + 1, num_parallel_calls=2).prefetch(3))
    next(iterator)
    position = iterator.packed_position()
    first = rest(iterator)
    iterator.restore_position(position)
    assert rest(iterator) == first


def test_the_position_of_another_pipeline() -> None:
    position = iter(Dataset.range(10).shuffle(3).batch(2)).packed_position()
    with pytest.raises(tf.errors.InvalidArgumentError, match="not one of this pipeline"):
        iter(Dataset.zip((Dataset.range(3), Dataset.range(4)))).restore_position(position)


def test_what_cannot_be_saved_says_so() -> None:
    def numbers() -> Any:
        yield from range(5)

    generated = iter(Dataset.from_generator(numbers, output_signature=tf.TensorSpec((), tf.int32)))
    with pytest.raises(tf.errors.UnimplementedError, match="from_generator"):
        generated.packed_position()
    nested = iter(Dataset.from_tensors(Dataset.range(10)).repeat(9).shuffle(3))
    next(nested)
    with pytest.raises(tf.errors.UnimplementedError, match="window"):
        nested.packed_position()


@pytest.mark.parametrize("cut", [0, 3, 9, 30, 60])
def test_damaged_bytes(cut: int) -> None:
    blob = pack({"a": [1, "x", None, 1 << 90], "b": np.arange(6), "c": np.array([b"y", b"zz"], object)})
    assert unpack(blob, "it")["a"] == [1, "x", None, 1 << 90]
    with pytest.raises(tf.errors.DataLossError):
        unpack(blob[:cut], "it")
    with pytest.raises(tf.errors.DataLossError):
        unpack(blob[:12] + b"\xff" + blob[13:], "it")
