"""How Python and numpy values become tensors, and what is refused."""

import ml_dtypes
import numpy as np
import pytest

import headrace as tf


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (1, tf.int32),
        (2**40, tf.int64),
        (1.5, tf.float32),
        (True, tf.bool),
        (1j, tf.complex128),
        ("text", tf.string),
        ([1, 2.5], tf.float32),
        ([], tf.float32),
        (np.float64(1.0), tf.float64),
        ([np.float64(1.0)], tf.float64),
        (np.array([1, 2]), tf.int64),
        (np.array([1], ml_dtypes.bfloat16), tf.bfloat16),
        (tf.TensorShape([2, 3]), tf.int32),
    ],
)
def test_inferred_dtypes(value, dtype):
    assert tf.convert_to_tensor(value).dtype == dtype


@pytest.mark.parametrize("dtype", [tf.int32, tf.float64, tf.bool, tf.string, tf.complex64])
@pytest.mark.parametrize("value", [[], (), [[], []]])
def test_lists_without_elements_suit_any_dtype(value, dtype):
    tensor = tf.convert_to_tensor(value, dtype)
    assert tensor.dtype == dtype
    assert tensor.shape == np.shape(value)


def test_an_empty_list_is_a_scalar_shape():
    assert tf.random.normal([]).shape == ()
    assert tf.reshape([3.0], []).numpy() == 3.0
    assert tf.concat([tf.constant([1, 2]), []], 0).dtype == tf.int32


def test_tensors_decide_for_plain_values():
    x = tf.constant([1.0, 2.0], tf.float64)
    assert (x + 1).dtype == tf.float64
    assert (2.5 * x).dtype == tf.float64
    assert (x + np.float32([1, 2])).dtype == tf.float64
    assert tf.stack([x, [3.0, 4.0]]).dtype == tf.float64


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: tf.constant(1.5, tf.int32), TypeError, "int32"),
        (lambda: tf.constant("x", tf.float32), TypeError, "float32"),
        (lambda: tf.constant(300, tf.uint8), TypeError, "0..255"),
        (lambda: tf.constant([[1], [1, 2]]), ValueError, "differ in length"),
        (lambda: tf.constant(object()), TypeError, "expected numbers"),
        (lambda: tf.constant([1, 2, 3], shape=[2, 2]), ValueError, "3 elements"),
        (lambda: tf.convert_to_tensor(tf.constant(1), tf.float32), ValueError, "tf.cast"),
        (lambda: tf.constant([1]) + 1.5, TypeError, "1.5"),
        (lambda: tf.constant([1.0]) + tf.constant([1]), tf.errors.InvalidArgumentError, "int32.*expected to be float32"),
        (lambda: tf.ones([2, 3]) + tf.ones([4]), tf.errors.InvalidArgumentError, "AddV2"),
        (lambda: tf.matmul(tf.ones([2, 3]), tf.ones([2, 3])), tf.errors.InvalidArgumentError, "MatMul"),
        (
            lambda: tf.nn.conv2d(tf.ones([1, 4, 4, 3]), tf.ones([3, 3, 2, 1]), 1, "SAME"),
            tf.errors.InvalidArgumentError,
            "3 channels",
        ),
        (lambda: tf.raw_ops.Relu(x=1.0), TypeError, "features"),
        (lambda: tf.raw_ops.LeakyRelu(features=1.0, slope=2.0), TypeError, "slope"),
        (lambda: tf.raw_ops.Unheard(x=1), AttributeError, "Unheard"),
    ],
)
def test_bad_values_are_named(make, error, text):
    with pytest.raises(error, match=text):
        make()


def test_numpy_sees_tensors():
    x = tf.constant([[1.0, 2.0], [3.0, 4.0]])
    np.testing.assert_array_equal(np.asarray(x), [[1, 2], [3, 4]])
    np.testing.assert_array_equal(np.from_dlpack(x), x.numpy())
    assert np.add(x.numpy(), 1).sum() == 14
    assert float(x[0, 0]) == 1.0
    assert [row.numpy().tolist() for row in x] == [[1, 2], [3, 4]]


def test_a_tensor_is_no_key_but_its_reference_is():
    x, y = tf.constant([1.0]), tf.constant([1.0])
    with pytest.raises(TypeError, match="unhashable"):
        hash(x)
    assert {x.ref(): 1}[x.ref()] == 1
    assert x.ref() != y.ref()


def test_truth_and_comparison():
    assert bool(tf.constant(3) > 2)
    with pytest.raises(ValueError, match="ambiguous"):
        bool(tf.constant([True, False]))
    assert (tf.constant([1, 2]) == tf.constant([1, 3])).numpy().tolist() == [True, False]
    assert (tf.constant(1) == None) is False  # noqa: E711
