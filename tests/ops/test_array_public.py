"""Public functions of the array family that are more than their op, and what shape inference knows of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import headrace as tf

X = np.arange(24, dtype=np.float32).reshape(2, 3, 4)


def _same(actual: Any, expected: Any) -> None:
    expected = np.asarray(expected)
    assert np.asarray(actual.numpy()).dtype == expected.dtype
    np.testing.assert_array_equal(actual.numpy(), expected)


def test_creation() -> None:
    _same(tf.zeros([2, 3]), np.zeros((2, 3), np.float32))
    _same(tf.zeros(tf.constant([2, 1]), tf.int64), np.zeros((2, 1), np.int64))
    _same(tf.ones((tf.constant(2), 3), tf.bool), np.ones((2, 3), bool))
    _same(tf.zeros([]), np.float32(0))
    _same(tf.ones(3, tf.float16), np.ones(3, np.float16))
    _same(tf.zeros([1], tf.string), np.array([b""], object))
    _same(tf.zeros_like([1, 2]), np.zeros(2, np.int32))
    _same(tf.ones_like(X, dtype=tf.float64), np.ones(X.shape))
    _same(tf.fill([2], 3.5), np.float32([3.5, 3.5]))
    _same(tf.eye(2, 3, batch_shape=[2]), np.broadcast_to(np.eye(2, 3, dtype=np.float32), (2, 2, 3)))
    _same(tf.zeros([1200, 1000]), np.zeros((1200, 1000), np.float32))


def test_range_dtypes() -> None:
    _same(tf.range(4), np.arange(4, dtype=np.int32))
    _same(tf.range(1, 2, 0.25), np.float32([1, 1.25, 1.5, 1.75]))
    _same(tf.range(tf.constant(3, tf.int64)), np.arange(3))
    _same(tf.range(5, 0, -2, dtype=tf.float64), np.float64([5, 3, 1]))
    with pytest.raises(tf.errors.InvalidArgumentError, match="never reaches"):
        tf.range(0, 3, -1)


def test_linspace_of_tensors() -> None:
    low, high = np.float32([0, 10]), np.float32([1, 20])
    for axis in (0, -1):
        np.testing.assert_allclose(tf.linspace(low, high, 5, axis=axis).numpy(), np.linspace(low, high, 5, axis=axis), rtol=1e-6)


def test_one_hot_and_masks() -> None:
    _same(tf.one_hot([1, 3], 3), np.float32([[0, 1, 0], [0, 0, 0]]))
    _same(tf.one_hot([1], 2, on_value=5, off_value=1), np.int32([[1, 5]]))
    _same(tf.one_hot([0], 2, dtype=tf.bool), np.array([[True, False]]))
    _same(tf.sequence_mask([1, 3]), np.array([[True, False, False], [True, True, True]]))
    _same(tf.sequence_mask([1, 0], 2, tf.int32), np.int32([[1, 0], [0, 0]]))
    _same(tf.boolean_mask(X, [True, False]), X[:1])
    _same(tf.boolean_mask(X, X[0] > 5, axis=1), X[:, X[0] > 5])
    _same(tf.constant(X)[X > 20], X[X > 20])


def test_meshgrid() -> None:
    for indexing in ("xy", "ij"):
        for actual, expected in zip(
            tf.meshgrid([1, 2], [3, 4, 5], [6], indexing=indexing),
            np.meshgrid(np.int32([1, 2]), np.int32([3, 4, 5]), np.int32([6]), indexing=indexing),
            strict=True,
        ):
            _same(actual, expected)


def test_joining() -> None:
    _same(tf.concat([X, X], -1), np.concatenate([X, X], -1))
    _same(tf.concat([X], 0), X)
    _same(tf.stack([1, 2]), np.int32([1, 2]))
    assert len(tf.unstack(X, axis=2)) == 4
    _same(tf.unstack(X, axis=1)[2], X[:, 2])
    for actual, expected in zip(tf.split(X, 2, axis=2), np.split(X, 2, 2), strict=True):
        _same(actual, expected)
    assert [t.shape[1] for t in tf.split(X, [1, -1], 1)] == [1, 2]
    _same(tf.repeat([1, 2], 2), np.repeat(np.int32([1, 2]), 2))
    _same(tf.repeat(X, [1, 0, 2], axis=1), np.repeat(X, [1, 0, 2], 1))
    _same(tf.repeat(X, 2, axis=-1), np.repeat(X, 2, -1))


def test_shapes() -> None:
    _same(tf.transpose(X), X.T)
    _same(tf.transpose(np.complex64([[1j, 2]]), conjugate=True), np.complex64([[-1j], [2]]))
    _same(tf.squeeze(X[:1], 0), X[0])
    _same(tf.squeeze(X[:1, :1], axis=[0, 1]), X[0, 0])
    _same(tf.size(X, tf.int64), np.int64(24))
    _same(tf.shape(X), np.int32([2, 3, 4]))
    with pytest.raises(tf.errors.InvalidArgumentError, match="cannot have shape"):
        tf.reshape(X, [5, -1])


def test_padding() -> None:
    _same(tf.pad(X[0], [[1, 0], [0, 2]], constant_values=9), np.pad(X[0], [[1, 0], [0, 2]], constant_values=9))
    _same(tf.pad(X[0], [[1, 0], [0, 2]], "reflect"), np.pad(X[0], [[1, 0], [0, 2]], "reflect"))
    _same(tf.reverse(X, [1]), X[:, ::-1])
    _same(tf.roll(X, [1, 1], [0, 2]), np.roll(X, [1, 1], [0, 2]))


def test_where_and_unique() -> None:
    _same(tf.where(X > 3, X, 0.0), np.where(X > 3, X, np.float32(0)))
    _same(tf.where([True, False, True]), np.int64([[0], [2]]))
    values, numbers = tf.unique([3, 1, 3])
    _same(values, np.int32([3, 1]))
    _same(numbers, np.int32([0, 1, 0]))
    parts = tf.dynamic_partition(X[0], [1, 0, 1], 2)
    _same(parts[1], X[0][[0, 2]])
    _same(tf.dynamic_stitch([[1], [0, 2]], [parts[0], parts[1]]), X[0])


@pytest.mark.parametrize("dtype", [np.float32, np.int32, np.uint8, np.int64])
@pytest.mark.parametrize("axis", [0, -1])
def test_sort(dtype: Any, axis: int) -> None:
    values = np.random.RandomState(2).randint(0, 50, (4, 5)).astype(dtype)
    _same(tf.sort(values, axis), np.sort(values, axis))
    _same(tf.sort(values, axis, "DESCENDING"), np.flip(np.sort(values, axis), axis))
    _same(tf.argsort(values, axis), np.argsort(values, axis, kind="stable").astype(np.int32))
    lowest = np.array([np.iinfo(np.int32).min, 3], np.int32)
    _same(tf.sort(lowest), lowest)


def test_searchsorted() -> None:
    rows = np.sort(X[0], axis=-1)
    _same(tf.searchsorted([1.0, 3.0, 5.0], [0.0, 3.0, 9.0], "right"), np.int32([0, 2, 3]))
    _same(tf.searchsorted(rows, rows), np.broadcast_to(np.arange(4, dtype=np.int32), (3, 4)))


def test_gather() -> None:
    _same(tf.gather(X, [1, 0], axis=1, batch_dims=1), np.stack([X[0, [1, 1]][:1], X[1, [0, 0]][:1]])[:, 0])
    _same(tf.gather_nd(X, [[[0, 1]], [[2, 3]]], batch_dims=1), np.float32([[X[0, 0, 1]], [X[1, 2, 3]]]))
    _same(tf.scatter_nd([[1], [1]], [2.0, 3.0], [3]), np.float32([0, 5, 0]))
    _same(tf.tensor_scatter_nd_sub([1, 2], [[0]], [5]), np.int32([-4, 2]))
    with pytest.raises(tf.errors.InvalidArgumentError, match="out of range"):
        tf.gather([1, 2], [2])


def test_gather_gradient_is_sparse() -> None:
    params = tf.constant(X[0])
    with tf.GradientTape() as tape:
        tape.watch(params)
        picked = tf.gather(params, [[2, 0], [2, 2]])
    gradient = tape.gradient(picked, params)
    assert isinstance(gradient, tf.IndexedSlices)
    _same(gradient.indices, np.int32([2, 0, 2, 2]))
    _same(tf.convert_to_tensor(gradient), np.float32([[1] * 4, [0] * 4, [3] * 4]))


def test_subscripts() -> None:
    tensor = tf.constant(X)
    simple = (0, -1, slice(1, None), (slice(None), 1), (..., -1))
    for key in (*simple, (0, ..., slice(None, None, -2)), (None, 1), (slice(0, 9, 2), None, 2)):
        _same(tensor[key], X[key])
    with pytest.raises(tf.errors.InvalidArgumentError, match="out of bounds"):
        tensor[2]


@pytest.mark.parametrize("key", [slice(10), slice(0, 5), slice(-3, None), slice(None, None, 2), slice(1, 0), slice(20, 10)])
def test_a_slice_of_an_unknown_dimension_is_unknown(key: slice) -> None:
    shapes = []

    @tf.function(input_signature=[tf.TensorSpec([None, 4])])
    def body(x: Any) -> Any:
        part = x[key]
        shapes.append(part.shape.as_list())
        return part

    for rows in (3, 40):
        value = np.arange(rows * 4, dtype=np.float32).reshape(rows, 4)
        np.testing.assert_array_equal(body(value).numpy(), value[key])
    assert shapes == [[None, 4]]


def test_inference_with_unknown_dimensions() -> None:
    shapes: dict[str, Any] = {}

    @tf.function(input_signature=[tf.TensorSpec([None, 6]), tf.TensorSpec([None, None])])
    def body(x: Any, y: Any) -> Any:
        results = {
            "whole": x[:, 2:],
            "reshape": tf.reshape(x, [-1, 2, 3]),
            "keep": tf.reshape(x, [tf.shape(x)[0], 3, 2]),
            "concat": tf.concat([x, x], 0),
            "split": tf.split(x, 3, axis=1)[1],
            "tile": tf.tile(x, [2, 1]),
            "pad": tf.pad(x, [[1, 1], [0, 0]]),
            "ensure": tf.ensure_shape(y, [4, 6]),
            "stack": tf.stack([x, y]),
            "gather": tf.gather(x, [1, 2], axis=1),
            "zeros": tf.zeros([tf.shape(x)[0], 2]),
            "slice": tf.slice(x, [0, 1], [-1, 2]),
            "range": tf.range(tf.shape(x)[0]),
            "expand": tf.expand_dims(x, 1),
        }
        shapes.update({key: value.shape.as_list() for key, value in results.items()})
        return results

    results = body(np.ones((4, 6), np.float32), np.ones((4, 6), np.float32))
    assert shapes == {
        "whole": [None, 4],
        "reshape": [None, 2, 3],
        "keep": [None, 3, 2],
        "concat": [None, 6],
        "split": [None, 2],
        "tile": [None, 6],
        "pad": [None, 6],
        "ensure": [4, 6],
        "stack": [2, None, 6],
        "gather": [None, 2],
        "zeros": [None, 2],
        "slice": [None, 2],
        "range": [None],
        "expand": [None, 1, 6],
    }
    assert results["concat"].shape == [8, 6]


def test_checks() -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match="expected"):
        tf.ensure_shape(X, [None, 3, 5])
    assert tf.identity_n([X, [1]])[1].dtype is tf.int32


def test_slice_from_a_begin_that_depends_on_data() -> None:
    rest = tf.function(lambda x, n: (tf.slice(x, [n], [-1]), tf.slice(x, tf.stack([n]), [2])))
    for begin in (1, 3):
        whole, part = rest(tf.range(6.0), tf.constant(begin))
        np.testing.assert_array_equal(whole, np.arange(begin, 6))
        np.testing.assert_array_equal(part, np.arange(begin, begin + 2))
