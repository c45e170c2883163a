"""tensorflow.python.ops.linalg.sparse.sparse_csr_matrix_ops: products of two sparse matrices."""

from __future__ import annotations

from typing import Any, NamedTuple

from headrace.dispatch.opdef import get


class Coordinates(NamedTuple):
    """A sparse matrix by coordinates: indices [n, 2], values [n] and dense_shape [2]."""

    indices: Any
    values: Any
    dense_shape: Any


def sparse_tensor_to_csr_sparse_matrix(indices: Any, values: Any, dense_shape: Any, name: str | None = None) -> Any:
    """A sparse matrix by rows, as a variant."""
    return get("SparseTensorToCSRSparseMatrix")(indices, values, dense_shape, name=name)


def sparse_matrix_sparse_mat_mul(a: Any, b: Any, type: Any, name: str | None = None) -> Any:
    """The product of two sparse matrices by rows, of elements of dtype `type`."""
    return get("SparseMatrixSparseMatMul")(a, b, type=type, name=name)


def csr_sparse_matrix_to_sparse_tensor(sparse_matrix: Any, type: Any, name: str | None = None) -> Coordinates:
    """A sparse matrix by coordinates."""
    return Coordinates(*get("CSRSparseMatrixToSparseTensor").all(sparse_matrix, type=type, name=name))
