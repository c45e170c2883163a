"""Sparse tensors: tf.sparse, elementwise ops on the values, tf.function and gradients."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.public.case import case

R = np.random.RandomState(11)
PLACES = [[0, 1], [1, 0], [1, 3], [2, 2]]
VALUES = np.float32([1.5, -2.0, 3.0, 0.25])
OTHER = np.float32([2.0, 1.0, -3.0])
MATRIX = R.standard_normal((4, 3)).astype(np.float32)
GRID = np.float32([[0, 2, 0], [0, 0, 0], [3, 0, 4]])
WORDS = np.array([[b"a", b"", b"b"], [b"", b"", b"c"]])


def sp(tf: Any, values: Any, shape: Any = (3, 4)) -> Any:
    """A 3 by 4 matrix of four values."""
    return tf.SparseTensor(PLACES, values, list(shape))


def other(tf: Any, values: Any) -> Any:
    """Another of the same shape, with three values."""
    return tf.SparseTensor([[0, 1], [1, 2], [1, 3]], values, [3, 4])


def parts(x: Any) -> list[Any]:
    """The tensors that a sparse tensor is made of."""
    return [x.indices, x.values, x.dense_shape]


def through_function(tf: Any, values: Any) -> list[Any]:
    """A sparse tensor as the argument and the result of a tf.function with a signature."""

    @tf.function(input_signature=[tf.SparseTensorSpec([None, 4], tf.float32)])
    def double(x: Any) -> Any:
        return tf.sparse.map_values(tf.multiply, x, 2.0)

    return parts(double(sp(tf, values)))


CONVERSION = {
    "from-dense": case(lambda tf, x: parts(tf.sparse.from_dense(x)), GRID),
    "from-dense-strings": case(lambda tf, x: parts(tf.sparse.from_dense(x)), WORDS),
    "to-dense": case(lambda tf, v: tf.sparse.to_dense(sp(tf, v)), VALUES),
    "to-dense-default": case(lambda tf, v, d: tf.sparse.to_dense(sp(tf, v), d), VALUES, np.float32(7)),
    "to-dense-strings": case(lambda tf: tf.sparse.to_dense(tf.SparseTensor([[0, 1], [2, 0]], ["x", "y"], [3, 2]))),
    "to-dense-unordered": case(lambda tf: tf.sparse.to_dense(tf.SparseTensor([[1], [0]], [1, 2], [3])), in_function=False),
    "to-dense-outside": case(lambda tf: tf.sparse.to_dense(tf.SparseTensor([[5]], [1], [3])), in_function=False),
    "to-indicator": case(lambda tf: tf.sparse.to_indicator(tf.SparseTensor([[0, 0], [0, 1], [2, 0]], [3, 0, 1], [3, 2]), 5)),
    "eye": case(lambda tf: [*parts(tf.sparse.eye(2, 3)), *parts(tf.sparse.eye(2, dtype=tf.int32))]),
}
ARRANGING = {
    "reorder": case(lambda tf, v: parts(tf.sparse.reorder(tf.SparseTensor(PLACES[::-1], v, [3, 4]))), VALUES),
    "reshape": case(lambda tf, v: parts(tf.sparse.reshape(sp(tf, v), [2, -1])), VALUES),
    "reshape-bad": case(lambda tf, v: parts(tf.sparse.reshape(sp(tf, v), [5, -1])), VALUES, in_function=False),
    "expand-dims": case(lambda tf, v: [p for a in (None, 0, 1, -2) for p in parts(tf.sparse.expand_dims(sp(tf, v), a))], VALUES),
    "transpose": case(lambda tf, v: parts(tf.sparse.transpose(sp(tf, v))), VALUES),
    "transpose-perm": case(lambda tf, v: parts(tf.sparse.transpose(tf.sparse.expand_dims(sp(tf, v), 0), [2, 0, 1])), VALUES),
    "concat": case(lambda tf, v, w: parts(tf.sparse.concat(1, [sp(tf, v), other(tf, w)])), VALUES, OTHER, gradient=False),
    "concat-rows": case(lambda tf, v, w: parts(tf.sparse.concat(-2, [sp(tf, v), other(tf, w)])), VALUES, OTHER, gradient=False),
    "concat-wider": case(
        lambda tf, v, w: parts(tf.sparse.concat(0, [sp(tf, v, (3, 6)), other(tf, w)], expand_nonconcat_dims=True)),
        VALUES,
        OTHER,
        gradient=False,
    ),
    "concat-bad": case(
        lambda tf, v, w: parts(tf.sparse.concat(0, [sp(tf, v, (3, 6)), other(tf, w)])), VALUES, OTHER, in_function=False
    ),
    "slice": case(lambda tf, v: parts(tf.sparse.slice(sp(tf, v), [1, 0], [5, 3])), VALUES),
    "split": case(lambda tf, v: [p for x in tf.sparse.split(sp(tf, v), 2, axis=0) for p in parts(x)], VALUES, gradient=False),
    "retain": case(lambda tf, v: parts(tf.sparse.retain(sp(tf, v), [True, False, True, False])), VALUES),
    "reset-shape": case(
        lambda tf, v: [*parts(tf.sparse.reset_shape(sp(tf, v, (8, 9)))), *parts(tf.sparse.reset_shape(sp(tf, v), [4, 5]))], VALUES
    ),
    "fill-empty-rows": case(
        lambda tf, v, d: [*parts((r := tf.sparse.fill_empty_rows(sp(tf, v, (5, 4)), d))[0]), r[1]], VALUES, np.float32(9)
    ),
    "mask": case(lambda tf, v: tf.sparse.mask(tf.IndexedSlices(v, tf.constant([1, 3, 5, 7])), [3, 5]).values, VALUES),
}
ARITHMETIC = {
    "add": case(lambda tf, v, w: parts(tf.sparse.add(sp(tf, v), other(tf, w))), VALUES, OTHER),
    "add-threshold": case(lambda tf, v, w: parts(tf.sparse.add(sp(tf, v), other(tf, w), 1.0)), VALUES, OTHER),
    "add-dense": case(lambda tf, v, d: tf.sparse.add(d, sp(tf, v)), VALUES, R.standard_normal((3, 4)).astype(np.float32)),
    "add-shapes": case(lambda tf, v, w: parts(tf.sparse.add(sp(tf, v, (4, 4)), other(tf, w))), VALUES, OTHER, in_function=False),
    "reduce-sum": case(
        lambda tf, v: [tf.reshape(tf.sparse.reduce_sum(sp(tf, v), a, k), [-1]) for a in (None, 0, [1], -1) for k in (False, True)],
        VALUES,
    ),
    "reduce-sum-shape": case(lambda tf, v: tf.sparse.reduce_sum(sp(tf, v), 1, keepdims=True), VALUES),
    "reduce-sum-sparse": case(
        lambda tf, v: parts(tf.sparse.reduce_sum(sp(tf, v), 1, output_is_sparse=True)), VALUES, gradient=False
    ),
    "reduce-max": case(lambda tf, v: tf.sparse.reduce_max(sp(tf, v), 1), VALUES, gradient=False),
    "maximum": case(lambda tf, v, w: parts(tf.sparse.maximum(sp(tf, v), other(tf, w))), VALUES, OTHER, gradient=False),
    "minimum": case(lambda tf, v, w: parts(tf.sparse.minimum(sp(tf, v), other(tf, w))), VALUES, OTHER, gradient=False),
    "softmax": case(lambda tf, v: parts(tf.sparse.softmax(sp(tf, v))), VALUES),
    "matmul": case(lambda tf, v, b: tf.sparse.sparse_dense_matmul(sp(tf, v), b), VALUES, MATRIX),
    "matmul-adjoint": case(
        lambda tf, v, b: tf.sparse.sparse_dense_matmul(sp(tf, v), b, adjoint_a=True, adjoint_b=True), VALUES, MATRIX[:, :3]
    ),
    "matmul-dense-first": case(lambda tf, v, b: tf.sparse.sparse_dense_matmul(b, sp(tf, v)), VALUES, MATRIX[:, :3]),
    "matmul-bad": case(lambda tf, v, b: tf.sparse.sparse_dense_matmul(sp(tf, v), b), VALUES, MATRIX[:2]),
    "times-dense": case(lambda tf, v, d: parts(sp(tf, v) * d), VALUES, np.float32([[1], [2], [3]])),
    "by-dense": case(lambda tf, v, d: parts(sp(tf, v) / d), VALUES, np.float32([1, 2, 3, 4])),
    "elementwise": case(lambda tf, v: [p for f in (tf.abs, tf.square, tf.negative, tf.tanh) for p in parts(f(sp(tf, v)))], VALUES),
    "cast": case(lambda tf, v: parts(tf.cast(sp(tf, v), tf.int32)), VALUES),
    "map-values": case(lambda tf, v: parts(tf.sparse.map_values(tf.add, sp(tf, v), sp(tf, v))), VALUES),
    "map-values-none": case(lambda tf, v: tf.sparse.map_values(tf.add, v, v), VALUES),
}
FUNCTIONS = {
    "function": case(through_function, VALUES),
    "nest": case(lambda tf, v: tf.nest.flatten({"a": sp(tf, v)}, expand_composites=True), VALUES),
    "static": case(lambda tf, v: tf.constant(sp(tf, v).shape.as_list()), VALUES),
    "bad-parts": case(lambda tf, v: parts(tf.SparseTensor([[0, 1]], v, [3, 4])), VALUES),
    "no-dense-op": case(lambda tf, v: tf.matmul(sp(tf, v), v), VALUES),
}

BAG = [["a", "b", ""], ["", "", ""], ["c", "", "a"]]
LABELS = np.array([[b"x", b"y"], [b"z", b"x"], [b"", b"w"]])


def crossed(tf: Any, *inputs: Any, hashed: bool = False, **options: Any) -> list[Any]:
    """A cross of a sparse tensor of words and more inputs."""
    function = tf.sparse.cross_hashed if hashed else tf.sparse.cross
    return parts(function([tf.sparse.from_dense(BAG), *inputs], **options))


CROSSES = {
    "cross": case(lambda tf: crossed(tf, tf.constant(LABELS))),
    "cross-order": case(lambda tf: parts(tf.sparse.cross([tf.constant(LABELS), tf.sparse.from_dense(BAG)]))),
    "cross-separator": case(lambda tf: crossed(tf, tf.constant([[1], [2], [3]]), separator="|")),
    "cross-dense": case(lambda tf: parts(tf.sparse.cross([tf.constant([["a"], ["b"]]), tf.constant([["c", "d"], ["e", "f"]])]))),
    "cross-integers": case(
        lambda tf: parts(tf.sparse.cross([tf.sparse.from_dense([[1, 2], [0, -3]]), tf.constant([["a"], ["b"]])]))
    ),
    "cross-rows": case(lambda tf: crossed(tf, tf.constant(LABELS[:2])), in_function=False),
    "cross-vector": case(lambda tf: crossed(tf, tf.constant(LABELS[:, 0])), in_function=False),
    "cross-no-tensor": case(lambda tf: parts(tf.sparse.cross([[["a"]], [["b"]]]))),
    "cross-not-a-list": case(lambda tf: tf.sparse.cross(tf.constant(LABELS)).values),
    "cross-hashed": case(lambda tf: crossed(tf, tf.constant(LABELS), hashed=True)),
    "cross-hashed-buckets": case(lambda tf: crossed(tf, tf.constant([[1], [2], [-3]]), hashed=True, num_buckets=7)),
    "cross-hashed-key": case(lambda tf: crossed(tf, tf.constant(LABELS), hashed=True, num_buckets=100, hash_key=17)),
    "cross-hashed-integers": case(
        lambda tf: parts(tf.sparse.cross_hashed([tf.sparse.from_dense([[1, 2], [0, -3]]), tf.constant([[4], [5]], tf.int64)], 1000))
    ),
    "cross-hashed-scalars": case(
        lambda tf: tf.sparse.to_dense(tf.sparse.cross_hashed([tf.constant([["a"], ["b"]]), tf.constant([[1], [2]])], 5))
    ),
}

CASES = {**CONVERSION, **ARRANGING, **ARITHMETIC, **FUNCTIONS, **CROSSES}
