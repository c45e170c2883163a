"""Sparse tensors where Headrace does more than TensorFlow, refusals, and the spec."""

from __future__ import annotations

import numpy as np
import pytest

import headrace as tf

PLACES = np.array([[0, 1], [1, 0], [1, 3], [2, 2]])
VALUES = np.float32([1.5, -2.0, 3.0, 0.25])


def matrix() -> tf.SparseTensor:
    return tf.SparseTensor(PLACES, VALUES, [3, 4])


@pytest.mark.parametrize("in_function", [False, True])
def test_gradient_for_a_sparse_tensor_is_sparse(in_function: bool) -> None:
    weights = np.arange(8, dtype=np.float32).reshape(4, 2)

    def loss(x: tf.SparseTensor) -> tf.Tensor:
        return tf.reduce_sum(tf.sparse.sparse_dense_matmul(x, weights))

    x = matrix()
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.function(loss)(x) if in_function else loss(x)
    gradient = tape.gradient(y, x)
    assert isinstance(gradient, tf.SparseTensor)
    np.testing.assert_array_equal(gradient.indices, PLACES)
    np.testing.assert_allclose(gradient.values, weights.sum(1)[PLACES[:, 1]])


def test_gradient_of_concat_goes_back_to_each_part() -> None:
    a, b = tf.constant(VALUES), tf.constant(VALUES * 2)
    with tf.GradientTape() as tape:
        tape.watch([a, b])
        joined = tf.sparse.concat(1, [tf.SparseTensor(PLACES, a, [3, 4]), tf.SparseTensor(PLACES, b, [3, 4])])
        y = tf.sparse.to_dense(joined)
    weights = np.arange(24, dtype=np.float32).reshape(3, 8)
    of_a, of_b = tape.gradient(y, [a, b], weights)
    np.testing.assert_array_equal(of_a, weights[PLACES[:, 0], PLACES[:, 1]])
    np.testing.assert_array_equal(of_b, weights[PLACES[:, 0], PLACES[:, 1] + 4])


def test_one_trace_serves_tensors_of_one_spec() -> None:
    f = tf.function(tf.sparse.reduce_sum)
    assert f(matrix()).numpy() == pytest.approx(2.75)
    assert f(tf.SparseTensor([[0, 0]], [1.0], [3, 4])).numpy() == 1.0
    assert f.experimental_get_tracing_count() == 1
    f(tf.SparseTensor([[0, 0]], [1.0], [3, 5]))
    assert f.experimental_get_tracing_count() == 2


def test_signature_refuses_another_shape_and_a_dense_tensor() -> None:
    f = tf.function(tf.sparse.to_dense, input_signature=[tf.SparseTensorSpec([None, 4])])
    np.testing.assert_array_equal(f(matrix()), tf.sparse.to_dense(matrix()))
    with pytest.raises(TypeError, match="SparseTensorSpec"):
        f(tf.SparseTensor([[0, 0]], [1.0], [3, 5]))
    with pytest.raises(TypeError, match="SparseTensorSpec"):
        f(tf.zeros([3, 4]))


def test_concrete_function_takes_and_describes_sparse_tensors() -> None:
    f = tf.function(lambda x: {"twice": tf.sparse.map_values(tf.add, x, x)})
    concrete = f.get_concrete_function(tf.SparseTensorSpec([None, 4]))
    assert concrete.structured_outputs["twice"].dtype is tf.float32
    np.testing.assert_array_equal(concrete(matrix())["twice"].values, VALUES * 2)


def test_spec() -> None:
    spec = tf.SparseTensorSpec([None, 4])
    assert spec == tf.SparseTensorSpec([None, 4], tf.float32)
    assert len({spec, tf.SparseTensorSpec([None, 4])}) == 1
    assert spec != tf.SparseTensorSpec([None, 4], tf.int32)
    assert matrix().type_spec.is_subtype_of(spec)
    assert not spec.is_subtype_of(matrix().type_spec)
    assert spec.most_general(tf.SparseTensorSpec([3, 5])) == tf.SparseTensorSpec([None, None])
    assert spec.most_general(tf.SparseTensorSpec([3, 5], tf.int32)) is None
    assert spec.is_compatible_with(matrix())
    assert not spec.is_compatible_with(tf.zeros([3, 4]))


def test_nest_expands_and_packs() -> None:
    structure = {"x": matrix(), "y": tf.constant(1)}
    assert len(tf.nest.flatten(structure)) == 2
    flat = tf.nest.flatten(structure, expand_composites=True)
    assert len(flat) == 4
    packed = tf.nest.pack_sequence_as(structure, flat, expand_composites=True)
    np.testing.assert_array_equal(packed["x"].values, VALUES)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tf.sparse.to_dense(tf.zeros([2])), "needs a SparseTensor"),
        (lambda: tf.sparse.add(tf.zeros([2]), tf.zeros([2])), "at least one SparseTensor"),
        (lambda: matrix()[0], "tf.sparse.slice"),
        (lambda: iter(matrix()), "to_dense"),
        (lambda: tf.matmul(matrix(), matrix()), "dense tensor is needed"),
        (lambda: tf.sparse.sparse_dense_matmul(matrix(), matrix()), "one dense matrix"),
    ],
)
def test_refusals_of_types(call: object, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        call()  # type: ignore[operator]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tf.sparse.reset_shape(matrix(), [2, 4]), "must not be smaller"),
        (lambda: tf.sparse.reset_shape(matrix(), [4]), "rank"),
        (lambda: tf.sparse.split(matrix(), 9, axis=1), "num_split"),
        (lambda: tf.sparse.expand_dims(matrix(), 5), "axis 5"),
        (lambda: tf.sparse.slice(matrix(), [-1, 0], [1, 1]), "negative"),
        (lambda: tf.sparse.retain(matrix(), [True]), "one entry a value"),
        (lambda: tf.sparse.softmax(tf.SparseTensor([[0]], [1.0], [2])), "rank of at least 2"),
        (lambda: matrix() * np.ones([5, 4], np.float32), "does not broadcast"),
        (lambda: tf.sparse.map_values(tf.add, matrix(), tf.sparse.eye(3)), "same coordinates"),
    ],
)
def test_refusals_of_values(call: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()  # type: ignore[operator]
