"""Matrix decompositions."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from headrace.core.dtypes import COMPLEX, INDEX, DType, float32, float64, int32
from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.opdef import op
from headrace.ops.linalg.precision import MATRIX_TYPES, adjoint, at_least_single, from_lower, square

Dims = tuple[int, ...]


@op("Cholesky", "input: T -> output: T", T=MATRIX_TYPES)
def cholesky(input: Any) -> Any:
    """The lower triangular factor L of each positive definite matrix L @ L^H; only the lower triangle of it is read."""

    def compute(matrix: Any) -> Any:
        # As in TensorFlow, the gradient is that of a self-adjoint input: it reaches both triangles alike.
        whole = matrix + jax.lax.stop_gradient(from_lower(matrix) - matrix)
        return jax.lax.linalg.cholesky(whole, symmetrize_input=True)

    return at_least_single(compute, square(input))


@op("Qr", "input: T -> q: T, r: T", T=MATRIX_TYPES)
def qr(input: Any, *, full_matrices: bool = False) -> Any:
    """Orthonormal q and upper triangular r with q @ r = input."""
    return at_least_single(lambda m: tuple(jnp.linalg.qr(m, mode="complete" if full_matrices else "reduced")), input)


@op("Svd", "input: T -> s: T, u: T, v: T", T=MATRIX_TYPES)
def svd_op(input: Any, *, compute_uv: bool = True, full_matrices: bool = False) -> Any:
    """Singular values s, descending, with u @ diag(s) @ v^H = input; u and v are empty unless asked for."""

    def compute(matrix: Any) -> Any:
        if not compute_uv:
            values = jnp.linalg.svd(matrix, compute_uv=False)
            return values.astype(matrix.dtype), jnp.zeros(0, matrix.dtype), jnp.zeros(0, matrix.dtype)
        u, values, turned = jnp.linalg.svd(matrix, full_matrices=full_matrices)
        return values.astype(matrix.dtype), u, adjoint(turned)

    return at_least_single(compute, input)


@op("SelfAdjointEigV2", "input: T -> e: T, v: T", T=MATRIX_TYPES)
def self_adjoint_eig(input: Any, *, compute_v: bool = True) -> Any:
    """Eigenvalues, ascending, and eigenvectors (columns) of self-adjoint matrices, of which the lower triangle is read."""

    def compute(matrix: Any) -> Any:
        values, vectors = jnp.linalg.eigh(from_lower(square(matrix)), symmetrize_input=False)
        return values.astype(matrix.dtype), vectors if compute_v else jnp.zeros(0, matrix.dtype)

    return at_least_single(compute, input)


def _eig_shapes(input: Dims, *, compute_v: bool, Tout: DType) -> list[Dims]:
    return [input[:-1], input if compute_v else (0,)]


@op("Eig", "input: T -> e: Tout, v: Tout", T=(float32, float64, *COMPLEX), Tout=COMPLEX, host_only=True, shape=_eig_shapes)
def eig_op(input: Any, *, compute_v: bool = True, Tout: DType) -> Any:
    """Eigenvalues and eigenvectors (columns) of any square matrices."""
    if not compute_v:
        return np.linalg.eigvals(square(input)).astype(Tout.np_dtype), np.zeros(0, Tout.np_dtype)
    values, vectors = np.linalg.eig(square(input))
    return values.astype(Tout.np_dtype), vectors.astype(Tout.np_dtype)


@op("Lu", "input: T -> lu: T, p: output_idx_type", T=MATRIX_TYPES)
def lu_op(input: Any, *, output_idx_type: DType = int32) -> Any:
    """The factors L (below the diagonal, ones on it) and U of the rows of each matrix in the order p."""
    if output_idx_type not in INDEX:
        raise InvalidArgumentError(f"output_idx_type must be int32 or int64; got {output_idx_type.name}")

    def compute(matrix: Any) -> Any:
        factors, _, order = jax.lax.linalg.lu(square(matrix))
        return factors, order.astype(output_idx_type.np_dtype)

    return at_least_single(compute, input)


@lu_op.gradient
def _lu_gradient(record: Any, grad: Any, _: Any) -> Any:
    return None if grad is None else lu_gradient_op(record.outputs[0], record.outputs[1], grad)


@op("_LuGrad", "lu: T, p: I, grad: T -> output: T", T=MATRIX_TYPES, I=INDEX, exportable=False)
def lu_gradient_op(lu: Any, p: Any, grad: Any) -> Any:
    """The gradient of Lu: for the rows in order, L^-H (tril(L^H dL, -1) + triu(dU U^H)) U^-H."""

    def compute(factors: Any, incoming: Any) -> Any:
        one = jnp.eye(factors.shape[-1], dtype=factors.dtype)
        lower, upper = jnp.tril(factors, -1) + one, jnp.triu(factors)
        inner = jnp.tril(adjoint(lower) @ jnp.tril(incoming, -1), -1) + jnp.triu(jnp.triu(incoming) @ adjoint(upper))
        solve = partial(jax.lax.linalg.triangular_solve, transpose_a=True, conjugate_a=True)
        left = solve(lower, inner, left_side=True, lower=True, unit_diagonal=True)
        whole = solve(upper, left, left_side=False, lower=False)
        return jnp.take_along_axis(whole, jnp.argsort(p, axis=-1)[..., None], axis=-2)

    return at_least_single(compute, lu, grad)
