"""tf.linalg: functions of factors, and of banded and tridiagonal matrices."""

from __future__ import annotations

import numpy as np

from tests.public.case import case

R = np.random.RandomState(3)


def f64(*shape: int) -> np.ndarray:
    """Normal float64 numbers."""
    return R.standard_normal(shape)


SQUARE, BATCH, RIGHT = f64(4, 4), f64(2, 3, 3), f64(2, 3, 2)
COMPLEX = (f64(3, 3) + 1j * f64(3, 3)).astype(np.complex128)

CASES = {
    "lu-reconstruct": case(lambda tf, x: tf.linalg.lu_reconstruct(*tf.linalg.lu(x)), SQUARE, gradient=False),
    "lu-reconstruct-batch": case(lambda tf, x: tf.linalg.lu_reconstruct(*tf.linalg.lu(x)), BATCH, gradient=False),
    "lu-solve": case(lambda tf, x, b: tf.linalg.lu_solve(*tf.linalg.lu(x), b), BATCH, RIGHT, gradient=False),
    "lu-solve-one": case(lambda tf, x, b: tf.linalg.lu_solve(*tf.linalg.lu(x), b), SQUARE, f64(4, 2), gradient=False),
    "lu-solve-repeated": case(lambda tf, x, b: tf.linalg.lu_solve(*tf.linalg.lu(x), b), BATCH, f64(3, 2), gradient=False),
    "lu-solve-vector": case(
        lambda tf, x, b: tf.linalg.lu_solve(*tf.linalg.lu(x), b), SQUARE, f64(4), in_function=False, gradient=False
    ),
    "lu-inverse": case(lambda tf, x: tf.linalg.lu_matrix_inverse(*tf.linalg.lu(x)), BATCH, gradient=False),
    "normalize": case(lambda tf, x: tf.linalg.normalize(x), SQUARE),
    "normalize-axis": case(lambda tf, x: tf.linalg.normalize(x, ord=1, axis=-1), BATCH),
    "logm": case(lambda tf, x: tf.linalg.logm(x), COMPLEX, gradient=False, tolerance=1e-8),
    "logm-of-real": case(lambda tf, x: tf.linalg.logm(x), SQUARE, in_function=False),
    "tridiagonal-matmul": case(lambda tf, d, x: tf.linalg.tridiagonal_matmul(d, x), f64(2, 3, 4), f64(2, 4, 2)),
    "tridiagonal-matmul-matrix": case(
        lambda tf, d, x: tf.linalg.tridiagonal_matmul(d, x, diagonals_format="matrix"), SQUARE, f64(4, 2)
    ),
    "tridiagonal-matmul-sequence": case(
        lambda tf, a, b, c, x: tf.linalg.tridiagonal_matmul([a, b, c], x, diagonals_format="sequence"),
        f64(4),
        f64(4),
        f64(4),
        f64(4, 2),
        gradient=False,  # TensorFlow takes the padding of the outer diagonals for a part of them
    ),
    "tridiagonal-matmul-format": case(
        lambda tf, d, x: tf.linalg.tridiagonal_matmul(d, x, diagonals_format="else"), SQUARE, f64(4, 2), in_function=False
    ),
    "banded-lower": case(lambda tf, a, b: tf.linalg.banded_triangular_solve(a, b), f64(2, 4) + 3, f64(4, 2), gradient=False),
    "banded-upper": case(
        lambda tf, a, b: tf.linalg.banded_triangular_solve(a, b, lower=False), f64(3, 4) + 3, f64(4, 2), gradient=False
    ),
    "banded-adjoint": case(
        lambda tf, a, b: tf.linalg.banded_triangular_solve(a, b, adjoint=True), f64(2, 4) + 3, f64(4, 2), gradient=False
    ),
    "eigh-tridiagonal": case(lambda tf, a, b: tf.linalg.eigh_tridiagonal(a, b), f64(5), f64(4), gradient=False),
    "eigh-tridiagonal-index": case(
        lambda tf, a, b: tf.linalg.eigh_tridiagonal(a, b, select="i", select_range=(1, 3)), f64(5), f64(4), gradient=False
    ),
    "eigh-tridiagonal-value": case(
        lambda tf, a, b: tf.linalg.eigh_tridiagonal(a, b, select="v", select_range=(-1.0, 1.0)), f64(5), f64(4), gradient=False
    ),
    "eigh-tridiagonal-select": case(
        lambda tf, a, b: tf.linalg.eigh_tridiagonal(a, b, select="x"), f64(5), f64(4), in_function=False
    ),
    "eig": case(lambda tf, x: tf.sort(tf.abs(tf.eigvals(x))), SQUARE, gradient=False),
}
"""Public functions, run from the same source under Headrace and under real TensorFlow."""
