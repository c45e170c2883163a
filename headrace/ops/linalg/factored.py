"""Functions of a matrix through its factors, of banded and of symmetric tridiagonal matrices."""

from __future__ import annotations

import importlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from headrace.core.dtypes import COMPLEX, float32, float64
from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import get, op
from headrace.dispatch.tensor import Tensor
from headrace.ops.array import diagonal
from headrace.ops.linalg import decompositions, solving
from headrace.ops.linalg.functions import norm
from headrace.ops.linalg.precision import MATRIX_TYPES


def _inverse(perm: Tensor) -> Tensor:
    """The inverse of each permutation: the order that sorts it."""
    _, indices = get("TopKV2").all(-perm, get("Shape")(perm)[-1])
    return indices


def _rows(matrix: Tensor, order: Tensor) -> Tensor:
    """The rows of each matrix in an order of its own."""
    if order.shape.rank is None or matrix.shape.rank is None:
        raise InvalidArgumentError("LU factors need a known rank")
    return get("GatherV2")(matrix, order, order.shape.rank - 1, batch_dims=order.shape.rank - 1)


def lu_reconstruct(lower_upper: Any, perm: Any, validate_args: bool = False, name: str | None = None) -> Tensor:
    """The matrices [..., n, n] of which `lower_upper` and `perm` are what `tf.linalg.lu` returns."""
    factors, order = convert_to_tensor(lower_upper), convert_to_tensor(perm)
    band, product = get("MatrixBandPart"), get("BatchMatMulV2")
    upper = band(factors, 0, -1)
    lower = band(factors - upper, -1, 0)
    lower = get("MatrixSetDiag")(lower, get("OnesLike")(get("MatrixDiagPart")(lower)))
    return _rows(product(lower, upper, name=name), _inverse(order))


def lu_solve(lower_upper: Any, perm: Any, rhs: Any, validate_args: bool = False, name: str | None = None) -> Tensor:
    """x with A @ x = rhs, for A given by its LU factors.

    Args:
        lower_upper: [..., n, n], from `tf.linalg.lu`.
        perm: [..., n], from `tf.linalg.lu`.
        rhs: [..., n, k].
        validate_args: accepted for TensorFlow's signature.
        name: a name for the node in a graph.
    """
    factors, order, right = convert_to_tensor(lower_upper), convert_to_tensor(perm), convert_to_tensor(rhs)
    if right.shape.rank is not None and right.shape.rank < 2:
        raise ValueError(f"rhs must have rank 2 or more; got shape {right.shape}")
    ones = get("OnesLike")(get("MatrixDiagPart")(factors))
    lower = get("MatrixSetDiag")(factors, ones)
    if order.shape.rank == 1:
        rows = get("GatherV2")(right, order, -2)
    else:
        batch = get("BroadcastTo")(right, get("ConcatV2")([get("Shape")(order), get("Shape")(right)[-1:]], 0))
        rows = _rows(batch, order)
    inner = solving.matrix_triangular_solve(lower, rows, lower=True)
    return solving.matrix_triangular_solve(factors, inner, lower=False, name=name)


def lu_matrix_inverse(lower_upper: Any, perm: Any, validate_args: bool = False, name: str | None = None) -> Tensor:
    """The inverses [..., n, n] of matrices given by their LU factors."""
    factors = convert_to_tensor(lower_upper)
    ones = get("OnesLike")(get("MatrixDiagPart")(factors))
    return lu_solve(factors, perm, get("MatrixDiag")(ones), validate_args, name)


def normalize(tensor: Any, ord: Any = "euclidean", axis: Any = None, name: str | None = None) -> tuple[Tensor, Tensor]:
    """The tensor divided by its norm along `axis`, and that norm; see `tf.norm`."""
    x = convert_to_tensor(tensor)
    size = norm(x, ord, axis, keepdims=True)
    size = get("Cast")(size, DstT=x.dtype) if size.dtype != x.dtype else size
    return get("RealDiv")(x, size, name=name), size


@op("MatrixLogarithm", "input: T -> output: T", T=COMPLEX, host_only=True, differentiable=False, shape=lambda input: input)
def matrix_logarithm(input: Any) -> Any:
    """The principal logarithm of each complex matrix."""
    if input.ndim < 2 or input.shape[-1] != input.shape[-2]:
        raise InvalidArgumentError(f"expected square matrices; got shape {list(input.shape)}")
    logm = importlib.import_module("scipy.linalg").logm  # when it is needed: SciPy takes longer to import than all of Headrace
    out = np.empty_like(input)
    for index in np.ndindex(input.shape[:-2]):
        out[index] = logm(input[index].astype(np.complex128))
    return out


@op("TridiagonalMatMul", "superdiag: T, maindiag: T, subdiag: T, rhs: T -> output: T", T=(float32, float64, *COMPLEX))
def tridiagonal_matmul_op(superdiag: Any, maindiag: Any, subdiag: Any, rhs: Any) -> Any:
    """Tridiagonal matrices, given by diagonals [..., 1, n] (the outer ones padded), times rhs [..., n, k]."""
    upper, main, lower = (jnp.swapaxes(d, -1, -2) for d in (superdiag, maindiag, subdiag))
    nothing = jnp.zeros_like(rhs[..., :1, :])
    after = jnp.concatenate([rhs[..., 1:, :], nothing], -2)
    before = jnp.concatenate([nothing, rhs[..., :-1, :]], -2)
    return upper * after + main * rhs + lower * before


def tridiagonal_matmul(diagonals: Any, rhs: Any, diagonals_format: str = "compact", name: str | None = None) -> Tensor:
    """A @ rhs for tridiagonal A; see `tridiagonal_solve` for the formats of `diagonals`.

    Args:
        diagonals: A in one of the formats.
        rhs: [..., n, k].
        diagonals_format: compact, sequence or matrix.
        name: a name for the node in a graph.

    Raises:
        ValueError: the format is none of these.
    """
    if diagonals_format == "sequence":
        parts = [convert_to_tensor(d) for d in diagonals]
    elif diagonals_format in ("compact", "matrix"):
        packed = convert_to_tensor(diagonals)
        if diagonals_format == "matrix":
            packed = diagonal.diag_part(packed, k=(-1, 1), align="LEFT_RIGHT")
        parts = list(get("Unpack").all(packed, num=3, axis=-2))
    else:
        raise ValueError(f"diagonals_format must be compact, sequence or matrix; got {diagonals_format!r}")
    rows = [get("ExpandDims")(part, -2) for part in parts]
    return tridiagonal_matmul_op(*rows, convert_to_tensor(rhs), name=name)


@op("BandedTriangularSolve", "matrix: T, rhs: T -> output: T", T=MATRIX_TYPES)
def banded_triangular_solve_op(matrix: Any, rhs: Any, *, lower: bool = True, adjoint: bool = False) -> Any:
    """x with A @ x = rhs for triangular A of few diagonals.

    `matrix` [..., diagonals, n] holds them from the uppermost to the lowest, each in its row of A.
    """
    bands, size = matrix.shape[-2:]
    rows, columns = jnp.arange(size)[:, None], jnp.arange(size)[None, :]
    band = rows - columns + (0 if lower else bands - 1)
    inside = (band >= 0) & (band < bands)
    whole = jnp.where(inside, matrix[..., jnp.clip(band, 0, bands - 1), rows], 0)
    batch = jnp.broadcast_shapes(whole.shape[:-2], rhs.shape[:-2])
    whole = jnp.broadcast_to(whole, (*batch, size, size))
    rhs = jnp.broadcast_to(rhs, (*batch, *rhs.shape[-2:]))
    return jax.lax.linalg.triangular_solve(whole, rhs, left_side=True, lower=lower, transpose_a=adjoint, conjugate_a=adjoint)


def banded_triangular_solve(bands: Any, rhs: Any, lower: bool = True, adjoint: bool = False, name: str | None = None) -> Tensor:
    """x with A @ x = rhs for triangular A of few diagonals.

    Args:
        bands: [..., diagonals, n]: the diagonals of A, the main one first (lower) or last (upper).
        rhs: [..., n, k].
        lower: A is lower triangular.
        adjoint: solve with the conjugate transpose of A.
        name: a name for the node in a graph.
    """
    return banded_triangular_solve_op(bands, rhs, lower=lower, adjoint=adjoint, name=name)


def eigh_tridiagonal(
    alpha: Any,
    beta: Any,
    eigvals_only: bool = True,
    select: str = "a",
    select_range: Any = None,
    tol: Any = None,
    name: str | None = None,
) -> Any:
    """Eigenvalues, ascending, and eigenvectors of Hermitian tridiagonal matrices, through the dense decomposition.

    Args:
        alpha: [n], the main diagonal; real.
        beta: [n - 1], the diagonal above it.
        eigvals_only: leave out the eigenvectors.
        select: "a" for all, "v" for those in the half-open interval `select_range`, "i" for those numbered so, both included.
        select_range: two numbers.
        tol: accepted for TensorFlow's signature; results are as precise as the dtype.
        name: a name for the node in a graph.

    Raises:
        ValueError: `select` is none of these, or `select_range` is missing or empty.
    """
    main, off = convert_to_tensor(alpha), convert_to_tensor(beta)
    if select not in ("a", "v", "i"):
        raise ValueError(f"select must be a, v or i; got {select!r}")
    if select != "a" and (select_range is None or select_range[0] > select_range[1]):
        raise ValueError(f"select {select!r} needs an ascending select_range; got {select_range!r}")
    matrix = get("MatrixDiagV3")
    below = matrix(get("Conj")(off) if off.dtype.is_complex else off, -1, -1, -1, 0)
    values, vectors = decompositions.self_adjoint_eig.all(matrix(main, 0, -1, -1, 0) + below + matrix(off, 1, -1, -1, 0))
    values = get("Real")(values, Tout=values.dtype.real_dtype) if values.dtype.is_complex else values
    if select == "i":
        first, last = (int(n) for n in select_range)
        values, vectors = values[first : last + 1], vectors[:, first : last + 1]
    elif select == "v":
        inside = get("LogicalAnd")(values > select_range[0], values <= select_range[1])
        kept = get("Squeeze")(get("Where")(inside), squeeze_dims=[1])
        values, vectors = get("GatherV2")(values, kept, 0), get("GatherV2")(vectors, kept, 1)
    return values if eigvals_only else (values, vectors)
