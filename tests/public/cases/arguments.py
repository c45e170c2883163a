"""Arguments that programs give by name, and functions used as decorators."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.public.case import case

R = np.random.RandomState(8)
DIAGONALS, RIGHT = R.standard_normal((3, 4)), R.standard_normal((2, 4))


def numpy_decorator(tf: Any, x: Any) -> Any:
    @tf.numpy_function(Tout=tf.float32, stateful=False)
    def doubled(a: Any) -> Any:
        return a * np.float32(2)

    return doubled(x)


def python_decorator(tf: Any, x: Any) -> Any:
    @tf.py_function(Tout=tf.float32)
    def squared(a: Any) -> Any:
        return a * a

    return squared(x)


def gradient_decorator(tf: Any, x: Any) -> Any:
    @tf.custom_gradient()
    def clipped(a: Any) -> Any:
        return a * 3.0, lambda grad: tf.clip_by_value(grad, -0.1, 0.1)

    return clipped(x)


def raised(tf: Any, name: str) -> Any:
    error = getattr(tf.errors, name)(None, None, "nothing left")
    return [tf.constant([error.message, str(error)]), tf.constant(error.error_code)]


X = R.standard_normal((2, 3)).astype(np.float32)

CASES = {
    "numpy-decorator": case(numpy_decorator, X, gradient=False),
    "python-decorator": case(python_decorator, X),
    "gradient-decorator": case(gradient_decorator, X),
    "tridiagonal-transposed": case(
        lambda tf, d, b: tf.linalg.tridiagonal_solve(d, b, transpose_rhs=True, partial_pivoting=False),
        DIAGONALS + 4,
        RIGHT,
        gradient=False,
    ),
    "tridiagonal-conjugate": case(
        lambda tf, d, b: tf.linalg.tridiagonal_solve(d, b, conjugate_rhs=True),
        (DIAGONALS + 4).astype(np.complex128),
        (RIGHT[0] + 1j * RIGHT[1]).astype(np.complex128),
        gradient=False,
    ),
    "accumulate": case(lambda tf, x: tf.math.accumulate_n([x, x], shape=[2, 3], tensor_dtype=tf.float32), X),
    "accumulate-dtype": case(lambda tf, x: tf.math.accumulate_n([x, x], tensor_dtype=tf.int32), X, in_function=False),
    "scatter-policy": case(
        lambda tf, x: tf.tensor_scatter_nd_add(x, indices=[[1]], updates=x[:1], bad_indices_policy="", name="s"), X
    ),
    "matvec-hints": case(lambda tf, x: tf.linalg.matvec(x, x[0], b_is_sparse=True), X),
    "errors": case(
        lambda tf: [
            *raised(tf, "OutOfRangeError"),
            *raised(tf, "InvalidArgumentError"),
            *raised(tf, "UnauthenticatedError"),
            tf.constant(tf.errors.DATA_LOSS),
        ],
        in_function=False,
    ),
    "save-options": case(
        lambda tf: tf.constant(
            [
                *sorted(tf.saved_model.SaveOptions(None, False, {"f": 1}).function_aliases),
                tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY,
                tf.saved_model.PREDICT_METHOD_NAME,
            ]
        ),
        in_function=False,
    ),
}
