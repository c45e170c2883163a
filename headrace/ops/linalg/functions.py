"""The public functions of tf.linalg that are not ops themselves."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np

from headrace.core import dtypes
from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import get
from headrace.dispatch.tensor import Tensor
from headrace.ops.array import diagonal, shaping
from headrace.ops.array.portable import resolve_axis
from headrace.ops.linalg import decompositions, solving
from headrace.ops.math import elementwise


class Slogdet(NamedTuple):
    """A determinant as its sign and the logarithm of its absolute value."""

    sign: Tensor
    log_abs_determinant: Tensor


class Qr(NamedTuple):
    """An orthonormal q and an upper triangular r."""

    q: Tensor
    r: Tensor


def inv(input: Any, adjoint: bool = False, name: str | None = None) -> Tensor:
    """The inverse of each matrix, or of its conjugate transpose."""
    return solving.matrix_inverse(input, adjoint=adjoint, name=name)


def det(input: Any, name: str | None = None) -> Tensor:
    """The determinant of each matrix."""
    return solving.matrix_determinant(input, name=name)


def slogdet(input: Any, name: str | None = None) -> Slogdet:
    """The sign and the logarithm of the absolute value of each matrix's determinant."""
    return Slogdet(*solving.log_matrix_determinant.all(input, name=name))


def logdet(matrix: Any, name: str | None = None) -> Tensor:
    """The logarithm of the determinant of positive definite matrices."""
    factor = decompositions.cholesky(matrix)
    logarithms = get("Log")(get("Real")(diagonal.diag_part(factor)) if factor.dtype.is_complex else diagonal.diag_part(factor))
    total = get("Sum")(logarithms, [-1], keep_dims=False)
    return get("AddV2")(total, total, name=name)


def solve(matrix: Any, rhs: Any, adjoint: bool = False, name: str | None = None) -> Tensor:
    """x with matrix @ x = rhs, where both are [..., n, n] and [..., n, k]."""
    return solving.matrix_solve(matrix, rhs, adjoint=adjoint, name=name)


def triangular_solve(matrix: Any, rhs: Any, lower: bool = True, adjoint: bool = False, name: str | None = None) -> Tensor:
    """x with matrix @ x = rhs for triangular matrices, of which the other triangle is not read."""
    return solving.matrix_triangular_solve(matrix, rhs, lower=lower, adjoint=adjoint, name=name)


def cholesky_solve(chol: Any, rhs: Any, name: str | None = None) -> Tensor:
    """x with L @ L^H @ x = rhs, from the Cholesky factor L."""
    half = solving.matrix_triangular_solve(chol, rhs, adjoint=False)
    return solving.matrix_triangular_solve(chol, half, adjoint=True, name=name)


def lstsq(matrix: Any, rhs: Any, l2_regularizer: Any = 0.0, fast: bool = True, name: str | None = None) -> Tensor:
    """The least-squares solution of matrix @ x = rhs, with a penalty on the square of x.

    Args:
        matrix: [..., m, n].
        rhs: [..., m, k].
        l2_regularizer: the weight of the penalty; used where `fast` is True.
        fast: goes through the normal equations, which squares the condition number.
        name: a name for the node in a graph.
    """
    penalty = convert_to_tensor(l2_regularizer, dtypes.float64 if not isinstance(l2_regularizer, Tensor) else None)
    return solving.matrix_solve_ls(matrix, rhs, penalty, fast=fast, name=name)


def qr(input: Any, full_matrices: bool = False, name: str | None = None) -> Qr:
    """Orthonormal q and upper triangular r with q @ r = input."""
    return Qr(*decompositions.qr.all(input, full_matrices=full_matrices, name=name))


def svd(tensor: Any, full_matrices: bool = False, compute_uv: bool = True, name: str | None = None) -> Any:
    """Singular values s, descending, and with `compute_uv` the factors u and v of u @ diag(s) @ v^H.

    Singular values are real even for complex matrices.
    """
    s, u, v = decompositions.svd_op.all(tensor, compute_uv=compute_uv, full_matrices=full_matrices, name=name)
    s = get("Real")(s) if s.dtype.is_complex else s
    return (s, u, v) if compute_uv else s


def eigh(tensor: Any, name: str | None = None) -> tuple[Tensor, Tensor]:
    """Eigenvalues, ascending, and eigenvectors (columns) of self-adjoint matrices, of which the lower triangle is read."""
    values, vectors = decompositions.self_adjoint_eig.all(tensor, name=name)
    return values, vectors


def eigvalsh(tensor: Any, name: str | None = None) -> Tensor:
    """Eigenvalues, ascending, of self-adjoint matrices."""
    return decompositions.self_adjoint_eig.all(tensor, compute_v=False, name=name)[0]


def _complex_of(tensor: Tensor) -> Any:
    return dtypes.complex128 if tensor.dtype in (dtypes.float64, dtypes.complex128) else dtypes.complex64


def eig(tensor: Any, name: str | None = None) -> tuple[Tensor, Tensor]:
    """Eigenvalues and eigenvectors (columns), complex, of any square matrices."""
    tensor = convert_to_tensor(tensor)
    values, vectors = decompositions.eig_op.all(tensor, Tout=_complex_of(tensor), name=name)
    return values, vectors


def eigvals(tensor: Any, name: str | None = None) -> Tensor:
    """Eigenvalues, complex, of any square matrices."""
    tensor = convert_to_tensor(tensor)
    return decompositions.eig_op.all(tensor, compute_v=False, Tout=_complex_of(tensor), name=name)[0]


def lu(input: Any, output_idx_type: Any = dtypes.int32, name: str | None = None) -> tuple[Tensor, Tensor]:
    """The factors L (below the diagonal) and U of the rows of each matrix in the order p."""
    factors, order = decompositions.lu_op.all(input, output_idx_type=output_idx_type, name=name)
    return factors, order


def expm(input: Any, name: str | None = None) -> Tensor:
    """The exponential of each matrix."""
    return solving.matrix_exponential(input, name=name)


def sqrtm(input: Any, name: str | None = None) -> Tensor:
    """The principal square root of each matrix."""
    return solving.matrix_square_root(input, name=name)


def pinv(a: Any, rcond: Any = None, validate_args: bool = False, name: str | None = None) -> Tensor:
    """The Moore-Penrose inverse of each matrix.

    Args:
        a: [..., m, n].
        rcond: singular values below this fraction of the largest count as zero; 10 * max(m, n) * eps by default.
        validate_args: accepted for TensorFlow's signature; the shape is always checked.
        name: a name for the node in a graph.
    """
    a = convert_to_tensor(a)
    rows, columns = a.shape[-2], a.shape[-1]
    if rcond is None:
        rcond = 10.0 * max(rows or 1, columns or 1) * float(np.finfo(a.dtype.real_dtype.np_dtype).eps)
    s, u, v = svd(a)
    limit = get("Max")(s, [-1], keep_dims=True) * convert_to_tensor(rcond, s.dtype)
    inverse = get("SelectV2")(get("Greater")(s, limit), get("Reciprocal")(s), get("ZerosLike")(s))
    inverse = get("Cast")(inverse, DstT=a.dtype) if a.dtype.is_complex else inverse
    return get("BatchMatMulV2")(v * get("ExpandDims")(inverse, -2), u, adj_y=True, name=name)


def matrix_transpose(a: Any, name: str | None = None, conjugate: bool = False) -> Tensor:
    """Each matrix with rows and columns exchanged."""
    a = convert_to_tensor(a)
    rank = len(a.shape)
    if rank < 2:
        raise InvalidArgumentError(f"matrix_transpose needs at least two dimensions; got shape {a.shape}")
    return shaping.transpose(a, [*range(rank - 2), rank - 1, rank - 2], conjugate=conjugate, name=name)


def adjoint(matrix: Any, name: str | None = None) -> Tensor:
    """The conjugate transpose of each matrix."""
    return matrix_transpose(matrix, name=name, conjugate=True)


def trace(x: Any, name: str | None = None) -> Tensor:
    """The sum of the main diagonal of each matrix."""
    return get("Sum")(diagonal.diag_part(x), [-1], keep_dims=False, name=name)


def matrix_rank(a: Any, tol: Any = None, validate_args: bool = False, name: str | None = None) -> Tensor:
    """The rank of each matrix: the number of singular values above `tol` (max(m, n) * eps times the largest by default)."""
    a = convert_to_tensor(a)
    s = svd(a, compute_uv=False)
    if tol is None:
        eps = float(np.finfo(a.dtype.real_dtype.np_dtype).eps)
        tol = get("Max")(s, [-1], keep_dims=True) * convert_to_tensor(eps * max(a.shape[-2] or 1, a.shape[-1] or 1), s.dtype)
    return get("Sum")(get("Cast")(get("Greater")(s, tol), DstT=dtypes.int32), [-1], keep_dims=False, name=name)


def cross(a: Any, b: Any, name: str | None = None) -> Tensor:
    """The cross product along the last dimension, of size 3."""
    return get("Cross")(a, b, name=name)


def norm(tensor: Any, ord: Any = "euclidean", axis: Any = None, keepdims: bool | None = None, name: str | None = None) -> Tensor:
    """The norm of vectors, or of matrices.

    Args:
        tensor: a floating or complex tensor.
        ord: "euclidean" (also for matrices: of all elements), "fro" for matrices, 1, 2, infinity or any positive number.
        axis: an int for vectors, a pair for matrices; None takes the norm of all elements.
        keepdims: keeps the reduced dimensions with size 1.
        name: a name for the node in a graph.

    Raises:
        ValueError: `ord` or `axis` fits neither vectors nor matrices.
    """
    keep = bool(keepdims)
    tensor = convert_to_tensor(tensor)
    is_matrix = isinstance(axis, list | tuple) and len(axis) == 2
    if axis is not None and not is_matrix and isinstance(axis, list | tuple) and len(axis) != 1:
        raise ValueError(f"axis must be None, an int, or a pair of ints; got {axis!r}")
    axes = axes_of(tensor, axis)
    if ord in ("euclidean", "fro") or ord == 2 and not is_matrix:
        if ord == "fro" and not is_matrix:
            raise ValueError("the Frobenius norm is one of matrices; pass a pair of axes, or use ord='euclidean'")
        return get("Sqrt")(_sum(_squares(tensor), axes, keep), name=name)
    size = get("ComplexAbs" if tensor.dtype.is_complex else "Abs")(tensor)
    return _matrix_norm(tensor, size, ord, axes, keep) if is_matrix else _vector_norm(size, ord, axes, keep)


def axes_of(tensor: Tensor, axis: Any) -> Any:
    """The axes as a list; all of them for None."""
    if axis is None:
        return list(range(len(tensor.shape))) if tensor.shape.rank is not None else get("Range")(0, get("Rank")(tensor), 1)
    return list(axis) if isinstance(axis, list | tuple) else [axis]


def _squares(tensor: Tensor) -> Tensor:
    return get("Real")(get("Mul")(tensor, get("Conj")(tensor))) if tensor.dtype.is_complex else get("Square")(tensor)


def _sum(tensor: Tensor, axes: Any, keep: bool) -> Tensor:
    return get("Sum")(tensor, axes, keep_dims=keep)


def _vector_norm(size: Tensor, ord: Any, axes: Any, keep: bool) -> Tensor:
    if ord == 1:
        return _sum(size, axes, keep)
    if ord == np.inf:
        return get("Max")(size, axes, keep_dims=keep)
    if isinstance(ord, str) or ord <= 0:
        raise ValueError(f"ord must be 'euclidean', 'fro', infinity or a positive number; got {ord!r}")
    power = convert_to_tensor(float(ord), size.dtype)
    total = _sum(get("Pow")(size, power), axes, keep)
    return get("Pow")(total, convert_to_tensor(1.0 / ord, size.dtype))


def _matrix_norm(tensor: Tensor, size: Tensor, ord: Any, axes: list[int], keep: bool) -> Tensor:
    rank = len(tensor.shape)
    rows, columns = (resolve_axis(a, rank) for a in axes)
    if ord == 2:
        order = [*[i for i in range(rank) if i not in (rows, columns)], rows, columns]
        largest = get("Max")(svd(shaping.transpose(tensor, order), compute_uv=False), [-1], keep_dims=False)
        if not keep:
            return largest
        for axis in sorted((rows, columns)):
            largest = get("ExpandDims")(largest, axis)
        return largest
    if ord not in (1, np.inf):
        raise ValueError(f"a matrix norm is 'euclidean', 'fro', 1, 2 or infinity; got {ord!r}")
    inner, outer = (rows, columns) if ord == 1 else (columns, rows)
    result = get("Max")(_sum(size, [inner], True), [outer], keep_dims=True)
    return result if keep else get("Squeeze")(result, squeeze_dims=axes)


def global_norm(t_list: Any, name: str | None = None) -> Tensor:
    """The Euclidean norm of all elements of several tensors together; entries that are None count as nothing."""
    squares = [_sum(_squares(convert_to_tensor(t)), axes_of(convert_to_tensor(t), None), False) for t in t_list if t is not None]
    return get("Sqrt")(get("AddN")(squares), name=name)


def tridiagonal_solve(
    diagonals: Any,
    rhs: Any,
    diagonals_format: str = "compact",
    transpose_rhs: bool = False,
    conjugate_rhs: bool = False,
    name: str | None = None,
    partial_pivoting: bool = True,
    perturb_singular: bool = False,
) -> Tensor:
    """x with A @ x = rhs for tridiagonal A.

    Args:
        diagonals: [..., 3, n], the upper (last element unused), main and lower (first element unused) diagonal; or with
            `diagonals_format="sequence"` a list of these three; or with "matrix" A itself.
        rhs: [..., n] or [..., n, k].
        diagonals_format: compact, sequence or matrix.
        transpose_rhs, conjugate_rhs: takes the transpose (not of a vector), or the conjugate of rhs, or both.
        partial_pivoting, perturb_singular: how TensorFlow's kernel keeps small pivots away; without effect here.
        name: a name for the node in a graph.

    Raises:
        ValueError: the format is none of these.
    """
    rhs = convert_to_tensor(rhs)
    if diagonals_format == "matrix":
        packed = diagonal.diag_part(diagonals, k=(-1, 1), align="LEFT_RIGHT")
    elif diagonals_format == "sequence":
        packed = get("Pack")(list(diagonals), axis=-2)
    elif diagonals_format == "compact":
        packed = convert_to_tensor(diagonals)
    else:
        raise ValueError(f"diagonals_format must be compact, sequence or matrix; got {diagonals_format!r}")
    rhs = elementwise.conj(rhs) if conjugate_rhs else rhs
    solve = partial(solving.tridiagonal_solve_op, partial_pivoting=partial_pivoting, perturb_singular=perturb_singular)
    if len(rhs.shape) == len(packed.shape):
        return solve(packed, matrix_transpose(rhs) if transpose_rhs else rhs, name=name)
    return get("Squeeze")(solve(packed, get("ExpandDims")(rhs, -1)), squeeze_dims=[-1], name=name)
