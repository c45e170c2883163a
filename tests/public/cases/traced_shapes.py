"""The static shapes of results whose sizes depend on data, and what can be traced because a rank is known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.public.case import Case, case

X = np.float32([[0.5, -1.0], [2.0, 0.25], [-0.75, 1.5]])
V = np.float32([0.5, -1.25, 2.0, 0.5])
KEPT = np.array([True, False, True])


def _shapes(run: Callable[..., Any], *specs: tuple[list[int | None], str]) -> Case:
    """The dimensions of the traced outputs, -1 for one that is not known."""

    def traced(tf: Any) -> Any:
        signature = [tf.TensorSpec(shape, getattr(tf, dtype)) for shape, dtype in specs]
        program = tf.function(lambda *values: run(tf, *values)).get_concrete_function(*signature)
        return [tf.constant([-1 if d is None else d for d in t.shape.as_list()], tf.int32) for t in program.outputs]

    return case(traced, gradient=False, in_function=False)


def _twice(tf: Any, x: Any, kept: Any) -> Any:
    return tf.boolean_mask(tf.boolean_mask(x, kept), tf.boolean_mask(kept, kept))


def _distinct_positive(tf: Any, v: Any) -> Any:
    return tf.unique(tf.boolean_mask(v, v > 0.0)).y * 2.0


def _places(tf: Any, v: Any) -> Any:
    return tf.gather(v, tf.squeeze(tf.where(tf.boolean_mask(v, v > 0.0) > 0.5), 1))


def _stitched(tf: Any, x: Any, p: Any) -> Any:
    return tf.dynamic_stitch(tf.dynamic_partition(tf.range(3), p, 2), tf.dynamic_partition(x, p, 2))


def _ngrams(tf: Any, data: Any, splits: Any) -> Any:
    widths: dict[str, Any] = {"ngram_widths": [1], "pad_width": 0, "preserve_short_sequences": False}
    return tf.raw_ops.StringNGrams(data=data, data_splits=splits, separator=" ", left_pad="", right_pad="", **widths)


BLOCK, TRIPLE, PAIR = ([4, None, 3], "float32"), ([3], "int32"), ([2], "int32")
# Of x [4, None, 3], three numbers, a pair for each dimension, and one number.
SIZED: dict[str, Callable[..., Any]] = {
    "slice": lambda tf, x, s, p, k: [tf.slice(x, s, s), tf.slice(x, s, [1, -1, 2])],
    "pad": lambda tf, x, s, p, k: [tf.pad(x, p), tf.pad(x, p, constant_values=1.0), tf.pad(x, p, "REFLECT")],
    "tile": lambda tf, x, s, p, k: tf.tile(x, s),
    "transpose": lambda tf, x, s, p, k: tf.transpose(x, s),
    "reverse": lambda tf, x, s, p, k: [tf.reverse(x, s[:1]), tf.roll(x, s[:1], s[:1])],
    "top-k": lambda tf, x, s, p, k: list(tf.math.top_k(x, k)),
    "reduced": lambda tf, x, s, p, k: [tf.reduce_sum(x, s[:1], keepdims=True), tf.reduce_any(x > 0, k, keepdims=True)],
    "cumulative": lambda tf, x, s, p, k: [tf.cumsum(x, k), tf.math.cumprod(x, k), tf.math.cumulative_logsumexp(x, k)],
    "joined": lambda tf, x, s, p, k: [tf.concat([x, x], k), *tf.split(x, s, axis=0), *tf.split(x, 2, axis=k)],
    "gather": lambda tf, x, s, p, k: tf.gather(x, s, axis=k),
    "one-hot": lambda tf, x, s, p, k: [tf.one_hot(s, k), tf.one_hot(p, k, axis=0), tf.one_hot(p, k, axis=1)],
    "counted": lambda tf, x, s, p, k: [tf.linspace(0.0, 1.0, k), tf.range(k), tf.zeros(s), tf.broadcast_to(x, s)],
    "positions": lambda tf, x, s, p, k: tf.argmax(x, k),
    "segments": lambda tf, x, s, p, k: tf.math.unsorted_segment_sum(x, tf.zeros([4], tf.int32), k),
    "random": lambda tf, x, s, p, k: [tf.random.uniform(s), tf.random.stateless_normal(s, [1, 2])],
    "spectrum": lambda tf, x, s, p, k: tf.signal.rfft(x, s[:1]),
    "gather-in-batches": lambda tf, x, s, p, k: tf.raw_ops.GatherV2(params=p, indices=p, axis=k, batch_dims=1),
    "of-a-scalar": lambda tf, x, s, p, k: [tf.broadcast_to(k, s), tf.broadcast_to(s, s[:1])],
    "scattered": lambda tf, x, s, p, k: tf.scatter_nd(tf.zeros([2, 1], tf.int32), tf.zeros([2]), s[:1]),
}
M, ROWS, STRINGS = ([4, 5], "float32"), ([4], "int32"), ([2, 3], "string")

CASES = {
    "where": _shapes(lambda tf, x: tf.where(x), ([2, 3], "bool")),
    "where-unknown-size": _shapes(lambda tf, x: tf.where(x), ([None], "bool")),
    "unique": _shapes(lambda tf, x: tf.unique(x), ([4], "float32")),
    "unique-unknown-size": _shapes(lambda tf, x: tf.unique(x), ([None], "float32")),
    "unique-matrix": _shapes(lambda tf, x: tf.unique(x), M),
    "unique-no-axis": _shapes(lambda tf, x: tf.raw_ops.UniqueV2(x=x, axis=tf.zeros([0], tf.int32)), ([4], "float32")),
    "unique-with-counts": _shapes(lambda tf, x: tf.unique_with_counts(x), ([4], "float32")),
    "list-diff": _shapes(lambda tf, x: tf.raw_ops.ListDiff(x=x, y=x), ([4], "float32")),
    **{
        f"resize-{method}": _shapes(lambda tf, x, s, m=method: tf.image.resize(x, s, method=m), ([None, None, 3], "uint8"), PAIR)
        for method in ("nearest", "area", "bilinear", "bicubic", "lanczos3")
    },
    "resize-with-pad": _shapes(lambda tf, x: tf.image.resize_with_pad(x, 10, 12), ([None, None, 3], "uint8")),
    "crop-to-box": _shapes(
        lambda tf, x, s: tf.image.crop_to_bounding_box(x, s[0], s[1], 3, s[0]), ([None, None, 3], "uint8"), PAIR
    ),
    "crop-and-resize": _shapes(
        lambda tf, x, s: tf.image.crop_and_resize(x, tf.zeros([5, 4]), tf.zeros([5], tf.int32), s),
        ([2, 4, None, 3], "float32"),
        PAIR,
    ),
    **{f"sized-by-tensors-{name}": _shapes(run, BLOCK, TRIPLE, ([3, 2], "int32"), ([], "int32")) for name, run in SIZED.items()},
    "dynamic-partition": _shapes(lambda tf, x, p: tf.dynamic_partition(x, p, 2), M, ROWS),
    "dynamic-stitch": _shapes(lambda tf, i, x: tf.dynamic_stitch([i, i], [x, x]), ROWS, M),
    "boolean-mask": _shapes(lambda tf, x, kept: tf.boolean_mask(x, kept), M, ([4], "bool")),
    "boolean-mask-matrix": _shapes(lambda tf, x, kept: tf.boolean_mask(x, kept), M, ([4, 5], "bool")),
    "boolean-mask-twice": _shapes(_twice, M, ([4], "bool")),
    "segment-sum": _shapes(lambda tf, x, p: tf.math.segment_sum(x, p), M, ROWS),
    "segment-max": _shapes(lambda tf, x, p: tf.math.segment_max(x, p), M, ROWS),
    "sparse-segment-sum": _shapes(lambda tf, x, p: tf.raw_ops.SparseSegmentSum(data=x, indices=p, segment_ids=p), M, ROWS),
    "string-split": _shapes(lambda tf, x: tf.raw_ops.StringSplitV2(input=x, sep=" "), ([3], "string")),
    "unicode-decode": _shapes(lambda tf, x: tf.raw_ops.UnicodeDecode(input=x, input_encoding="UTF-8"), STRINGS),
    "decode-raw": _shapes(lambda tf, x: tf.io.decode_raw(x, tf.float32), STRINGS),
    "ngrams": _shapes(_ngrams, ([2], "string"), ([3], "int64")),
    "slice-to-an-unknown-size": _shapes(lambda tf, x, y: x[: tf.shape(y)[0]], M, ([None], "int32")),
    "slice-from-the-end": _shapes(lambda tf, x, y: x[-tf.shape(y)[0] :], M, ([None], "int32")),
    "slice-of-an-unknown-size": _shapes(lambda tf, x: x[: tf.shape(x)[0] - 1], ([None, 3], "float32")),
    "scatter-to-an-unknown-size": _shapes(
        lambda tf, i, x, y: tf.scatter_nd(i, x, (tf.shape(y)[0],)), ([4, 1], "int32"), ([4], "float32"), ([None], "int32")
    ),
    "mask-of-mask": case(_twice, X, KEPT),
    "unique-of-mask": case(_distinct_positive, V, gradient=False),
    "gather-of-where-of-mask": case(_places, V),
    "stitch-of-partition": case(_stitched, X, np.int32([1, 0, 1])),
}
