"""Public functions of tf.linalg."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import headrace as tf

A = np.random.RandomState(1).uniform(-1, 1, (2, 3, 3)) + 3 * np.eye(3)
B = np.random.RandomState(2).uniform(-1, 1, (2, 3, 2))
SPD = A @ A.swapaxes(-1, -2)
TALL = np.random.RandomState(3).uniform(-1, 1, (5, 3))


def _close(actual: Any, expected: Any) -> None:
    np.testing.assert_allclose(actual.numpy(), expected, rtol=1e-8, atol=1e-10)


def test_systems() -> None:
    _close(tf.linalg.inv(A), np.linalg.inv(A))
    _close(tf.linalg.solve(A, B), np.linalg.solve(A, B))
    _close(tf.linalg.cholesky_solve(tf.linalg.cholesky(SPD), B), np.linalg.solve(SPD, B))
    _close(tf.linalg.lstsq(TALL, TALL[:, :1]), np.linalg.lstsq(TALL, TALL[:, :1])[0])
    _close(tf.linalg.pinv(TALL), np.linalg.pinv(TALL))
    _close(tf.linalg.triangular_solve(A, B), np.linalg.solve(np.tril(A), B))


def test_determinants() -> None:
    _close(tf.linalg.det(A), np.linalg.det(A))
    _close(tf.linalg.logdet(SPD), np.linalg.slogdet(SPD)[1])
    result = tf.linalg.slogdet(-A)
    _close(result.sign, np.linalg.slogdet(-A)[0])
    _close(result.log_abs_determinant, np.linalg.slogdet(-A)[1])


def test_decompositions_multiply_back() -> None:
    q, r = tf.linalg.qr(TALL)
    _close(tf.linalg.matmul(q, r), TALL)
    s, u, v = tf.linalg.svd(TALL)
    _close(tf.linalg.matmul(u * s, v, adjoint_b=True), TALL)
    values, vectors = tf.linalg.eigh(SPD)
    _close(tf.linalg.matmul(vectors * tf.expand_dims(values, -2), vectors, adjoint_b=True), SPD)
    _close(tf.linalg.eigvalsh(SPD), np.linalg.eigvalsh(SPD))
    factors, order = tf.linalg.lu(A[0])
    lower, upper = np.tril(factors.numpy(), -1) + np.eye(3), np.triu(factors.numpy())
    np.testing.assert_allclose(lower @ upper, A[0][order.numpy()], rtol=1e-8)
    _close(tf.linalg.matmul(tf.linalg.sqrtm(SPD), tf.linalg.sqrtm(SPD)), SPD)


@pytest.mark.parametrize("order", ["euclidean", 1, 2, 3, np.inf])
@pytest.mark.parametrize("keepdims", [False, True])
def test_vector_norms(order: Any, keepdims: bool) -> None:
    expected = np.linalg.norm(TALL, 2 if order == "euclidean" else order, axis=1, keepdims=keepdims)
    _close(tf.norm(TALL, order, axis=1, keepdims=keepdims), expected)


@pytest.mark.parametrize("order", ["fro", 1, 2, np.inf])
@pytest.mark.parametrize("keepdims", [False, True])
def test_matrix_norms(order: Any, keepdims: bool) -> None:
    _close(tf.norm(A, order, axis=[-2, -1], keepdims=keepdims), np.linalg.norm(A, order, axis=(-2, -1), keepdims=keepdims))


def test_norm_refuses_what_is_no_norm() -> None:
    with pytest.raises(ValueError, match="Frobenius"):
        tf.norm(TALL, "fro", axis=0)
    with pytest.raises(ValueError, match="positive"):
        tf.norm(TALL, -1, axis=0)


def test_shapes_of_matrices() -> None:
    _close(tf.linalg.matrix_transpose(A), A.swapaxes(-1, -2))
    _close(tf.linalg.adjoint(A + 1j * A), (A - 1j * A).swapaxes(-1, -2))
    _close(tf.linalg.trace(A), np.trace(A, axis1=-2, axis2=-1))
    _close(tf.linalg.band_part(A, 0, -1), np.triu(A))
    _close(tf.linalg.diag([1.0, 2.0], k=1), np.diag([1.0, 2.0], 1))
    _close(tf.linalg.diag_part(A), np.diagonal(A, axis1=-2, axis2=-1))
    assert int(tf.linalg.matrix_rank(np.float64([[1, 2], [2, 4]]))) == 1


def test_tridiagonal_solve_formats() -> None:
    matrix = np.diag([4.0, 5, 6]) + np.diag([1.0, 2], 1) + np.diag([3.0, 1], -1)
    wanted = np.linalg.solve(matrix, np.ones(3))
    compact = np.float64([[1, 2, 0], [4, 5, 6], [0, 3, 1]])
    _close(tf.linalg.tridiagonal_solve(compact, np.ones(3)), wanted)
    _close(tf.linalg.tridiagonal_solve(list(compact), np.ones(3), "sequence"), wanted)
    _close(tf.linalg.tridiagonal_solve(matrix, np.ones(3), "matrix"), wanted)
