"""The public functions of tf and tf.math that are more than one raw op."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import headrace as tf
from headrace.core.errors import InvalidArgumentError

X = np.float32([[1.0, -2.0, 3.0], [0.5, 4.0, -1.0]])


def close(actual: Any, expected: Any, dtype: Any = np.float32) -> None:
    value = np.asarray(actual.numpy())
    assert value.dtype == dtype
    np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("function", "reference"),
    [
        (tf.reduce_sum, np.sum),
        (tf.reduce_mean, np.mean),
        (tf.reduce_prod, np.prod),
        (tf.reduce_max, np.max),
        (tf.reduce_min, np.min),
        (tf.math.reduce_variance, np.var),
        (tf.math.reduce_std, np.std),
        (tf.math.reduce_euclidean_norm, lambda x, axis=None, keepdims=False: np.sqrt(np.sum(x * x, axis, keepdims=keepdims))),
        (tf.reduce_logsumexp, lambda x, axis=None, keepdims=False: np.log(np.sum(np.exp(x), axis, keepdims=keepdims))),
    ],
)
@pytest.mark.parametrize("axis", [None, 0, -1, (0, 1)])
@pytest.mark.parametrize("keepdims", [False, True])
def test_reductions(function: Any, reference: Any, axis: Any, keepdims: bool) -> None:
    close(function(X, axis=axis, keepdims=keepdims), reference(X, axis=axis, keepdims=keepdims))


def test_reduction_of_unknown_shape() -> None:
    @tf.function(input_signature=[tf.TensorSpec(None, tf.float32)])
    def total(x: Any) -> Any:
        return tf.reduce_sum(x)

    close(total(tf.constant(X)), X.sum())


def test_logsumexp_does_not_overflow() -> None:
    close(tf.reduce_logsumexp([1000.0, 1000.0]), 1000 + np.log(2))
    close(tf.reduce_logsumexp([-np.inf, -np.inf]), -np.inf)


def test_axis_out_of_range() -> None:
    with pytest.raises(InvalidArgumentError, match=r"axis \[2\] is out of range"):
        tf.reduce_sum(X, axis=2)
    with pytest.raises(InvalidArgumentError, match="names an axis twice"):
        tf.reduce_sum(X, axis=[0, -2])


def test_logical_reductions_and_counts() -> None:
    assert bool(tf.reduce_all([True, True]))
    assert not bool(tf.reduce_any([False, False]))
    close(tf.math.count_nonzero([[0, 1], [2, 3]], axis=0), [1, 2], np.int64)
    close(tf.math.count_nonzero(["", "a"], dtype=tf.int32), 1, np.int32)
    close(tf.argmax(X), [0, 1, 0], np.int64)
    close(tf.argmin(X, axis=1, output_type=tf.int32), [1, 2], np.int32)


@pytest.mark.parametrize("operation", [lambda x, y: x // y, lambda x, y: x % y, tf.math.floordiv, tf.math.floormod])
def test_integer_division_by_zero(operation: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="division by zero"):
        operation(tf.constant([4, 5]), tf.constant([1, 0]))


def test_true_division_widens_integers() -> None:
    close(tf.divide(7, 2), 3.5, np.float64)
    close(tf.truediv(np.int8([7]), np.int8(2)), [3.5], np.float32)
    with pytest.raises(TypeError, match="one dtype"):
        tf.divide(tf.constant(1), tf.constant(1.0))


def test_plain_values_follow_tensors() -> None:
    half = tf.constant([1.0], tf.float16)
    assert (2 * half).dtype is tf.float16
    assert tf.maximum(0, half).dtype is tf.float16
    assert tf.divide(1, half).dtype is tf.float16


def test_casts() -> None:
    close(tf.cast([1.7, -1.7], tf.int32), [1, -1], np.int32)
    close(tf.saturate_cast([300.0, -5.0, 7.0], tf.uint8), [255, 0, 7], np.uint8)
    close(tf.saturate_cast([1e20, -1e20], tf.int32), [2147483520, -(2**31)], np.int32)
    close(tf.saturate_cast(tf.constant([-5, 300]), tf.uint8), [0, 255], np.uint8)
    slices = tf.cast(tf.IndexedSlices(tf.constant([[1.5]]), tf.constant([0]), tf.constant([2, 1])), tf.int32)
    close(slices.values, [[1]], np.int32)
    with pytest.raises(InvalidArgumentError, match="strings are not cast"):
        tf.cast("1", tf.int32)


def test_complex_parts() -> None:
    z = tf.complex([3.0], [4.0])
    close(tf.abs(z), [5.0])
    close(tf.math.real(z), [3.0])
    close(tf.math.imag(z), [4.0])
    close(tf.math.angle(z), [np.angle(3 + 4j)])
    close(tf.math.conj(z), [3 - 4j], np.complex64)
    close(tf.math.imag(tf.constant([1.0])), [0.0])
    close(tf.math.angle(tf.constant([-1.0, 1.0])), [np.pi, 0.0])
    with pytest.raises(TypeError, match="only numbers"):
        tf.math.conj("a")


@pytest.mark.parametrize(
    ("shapes", "options"),
    [
        (((2, 3), (3, 4)), {}),
        (((3, 2), (4, 3)), {"transpose_a": True, "transpose_b": True}),
        (((5, 2, 3), (3, 4)), {}),
        (((5, 3, 2), (5, 3, 4)), {"transpose_a": True}),
        (((5, 1, 2, 3), (4, 4, 3)), {"adjoint_b": True}),
    ],
)
def test_matmul(shapes: Any, options: dict[str, bool]) -> None:
    source = np.random.RandomState(3)
    for dtype in (np.float32, np.complex64):
        x, y = (source.uniform(-1, 1, s).astype(dtype) * dtype(1 + 0.5j if dtype is np.complex64 else 1) for s in shapes)
        left = np.swapaxes(x, -1, -2) if options.get("transpose_a") else x
        right = np.swapaxes(y, -1, -2) if options else y
        right = y if list(options) == ["transpose_a"] else np.conj(right) if options.get("adjoint_b") else right
        close(tf.matmul(x, y, **options), left @ right, dtype)


def test_matmul_refuses() -> None:
    with pytest.raises(InvalidArgumentError, match="contracts 3 with 2"):
        tf.matmul(X, X)
    with pytest.raises(ValueError, match="only one of transpose and adjoint"):
        tf.matmul(X, X, transpose_a=True, adjoint_a=True)


def test_matmul_to_another_dtype() -> None:
    close(tf.matmul(np.int8([[100, 100]]), np.int8([[100], [100]]), output_type=tf.int32), [[20000]], np.int32)


@pytest.mark.parametrize("axes", [0, 1, 2, [[1], [0]], [[0, 1], [1, 0]], (1, 0), [[-1], [0]]])
def test_tensordot(axes: Any) -> None:
    a, b = (np.random.RandomState(i).uniform(size=(3, 3, 3)).astype(np.float32) for i in (1, 2))
    close(tf.tensordot(a, b, axes), np.tensordot(a, b, axes))


def test_tensordot_of_unknown_dimensions() -> None:
    @tf.function(input_signature=[tf.TensorSpec([None, 3, None]), tf.TensorSpec([None, 4])])
    def product(a: Any, b: Any) -> Any:
        return tf.tensordot(a, b, 1)

    a, b = np.random.RandomState(1).rand(2, 3, 5).astype(np.float32), np.random.RandomState(2).rand(5, 4).astype(np.float32)
    close(product(tf.constant(a), tf.constant(b)), np.tensordot(a, b, 1))
    with pytest.raises(ValueError, match="out of range"):
        tf.tensordot(a, b, [[3], [0]])


@pytest.mark.parametrize("equation", ["ij,jk->ik", "ij,jk", "ij,jk,kl->il", "ij,jk,kl->li", "ij,jk,ij->k", "ij, jk -> ki"])
def test_einsum(equation: str) -> None:
    values = [np.random.RandomState(i).rand(3, 3).astype(np.float32) for i in range(equation.count(",") + 1)]
    close(tf.einsum(equation, *values), np.einsum(equation, *values))


def test_einsum_refuses() -> None:
    with pytest.raises(ValueError, match="has 2 terms but 1 tensors"):
        tf.einsum("ij,jk->ik", X)


def test_clipping() -> None:
    close(tf.clip_by_value(X, -1.0, 2.0), np.clip(X, -1, 2))
    close(tf.clip_by_norm(X, 1.0), X / np.linalg.norm(X))
    close(tf.clip_by_norm(X, 100.0), X)
    close(tf.clip_by_norm(X, 1.0, axes=[1]), X / np.linalg.norm(X, axis=1, keepdims=True))
    close(tf.clip_by_norm([0.0, 0.0], 1.0), [0.0, 0.0])


def test_global_norm_takes_slices_and_none() -> None:
    slices = tf.IndexedSlices(tf.constant([[3.0]]), tf.constant([1]), tf.constant([4, 1]))
    (first, second, nothing), norm = tf.clip_by_global_norm([slices, tf.constant([4.0]), None], 2.5)
    close(norm, 5.0)
    close(first.values, [[1.5]])
    close(second, [2.0])
    assert nothing is None
    (broken,), norm = tf.clip_by_global_norm([tf.constant([np.inf])], 1.0)
    assert np.isinf(norm.numpy())
    assert np.isnan(broken.numpy()).all()


def test_gradient_of_clip_by_norm_at_zero() -> None:
    x = tf.zeros([2])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.reduce_sum(tf.clip_by_norm(x, 1.0))
    close(tape.gradient(y, x), [1.0, 1.0])


def test_counting() -> None:
    close(tf.math.bincount([1, 1, 3]), [0, 2, 0, 1], np.int32)
    close(tf.math.bincount([1, 1, 3], minlength=6, dtype=tf.int64), [0, 2, 0, 1, 0, 0], np.int64)
    close(tf.math.bincount([1, 1, 3], maxlength=2), [0, 2], np.int32)
    close(tf.math.bincount([1, 1, 3], weights=[0.5, 1.0, 2.0]), [0, 1.5, 0, 2])
    close(tf.math.bincount([[0, 1], [1, 1]], axis=-1), [[1, 1], [0, 2]], np.int32)
    close(tf.math.bincount([[0, 1], [1, 1]], axis=-1, binary_output=True), [[1, 1], [0, 1]], np.int32)
    assert tf.math.bincount(np.zeros(0, np.int32)).shape == [0]
    close(tf.math.confusion_matrix([0, 1, 1], [0, 1, 0]), [[1, 0], [1, 1]], np.int32)
    close(tf.math.confusion_matrix([0, 1], [0, 1], num_classes=3, weights=[2.0, 3.0], dtype=tf.float32), np.diag([2.0, 3.0, 0.0]))
    close(tf.histogram_fixed_width([0.0, 4.9, 9.0], [0.0, 5.0], nbins=5), [1, 0, 0, 0, 2], np.int32)


def test_segment_averages() -> None:
    ids = [0, 0, 2]
    close(tf.math.unsorted_segment_mean([1.0, 3.0, 5.0], ids, 3), [2.0, 0.0, 5.0])
    close(tf.math.unsorted_segment_sqrt_n([1.0, 3.0, 5.0], ids, 3), [4 / np.sqrt(2), 0.0, 5.0])
    with pytest.raises(InvalidArgumentError, match="must be sorted"):
        tf.math.segment_sum([1.0, 2.0], [1, 0])


def test_small_functions() -> None:
    close(tf.add_n([X, X, X]), 3 * X)
    close(tf.scalar_mul(2.0, X), 2 * X)
    close(tf.math.polyval([2.0, 0.0, -1.0], tf.constant([3.0])), [17.0])
    close(tf.math.lbeta([1.0, 2.0]), np.log(0.5))
    close(tf.math.l2_normalize(X, axis=1), X / np.linalg.norm(X, axis=1, keepdims=True))
    close(tf.math.reciprocal_no_nan([0.0, 2.0]), [0.0, 0.5])
    close(tf.math.logical_xor([True, True], [True, False]), [False, True], np.bool_)
    assert bool(tf.math.is_strictly_increasing([1, 2, 3]))
    assert not bool(tf.math.is_strictly_increasing([1, 1]))
    assert bool(tf.math.is_non_decreasing([1, 1]))
    assert bool(tf.math.is_non_decreasing(np.zeros(0, np.float32)))
    with pytest.raises(ValueError, match="at least one"):
        tf.add_n([])
    with pytest.raises(ValueError, match="takes a scalar"):
        tf.scalar_mul([1.0, 2.0], X)


def test_spectra() -> None:
    close(tf.signal.rfft(X), np.fft.rfft(X), np.complex64)
    close(tf.signal.rfft(X, [5]), np.fft.rfft(X, 5), np.complex64)
    close(tf.signal.irfft(np.fft.rfft(X).astype(np.complex64), [3]), X)
    close(tf.signal.rfft2d(X.astype(np.float64)), np.fft.rfft2(X), np.complex128)


def test_second_derivatives() -> None:
    x = tf.constant([0.3, 0.7])
    for function, second in (
        (tf.tanh, lambda v: -2 * np.tanh(v) * (1 - np.tanh(v) ** 2)),
        (tf.sqrt, lambda v: -0.25 * v**-1.5),
        (tf.exp, np.exp),
        (lambda t: t**3, lambda v: 6 * v),
    ):
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                y = function(x)
            first = inner.gradient(y, x)
        close(outer.gradient(first, x), second(x.numpy()))
