"""Inverses, determinants, linear systems and functions of matrices."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from headrace.core.dtypes import bfloat16
from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.opdef import get, op
from headrace.ops.linalg.precision import MATRIX_TYPES, adjoint, at_least_single, square


@op("MatrixInverse", "input: T -> output: T", T=MATRIX_TYPES)
def matrix_inverse(input: Any, *, adjoint: bool = False) -> Any:
    """The inverse of each matrix, or of its conjugate transpose."""
    return at_least_single(lambda m: jnp.linalg.inv(_turned(square(m), adjoint)), input)


def _turned(matrix: Any, turn: bool) -> Any:
    return adjoint(matrix) if turn else matrix


@matrix_inverse.gradient
def _matrix_inverse_gradient(record: Any, grad: Any) -> Any:
    (inverse,) = record.outputs
    product, flag = get("BatchMatMulV2"), record.attrs["adjoint"]
    if flag:
        return -product(product(inverse, grad, adj_y=True), inverse)
    return -product(product(inverse, grad, adj_x=True), inverse, adj_y=True)


@op("MatrixDeterminant", "input: T -> output: T", T=MATRIX_TYPES)
def matrix_determinant(input: Any) -> Any:
    """The determinant of each matrix."""
    return at_least_single(lambda m: jnp.linalg.det(square(m)), input)


@matrix_determinant.gradient
def _matrix_determinant_gradient(record: Any, grad: Any) -> Any:
    """The derivative of a determinant is the determinant times the inverse, transposed."""
    source, (determinant,) = record.inputs[0], record.outputs
    return _as_matrix(grad * _conjugate(determinant)) * matrix_inverse(source, adjoint=True)


def _as_matrix(scalars: Any) -> Any:
    return get("ExpandDims")(get("ExpandDims")(scalars, -1), -1)


def _conjugate(tensor: Any) -> Any:
    return get("Conj")(tensor) if tensor.dtype.is_complex else tensor


@op("LogMatrixDeterminant", "input: T -> sign: T, log_abs_determinant: T", T=MATRIX_TYPES)
def log_matrix_determinant(input: Any) -> Any:
    """The sign of each matrix's determinant and the logarithm of its absolute value."""

    def compute(matrix: Any) -> Any:
        sign, logarithm = jnp.linalg.slogdet(square(matrix))
        return sign, logarithm.astype(matrix.dtype)

    return at_least_single(compute, input)


@log_matrix_determinant.gradient
def _log_matrix_determinant_gradient(record: Any, _: Any, grad: Any) -> Any:
    return None if grad is None else _as_matrix(grad) * matrix_inverse(record.inputs[0], adjoint=True)


def _checked_system(matrix: Any, rhs: Any) -> None:
    square(matrix)
    if rhs.ndim < 2 or rhs.shape[-2] != matrix.shape[-1]:
        raise InvalidArgumentError(f"the right-hand side has shape {rhs.shape}; expected [..., {matrix.shape[-1]}, k]")


@op("MatrixSolve", "matrix: T, rhs: T -> output: T", T=MATRIX_TYPES)
def matrix_solve(matrix: Any, rhs: Any, *, adjoint: bool = False) -> Any:
    """x with matrix @ x = rhs (or with the matrix's conjugate transpose)."""
    _checked_system(matrix, rhs)
    return at_least_single(lambda a, b: jnp.linalg.solve(_turned(a, adjoint), b), matrix, rhs)


@matrix_solve.gradient
def _matrix_solve_gradient(record: Any, grad: Any) -> Any:
    matrix, _ = record.inputs
    (solution,) = record.outputs
    product, flag = get("BatchMatMulV2"), record.attrs["adjoint"]
    of_rhs = matrix_solve(matrix, grad, adjoint=not flag)
    of_matrix = product(solution, of_rhs, adj_y=True) if flag else product(of_rhs, solution, adj_y=True)
    return -of_matrix, of_rhs


@op("MatrixTriangularSolve", "matrix: T, rhs: T -> output: T", T=(bfloat16, *MATRIX_TYPES))
def matrix_triangular_solve(matrix: Any, rhs: Any, *, lower: bool = True, adjoint: bool = False) -> Any:
    """x with matrix @ x = rhs for triangular matrices, of which the other triangle is not read; batches broadcast."""
    _checked_system(matrix, rhs)

    def compute(a: Any, b: Any) -> Any:
        batch = jnp.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        a, b = (jnp.broadcast_to(v, (*batch, *v.shape[-2:])) for v in (a, b))
        return jax.lax.linalg.triangular_solve(a, b, left_side=True, lower=lower, transpose_a=adjoint, conjugate_a=adjoint)

    return at_least_single(compute, matrix, rhs)


@matrix_triangular_solve.gradient
def _matrix_triangular_solve_gradient(record: Any, grad: Any) -> Any:
    matrix, rhs = record.inputs
    (solution,) = record.outputs
    product, flag, lower = get("BatchMatMulV2"), record.attrs["adjoint"], record.attrs["lower"]
    of_rhs = matrix_triangular_solve(matrix, grad, lower=lower, adjoint=not flag)
    of_matrix = product(solution, of_rhs, adj_y=True) if flag else product(of_rhs, solution, adj_y=True)
    kept = get("MatrixBandPart")(-of_matrix, -1 if lower else 0, 0 if lower else -1)
    return _to_batch(kept, matrix), _to_batch(of_rhs, rhs)


def _to_batch(gradient: Any, target: Any) -> Any:
    """The gradient summed over the batch dimensions along which the target was repeated."""
    if gradient.shape.is_fully_defined() and gradient.shape == target.shape:
        return gradient
    shape, reshape = get("Shape"), get("Reshape")
    axes, _ = get("BroadcastGradientArgs").all(shape(target)[:-2], shape(gradient)[:-2])
    return reshape(get("Sum")(gradient, axes, keep_dims=False), shape(target))


@op("MatrixSolveLs", "matrix: T, rhs: T, l2_regularizer: float64 -> output: T", T=MATRIX_TYPES)
def matrix_solve_ls(matrix: Any, rhs: Any, l2_regularizer: Any, *, fast: bool = True) -> Any:
    """The least-squares solution of matrix @ x = rhs; the smallest one where there are several.

    With `fast` through the normal equations, with `l2_regularizer` on their diagonal; else through the pseudo-inverse.
    """

    def compute(a: Any, b: Any) -> Any:
        if not fast:
            return jnp.linalg.pinv(a) @ b
        turned = adjoint(a)
        weight = jax.lax.stop_gradient(jnp.asarray(l2_regularizer)).astype(jnp.real(a).dtype)
        ridge = weight * jnp.eye(min(a.shape[-2:]), dtype=a.dtype)
        if a.shape[-2] >= a.shape[-1]:
            return jnp.linalg.solve(turned @ a + ridge, turned @ b)
        return turned @ jnp.linalg.solve(a @ turned + ridge, b)

    return at_least_single(compute, matrix, rhs)


@op("MatrixExponential", "input: T -> output: T", T=MATRIX_TYPES)
def matrix_exponential(input: Any) -> Any:
    """The exponential of each matrix."""
    return at_least_single(lambda m: jax.scipy.linalg.expm(square(m)), input)


@op("MatrixSquareRoot", "input: T -> output: T", T=MATRIX_TYPES)
def matrix_square_root(input: Any) -> Any:
    """The principal square root of each matrix, by the scaled Denman-Beavers iteration (Higham, Functions of Matrices, 6.3)."""

    def compute(matrix: Any) -> Any:
        size = square(matrix).shape[-1]
        one = jnp.broadcast_to(jnp.eye(size, dtype=matrix.dtype), matrix.shape)
        root, inverse = matrix, one
        for _ in range(SQUARE_ROOT_STEPS):
            root, inverse = 0.5 * (root + jnp.linalg.inv(inverse)), 0.5 * (inverse + jnp.linalg.inv(root))
        return root

    return at_least_single(compute, input)


SQUARE_ROOT_STEPS = 16
"""The iteration converges quadratically once it is near; this many steps also cover badly scaled matrices."""


@op("TridiagonalSolve", "diagonals: T, rhs: T -> output: T", T=MATRIX_TYPES[1:])
def tridiagonal_solve_op(diagonals: Any, rhs: Any, *, partial_pivoting: bool = True, perturb_singular: bool = False) -> Any:
    """x with A @ x = rhs, where A is given by its upper, main and lower diagonal, the outer ones padded by one element."""
    diagonals, rhs = jnp.asarray(diagonals), jnp.asarray(rhs)
    upper, main, lower = (diagonals[..., i, :] for i in range(3))
    lower = lower.at[..., 0].set(0)
    upper = upper.at[..., -1].set(0)
    return jax.lax.linalg.tridiagonal_solve(lower, main, upper, rhs)
