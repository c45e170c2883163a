"""Samples of the linear algebra family."""

from __future__ import annotations

from typing import Any

import numpy as np

from headrace.core.dtypes import complex64, complex128, int64
from tests.ops.harness import Sample


def _matrices(*shape: int, seed: int = 1, dtype: Any = np.float64) -> Any:
    return np.random.RandomState(seed).uniform(-1, 1, shape).astype(dtype)


def _well_conditioned(*shape: int, seed: int = 1, dtype: Any = np.float64) -> Any:
    return (_matrices(*shape, seed=seed) + 3 * np.eye(shape[-1])).astype(dtype)


def _positive(*shape: int, seed: int = 1, dtype: Any = np.float64) -> Any:
    factor = _matrices(*shape, seed=seed)
    return (factor @ factor.swapaxes(-1, -2) + np.eye(shape[-1])).astype(dtype)


def _spread(*shape: int, seed: int = 1) -> Any:
    """Symmetric matrices whose eigenvalues lie well apart."""
    q, _ = np.linalg.qr(_matrices(*shape, seed=seed))
    return q @ (np.arange(1, shape[-1] + 1)[:, None] * q.swapaxes(-1, -2))


A = _well_conditioned(2, 3, 3)
B = _matrices(2, 3, 2, seed=4)
C = (_well_conditioned(3, 3) + 1j * _matrices(3, 3, seed=3)).astype(np.complex128)
SPD = _positive(2, 3, 3)
TALL = _matrices(2, 4, 3, seed=6)
SINGLE = {"rtol": 1e-4, "atol": 1e-4}


def _singular_values(input: Any, **_: Any) -> Any:
    return np.linalg.svd(input, compute_uv=False), np.zeros(0), np.zeros(0)


def _eigenvalues(input: Any, **_: Any) -> Any:
    return np.linalg.eigvalsh(input), np.zeros(0)


def _all_eigenvectors(input: Any, **_: Any) -> Any:
    return tuple(np.linalg.eig(input))


def _exponential(input: Any) -> Any:
    values, vectors = np.linalg.eig(input)
    return np.real(vectors @ (np.exp(values)[..., None] * np.linalg.inv(vectors)))


SAMPLES = [
    Sample("MatrixInverse", (A,), reference=np.linalg.inv),
    Sample("MatrixInverse", (A[0],), {"adjoint": True}),
    Sample("MatrixInverse", (_well_conditioned(3, 3, dtype=np.float32),), **SINGLE),
    Sample("MatrixInverse", (C,)),
    Sample("MatrixDeterminant", (A,), reference=np.linalg.det),
    Sample("MatrixDeterminant", (_matrices(1, 1),)),
    Sample("MatrixDeterminant", (C,), reference=np.linalg.det, oracle=False),  # TensorFlow's gradient lacks a conjugate
    Sample("LogMatrixDeterminant", (A,)),
    Sample("LogMatrixDeterminant", (-A[0],)),
    Sample("MatrixSolve", (A, B), reference=np.linalg.solve),
    Sample("MatrixSolve", (A, B), {"adjoint": True}),
    Sample("MatrixSolve", (C, C.T), {"adjoint": True}),
    Sample("MatrixTriangularSolve", (A, B)),
    Sample("MatrixTriangularSolve", (A, B), {"lower": False, "adjoint": True}),
    Sample("MatrixTriangularSolve", (A[0], B), {"adjoint": True}, unknown=False),
    Sample("MatrixTriangularSolve", (C, C), {"lower": False}),
    Sample("MatrixSolveLs", (TALL, _matrices(2, 4, 2), 0.3), numeric=False, rtol=1e-8, atol=1e-8),
    Sample("MatrixSolveLs", (TALL.swapaxes(1, 2), B, 0.0), numeric=False, rtol=1e-8, atol=1e-8),
    Sample("MatrixSolveLs", (TALL[0], _matrices(4, 1), 0.0), {"fast": False}, gradient=False, rtol=1e-8, atol=1e-8),
    Sample("Cholesky", (SPD,), reference=np.linalg.cholesky, numeric=False),
    Sample("Cholesky", (np.tril(SPD[0]) + np.triu(np.ones((3, 3)), 1),), numeric=False),
    Sample("Cholesky", (_positive(3, 3, dtype=np.float32),), numeric=False, **SINGLE),
    Sample("Qr", (TALL,), reference=lambda input: tuple(np.linalg.qr(input)), oracle=False),
    Sample("Qr", (A,), {"full_matrices": True}, reference=lambda input, full_matrices: tuple(np.linalg.qr(input)), oracle=False),
    Sample("Svd", (TALL,), {"compute_uv": False}, reference=_singular_values, oracle=False),
    Sample("Svd", (A,), {"compute_uv": False, "full_matrices": True}, reference=_singular_values, oracle=False),
    Sample("SelfAdjointEigV2", (_spread(2, 3, 3),), {"compute_v": False}, reference=_eigenvalues, oracle=False),
    Sample("SelfAdjointEigV2", (np.tril(_spread(3, 3)),), {"compute_v": False}, reference=_eigenvalues, oracle=False),
    Sample("SelfAdjointEigV2", (np.diag(np.float64([1, 2, 4])),)),
    Sample("Eig", (np.float64([[2, 0], [0, 3]]),), {"Tout": complex128}),
    Sample("Eig", (np.float32([[0, 1], [-1, 0]]),), {"Tout": complex64}, reference=_all_eigenvectors, oracle=False),
    Sample("Lu", (A,)),
    Sample("Lu", (_matrices(4, 4),), {"output_idx_type": int64}),
    Sample("_LuGrad", (A, np.int32([[0, 1, 2], [2, 0, 1]]), A), oracle=False),
    Sample("MatrixExponential", (_matrices(2, 3, 3),), reference=_exponential, oracle=False, rtol=1e-8),
    Sample("MatrixSquareRoot", (SPD,), rtol=1e-8, atol=1e-10),
    Sample("TridiagonalSolve", (_matrices(2, 3, 4) + np.float64([[0], [4], [0]]), _matrices(2, 4, 2))),
    Sample("TridiagonalMatMul", (*_matrices(3, 2, 1, 4), _matrices(2, 4, 3)), oracle_gradient=False),
    Sample("BandedTriangularSolve", (_matrices(2, 2, 4) + 3, _matrices(2, 4, 2)), oracle_gradient=False),
    Sample(
        "BandedTriangularSolve", (_matrices(3, 4) + 3, _matrices(4, 2)), {"lower": False, "adjoint": True}, oracle_gradient=False
    ),
    Sample("MatrixLogarithm", (SPD.astype(np.complex128),), rtol=1e-8, atol=1e-10),
]
