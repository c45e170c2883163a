"""Batches of all kinds, windows, groups, and choices between datasets."""

from __future__ import annotations

from typing import Any

import numpy as np

PARTS = [[[1, 2], [3]], [[4]], []]


def ranges(tf: Any, count: int = 4) -> Any:
    """[], [0], [0, 1], ..."""
    return tf.data.Dataset.range(count).map(lambda x: tf.ensure_shape(tf.range(x), [None]))


def _ragged(tf: Any) -> Any:
    return tf.data.Dataset.from_tensor_slices(tf.ragged.constant([[1, 2], [3], []]))


def _ragged_of_ragged(tf: Any) -> Any:
    return tf.data.Dataset.from_tensor_slices(tf.ragged.constant(PARTS))


def _sparse(tf: Any) -> Any:
    return tf.data.Dataset.from_tensor_slices(tf.sparse.from_dense([[1, 0], [0, 2], [3, 3]]))


def _windows(tf: Any, *numbers: Any) -> Any:
    return [list(window.as_numpy_iterator()) for window in tf.data.Dataset.range(7).window(*numbers)]


def _window_of_pairs(tf: Any) -> Any:
    pairs = tf.data.Dataset.zip((tf.data.Dataset.range(5), tf.data.Dataset.range(10, 15)))
    return pairs.window(2).flat_map(lambda a, b: tf.data.Dataset.zip((a.batch(2), b.batch(2))))


def _window_of_dicts(tf: Any) -> Any:
    named = tf.data.Dataset.range(5).map(lambda x: {"a": x, "b": -x})
    return named.window(3).map(lambda w: dict(w.items())).flat_map(lambda w: w["b"])


def _buckets(tf: Any, **options: Any) -> Any:
    filled = tf.data.Dataset.range(1, 6).map(lambda x: tf.ensure_shape(tf.fill([x], x), [None]))
    return filled.bucket_by_sequence_length(lambda x: tf.shape(x)[0], [3, 6], [2, 3, 2], **options)


def _choices(tf: Any, **options: Any) -> Any:
    sources = [tf.data.Dataset.from_tensors(i).repeat(i + 1) for i in range(3)]
    return tf.data.Dataset.choose_from_datasets(sources, tf.data.Dataset.range(3).repeat(4), **options)


def _reciprocals(tf: Any) -> Any:
    return tf.data.Dataset.from_tensor_slices([1.0, 0.0, 2.0]).map(lambda x: tf.debugging.check_numerics(1.0 / x, "no"))


def _nested_interleave(tf: Any, **options: Any) -> Any:
    dataset = tf.data.Dataset.range(1, 6)
    return dataset.interleave(lambda x: tf.data.Dataset.from_tensors(x).repeat(x + 1), **options)


def _resampled(tf: Any) -> Any:
    classes = tf.data.Dataset.range(1000).map(lambda x: tf.cast(x % 4 == 0, tf.int32))
    found = [int(label) for label, _ in classes.rejection_resample(lambda c: c, [0.5, 0.5], seed=1).as_numpy_iterator()]
    return [0.35 < np.mean(found) < 0.65, len(found) > 200]


def _sampled(tf: Any) -> Any:
    sources = [tf.data.Dataset.from_tensors(i).repeat() for i in range(2)]
    found = list(tf.data.Dataset.sample_from_datasets(sources, [0.2, 0.8], seed=2).take(1000).as_numpy_iterator())
    return [0.7 < np.mean(found) < 0.9]


CASES = {
    "padded": lambda tf: ranges(tf).padded_batch(3),
    "padded-drop": lambda tf: ranges(tf).padded_batch(3, drop_remainder=True),
    "padded-shape": lambda tf: ranges(tf).padded_batch(3, padded_shapes=[5]),
    "padded-shape-number": lambda tf: ranges(tf).padded_batch(3, padded_shapes=5, padding_values=np.int64(-1)),
    "padded-structure": lambda tf: (
        ranges(tf)
        .map(lambda x: (x, tf.strings.as_string(x)))
        .padded_batch(3, padded_shapes=([5], [None]), padding_values=(np.int64(-1), "z"))
    ),
    "padded-matrix": lambda tf: ranges(tf).map(lambda x: tf.stack([x, x])).padded_batch(2, padded_shapes=[2, None]),
    "padded-scalar": lambda tf: tf.data.Dataset.range(3).padded_batch(2, padded_shapes=[]),
    "padded-too-small": lambda tf: ranges(tf).padded_batch(3, padded_shapes=[2]),
    "padded-wrong-rank": lambda tf: ranges(tf).padded_batch(3, padded_shapes=[2, 2]),
    "padded-wrong-value": lambda tf: ranges(tf).padded_batch(3, padding_values=1.5),
    "padded-smaller-than-known": lambda tf: tf.data.Dataset.from_tensors([1, 2, 3]).padded_batch(1, padded_shapes=[2]),
    "padded-sparse": lambda tf: _sparse(tf).padded_batch(2),
    "ragged-batch": lambda tf: ranges(tf).ragged_batch(3),
    "ragged-batch-drop": lambda tf: ranges(tf).ragged_batch(3, drop_remainder=True),
    "ragged-batch-scalars": lambda tf: tf.data.Dataset.range(4).ragged_batch(3),
    "ragged-batch-inner": lambda tf: (
        tf.data.Dataset.range(3).map(lambda x: tf.ensure_shape(tf.reshape(tf.range(x * 2), [x, 2]), [None, 2])).ragged_batch(3)
    ),
    "ragged-batch-two": lambda tf: (
        tf.data.Dataset.range(3).map(lambda x: tf.ensure_shape(tf.fill([x, x + 1], x), [None, None])).ragged_batch(3)
    ),
    "ragged-batch-splits": lambda tf: ranges(tf).map(lambda x: {"a": x, "b": 1}).ragged_batch(3, row_splits_dtype=tf.int32),
    "ragged-slices": _ragged,
    "ragged-slices-inner": _ragged_of_ragged,
    "ragged-tensors": lambda tf: tf.data.Dataset.from_tensors(tf.ragged.constant(PARTS)),
    "ragged-batched": lambda tf: _ragged(tf).batch(2),
    "ragged-batched-inner": lambda tf: _ragged_of_ragged(tf).batch(2),
    "ragged-unbatched": lambda tf: _ragged_of_ragged(tf).batch(2).unbatch(),
    "ragged-map": lambda tf: _ragged_of_ragged(tf).map(lambda r: (r.row_lengths(), r + 1)),
    "ragged-shuffle": lambda tf: _ragged_of_ragged(tf).shuffle(1).repeat(2).prefetch(1),
    "ragged-and-dense": lambda tf: tf.data.Dataset.from_tensor_slices((tf.ragged.constant([[1], [2, 3]]), [4.0, 5.0])).batch(2),
    "sparse-slices": _sparse,
    "sparse-batched": lambda tf: _sparse(tf).batch(2),
    "sparse-unbatched": lambda tf: _sparse(tf).batch(2).unbatch(),
    "sparse-tensors": lambda tf: tf.data.Dataset.from_tensors(tf.sparse.from_dense([[1, 0], [0, 2]])).repeat(2).batch(2),
    "sparse-map": lambda tf: _sparse(tf).map(tf.sparse.to_dense),
    "sparse-batch": lambda tf: ranges(tf).sparse_batch(3, [5]),
    "sparse-batch-open": lambda tf: ranges(tf).sparse_batch(3, [None]),
    "sparse-batch-older": lambda tf: ranges(tf).apply(tf.data.experimental.dense_to_sparse_batch(2, [4])),
    "ragged-batch-older": lambda tf: ranges(tf).apply(tf.data.experimental.dense_to_ragged_batch(2)),
    "rebatch": lambda tf: tf.data.Dataset.range(10).batch(4).rebatch(3),
    "rebatch-several": lambda tf: tf.data.Dataset.range(10).batch(4).rebatch([2, 1], drop_remainder=True),
    "window": lambda tf: _windows(tf, 3),
    "window-shift": lambda tf: _windows(tf, 3, 1),
    "window-stride": lambda tf: _windows(tf, 3, 2, 2),
    "window-drop": lambda tf: _windows(tf, 3, 2, 1, True),
    "window-skip": lambda tf: _windows(tf, 2, 3),
    "window-cardinality": lambda tf: [
        tf.data.Dataset.range(7).window(*n).cardinality() for n in ((3,), (3, 1), (3, 2, 2), (3, 2, 1, True), (9, 1, 1, True))
    ],
    "window-batch": lambda tf: tf.data.Dataset.range(7).window(3, 2, 2, True).flat_map(lambda w: w.batch(3)),
    "window-batch-drop": lambda tf: tf.data.Dataset.range(8).window(3, 2).flat_map(lambda w: w.batch(3, drop_remainder=True)),
    "window-batch-larger": lambda tf: tf.data.Dataset.range(8).window(3, 2).flat_map(lambda w: w.batch(5)),
    "window-batch-smaller": lambda tf: tf.data.Dataset.range(8).window(3, 2).flat_map(lambda w: w.batch(2)),
    "window-batch-rows": lambda tf: (
        tf.data.Dataset.from_tensor_slices(np.arange(12.0).reshape(6, 2)).window(2, 1).flat_map(lambda w: w.batch(2)).batch(2)
    ),
    "window-pairs": _window_of_pairs,
    "window-dicts": _window_of_dicts,
    "window-map-reduce": lambda tf: tf.data.Dataset.range(7).window(3).map(lambda w: w.reduce(np.int64(0), lambda a, b: a + b)),
    "window-0": lambda tf: tf.data.Dataset.range(7).window(0),
    "window-spec": lambda tf: [str(tf.data.Dataset.range(7).map(lambda x: (x, {"a": x})).window(3).element_spec)],
    "groups": lambda tf: tf.data.Dataset.range(10).group_by_window(lambda x: x % 2, lambda k, w: w.batch(3), window_size=3),
    "groups-key": lambda tf: tf.data.Dataset.range(8).group_by_window(
        lambda x: x % 3, lambda k, w: w.map(lambda x: (k, x)), window_size=2
    ),
    "groups-sizes": lambda tf: tf.data.Dataset.range(10).group_by_window(
        lambda x: x % 2, lambda k, w: w.batch(5), window_size_func=lambda k: k + 2
    ),
    "groups-no-size": lambda tf: tf.data.Dataset.range(10).group_by_window(lambda x: x % 2, lambda k, w: w.batch(5)),
    "groups-size-0": lambda tf: tf.data.Dataset.range(10).group_by_window(lambda x: x, lambda k, w: w, window_size=0),
    "groups-older": lambda tf: tf.data.Dataset.range(6).apply(
        tf.data.experimental.group_by_window(lambda x: x % 2, lambda k, w: w.batch(2), 2)
    ),
    "buckets": _buckets,
    "buckets-boundary": lambda tf: _buckets(tf, pad_to_bucket_boundary=True),
    "buckets-drop": lambda tf: _buckets(tf, drop_remainder=True),
    "buckets-values": lambda tf: _buckets(tf, padded_shapes=[None], padding_values=np.int64(-1)),
    "buckets-sizes": lambda tf: tf.data.Dataset.range(3).bucket_by_sequence_length(lambda x: x, [1, 2], [1]),
    "unique": lambda tf: tf.data.Dataset.from_tensor_slices([1, 2, 1, 3, 2]).unique(),
    "unique-strings": lambda tf: tf.data.Dataset.from_tensor_slices(list("abcab")).apply(tf.data.experimental.unique()),
    "ignore-errors": lambda tf: _reciprocals(tf).ignore_errors(),
    "ignore-errors-older": lambda tf: _reciprocals(tf).apply(tf.data.experimental.ignore_errors()),
    "choose": _choices,
    "choose-all": lambda tf: _choices(tf, stop_on_empty_dataset=False),
    "choose-wrong": lambda tf: tf.data.Dataset.choose_from_datasets([tf.data.Dataset.range(3)], tf.data.Dataset.range(5)),
    "choose-kinds": lambda tf: tf.data.Dataset.choose_from_datasets(
        [tf.data.Dataset.range(3), tf.data.Dataset.from_tensors("x")], tf.data.Dataset.range(2)
    ),
    "choose-no-number": lambda tf: tf.data.Dataset.choose_from_datasets(
        [tf.data.Dataset.range(3)], tf.data.Dataset.from_tensors("x")
    ),
    "sample-one": lambda tf: tf.data.Dataset.sample_from_datasets([tf.data.Dataset.range(3), tf.data.Dataset.range(9)], [1.0, 0.0]),
    "sample": _sampled,
    "sample-weights": lambda tf: tf.data.Dataset.sample_from_datasets([tf.data.Dataset.range(3)], [0.5, 0.5]),
    "sample-nothing": lambda tf: tf.data.Dataset.sample_from_datasets([]),
    "resample": _resampled,
    "interleave": lambda tf: _nested_interleave(tf, cycle_length=2, block_length=3),
    "interleave-1": lambda tf: _nested_interleave(tf, cycle_length=1),
    "interleave-3": lambda tf: _nested_interleave(tf, cycle_length=3),
    "interleave-wide": lambda tf: _nested_interleave(tf, cycle_length=8, block_length=2),
    "interleave-parallel": lambda tf: _nested_interleave(tf, cycle_length=2, block_length=3, num_parallel_calls=2),
    "interleave-autotune": lambda tf: _nested_interleave(tf, cycle_length=3, num_parallel_calls=tf.data.AUTOTUNE),
    "interleave-sorted": lambda tf: sorted(
        _nested_interleave(tf, cycle_length=3, num_parallel_calls=2, deterministic=False).as_numpy_iterator()
    ),
    "interleave-0": lambda tf: _nested_interleave(tf, cycle_length=0),
    "interleave-calls-0": lambda tf: _nested_interleave(tf, cycle_length=2, num_parallel_calls=0),
    "map-calls-0": lambda tf: tf.data.Dataset.range(3).map(lambda x: x, num_parallel_calls=0),
    "single": lambda tf: tf.data.Dataset.from_tensors((1, "a")).get_single_element(),
    "single-older": lambda tf: tf.data.experimental.get_single_element(tf.data.Dataset.from_tensors(3)),
    "single-several": lambda tf: tf.data.Dataset.range(2).get_single_element(),
    "single-none": lambda tf: tf.data.Dataset.range(0).get_single_element(),
    "at": lambda tf: tf.data.experimental.at(tf.data.Dataset.range(10).map(lambda x: x * 2), 4),
    "at-outside": lambda tf: tf.data.experimental.at(tf.data.Dataset.range(10), 10),
    "nested": lambda tf: tf.data.Dataset.from_tensors(tf.data.Dataset.range(3)).flat_map(lambda d: d),
    "optional": lambda tf: tf.data.Dataset.from_tensors(tf.experimental.Optional.from_value(3)).map(lambda o: o.get_value()),
    "optional-empty": lambda tf: tf.experimental.Optional.empty(tf.TensorSpec((), tf.int32)).get_value(),
    "assert-cardinality": lambda tf: (
        tf.data.Dataset.range(4).filter(lambda x: x > 1).apply(tf.data.experimental.assert_cardinality(2))
    ),
    "assert-cardinality-more": lambda tf: list(
        tf.data.Dataset.range(4).apply(tf.data.experimental.assert_cardinality(2)).as_numpy_iterator()
    ),
    "assert-cardinality-less": lambda tf: list(
        tf.data.Dataset.range(4).filter(lambda x: x > 1).apply(tf.data.experimental.assert_cardinality(4)).as_numpy_iterator()
    ),
    "older-names": lambda tf: (
        tf.data.Dataset.range(4)
        .apply(tf.data.experimental.enumerate_dataset(2))
        .apply(tf.data.experimental.map_and_batch(lambda i, x: i * x, 2))
        .apply(tf.data.experimental.unbatch())
        .apply(tf.data.experimental.take_while(lambda x: x < 12))
    ),
    "group-by-reducer": lambda tf: tf.data.Dataset.range(6).apply(
        tf.data.experimental.group_by_reducer(
            lambda x: x % 2, tf.data.experimental.Reducer(lambda k: k * 100, lambda s, x: s + x, lambda s: s * 2)
        )
    ),
    "pad-to-cardinality": lambda tf: (
        tf.data.Dataset.range(2).map(lambda x: {"a": x}).apply(tf.data.experimental.pad_to_cardinality(4))
    ),
    "prefetch-to-device": lambda tf: tf.data.Dataset.range(3).apply(tf.data.experimental.prefetch_to_device("/cpu:0")),
    "copy-to-device": lambda tf: tf.data.Dataset.range(3).apply(tf.data.experimental.copy_to_device("/cpu:0")),
}
