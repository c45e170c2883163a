"""Sparse matrices as variants: from coordinates and back, and their product."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from headrace.core.dtypes import COMPLEX, DType, float32, float64
from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.lists import OptionalValue
from headrace.dispatch.opdef import get, op

_TYPES = (float32, float64, *COMPLEX)


def _parts(matrix: Any) -> tuple[Any, Any, tuple[int, ...]]:
    """Indices, values and shape of a sparse matrix, [rows, columns] or a batch of them."""
    if not isinstance(matrix, OptionalValue) or len(matrix.items) != 3:
        raise InvalidArgumentError("the variant holds no sparse matrix; make one with SparseTensorToCSRSparseMatrix")
    indices, values, shape = matrix.items
    return np.asarray(indices), np.asarray(values), tuple(int(size) for size in shape)


class _Page(NamedTuple):
    """One matrix by coordinates."""

    rows: Any
    columns: Any
    values: Any
    shape: tuple[int, int]


def _pages(matrix: Any, transpose: bool, adjoint: bool) -> list[_Page]:
    """The matrices of a batch, or the one."""
    indices, values, shape = _parts(matrix)
    if len(shape) not in (2, 3):
        raise InvalidArgumentError(f"a sparse matrix has 2 dimensions, or 3 in a batch; got {len(shape)}")
    pages = []
    for page in range(shape[0] if len(shape) == 3 else 1):
        kept = indices[:, 0] == page if len(shape) == 3 else np.ones(len(indices), bool)
        rows, columns = indices[kept][:, -2:].T
        if transpose or adjoint:
            held = np.conj(values[kept]) if adjoint else values[kept]
            pages.append(_Page(columns, rows, held, (shape[-1], shape[-2])))
        else:
            pages.append(_Page(rows, columns, values[kept], (shape[-2], shape[-1])))
    return pages


def _product(a: _Page, b: _Page) -> tuple[Any, Any, Any]:
    """Rows, columns and values of a product, in order: each element of a meets the row of b that its column names."""
    order = np.argsort(b.rows, kind="stable")
    starts = np.searchsorted(b.rows[order], np.arange(b.shape[0] + 1))
    counts = (starts[1:] - starts[:-1])[a.columns]
    left = np.repeat(np.arange(len(a.rows)), counts)
    within = np.arange(len(left)) - np.repeat(np.cumsum(counts) - counts, counts)
    right = order[starts[a.columns[left]] + within]
    places, where = np.unique(a.rows[left] * b.shape[1] + b.columns[right], return_inverse=True)
    totals = np.zeros(len(places), np.result_type(a.values, b.values))
    np.add.at(totals, where, a.values[left] * b.values[right])
    return places // max(b.shape[1], 1), places % max(b.shape[1], 1), totals


@op("SparseTensorToCSRSparseMatrix", "indices: int64, values: T, dense_shape: int64 -> sparse_matrix: variant", T=_TYPES,
    host_only=True, shape=lambda *_, **__: ())  # fmt: skip
def sparse_tensor_to_csr_sparse_matrix(indices: Any, values: Any, dense_shape: Any) -> Any:
    """A sparse matrix, or a batch of them, of the coordinates of a sparse tensor."""
    if len(dense_shape) not in (2, 3):
        raise InvalidArgumentError(f"a sparse matrix has 2 dimensions, or 3 in a batch; got the shape {dense_shape.tolist()}")
    return OptionalValue((indices, values, dense_shape))


@op("CSRSparseMatrixToSparseTensor", "sparse_matrix: variant -> indices: int64, values: type, dense_shape: int64", type=_TYPES,
    host_only=True, shape=lambda *_, **__: [(None, None), (None,), (None,)])  # fmt: skip
def csr_sparse_matrix_to_sparse_tensor(sparse_matrix: Any, *, type: DType) -> Any:
    """The coordinates of a sparse matrix."""
    indices, values, shape = _parts(sparse_matrix)
    if values.dtype != type.np_dtype:
        raise InvalidArgumentError(f"the sparse matrix holds {values.dtype}; {type.name} is asked for")
    return indices, values, np.array(shape, np.int64)


@op("CSRSparseMatrixToDense", "sparse_input: variant -> dense_output: type", type=_TYPES, host_only=True,
    shape=lambda *_, **__: None)  # fmt: skip
def csr_sparse_matrix_to_dense(sparse_input: Any, *, type: DType) -> Any:
    """The matrix with its zeros."""
    indices, values, shape = _parts(sparse_input)
    dense = np.zeros(shape, type.np_dtype)
    dense[tuple(indices.T)] = values
    return dense


@op("SparseMatrixSparseMatMul", "a: variant, b: variant -> c: variant", host_only=True, shape=lambda *_, **__: ())
def sparse_matrix_sparse_mat_mul(
    a: Any,
    b: Any,
    *,
    type: DType,
    transpose_a: bool = False,
    transpose_b: bool = False,
    adjoint_a: bool = False,
    adjoint_b: bool = False,
) -> Any:
    """The product of two sparse matrices, or of two batches of as many."""
    left, right = _pages(a, transpose_a, adjoint_a), _pages(b, transpose_b, adjoint_b)
    if len(left) != len(right):
        raise InvalidArgumentError(f"the batches differ: {len(left)} matrices and {len(right)}")
    if left and left[0].shape[1] != right[0].shape[0]:
        raise InvalidArgumentError(f"matrices of shapes {left[0].shape} and {right[0].shape} have no product")
    in_batch = len(_parts(a)[2]) == 3
    indices, values = [], []
    for page, (first, second) in enumerate(zip(left, right, strict=True)):
        rows, columns, totals = _product(first, second)
        where = [np.full(len(rows), page), rows, columns] if in_batch else [rows, columns]
        indices.append(np.stack(where, 1).astype(np.int64))
        values.append(totals.astype(type.np_dtype))
    shape = (left[0].shape[0], right[0].shape[1]) if left else _parts(a)[2][-2:]
    whole = np.array([len(left), *shape] if in_batch else shape, np.int64)
    if not indices:
        return OptionalValue((np.zeros((0, 3), np.int64), np.zeros(0, type.np_dtype), whole))
    return OptionalValue((np.concatenate(indices), np.concatenate(values), whole))


@sparse_tensor_to_csr_sparse_matrix.gradient
def _from_coordinates_gradient(record: Any, grad: Any) -> Any:
    indices, values, _ = record.inputs
    dense = csr_sparse_matrix_to_dense(grad, type=values.dtype)
    return None, get("GatherNd")(dense, indices), None


@csr_sparse_matrix_to_sparse_tensor.gradient
def _to_coordinates_gradient(record: Any, _: Any, grad: Any, __: Any) -> Any:
    return None if grad is None else sparse_tensor_to_csr_sparse_matrix(record.outputs[0], grad, record.outputs[2])


@sparse_matrix_sparse_mat_mul.gradient
def _product_gradient(record: Any, grad: Any) -> Any:
    a, b = record.inputs
    attrs = record.attrs
    kind = attrs["type"]
    if any(attrs[flag] for flag in ("transpose_a", "transpose_b", "adjoint_a", "adjoint_b")):
        raise InvalidArgumentError("the gradient of a product of sparse matrices is that of matrices as they are; transpose first")
    of_a = sparse_matrix_sparse_mat_mul(grad, b, type=kind, adjoint_b=True)
    return of_a, sparse_matrix_sparse_mat_mul(a, grad, type=kind, adjoint_a=True)
