"""Products of two sparse matrices by the raw ops that libraries use."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.public.case import case

R = np.random.RandomState(4)
INDICES = np.int64([[0, 1], [1, 0], [1, 2], [3, 1]])
VALUES = R.standard_normal(4).astype(np.float32)
OTHER = np.int64([[0, 0], [0, 3], [2, 1]])
BATCH = np.int64([[0, 0, 1], [0, 1, 1], [1, 1, 0]])


def product(tf: Any, a: Any, b: Any) -> Any:
    raw = tf.raw_ops
    left = raw.SparseTensorToCSRSparseMatrix(indices=INDICES, values=a, dense_shape=np.int64([4, 3]))
    right = raw.SparseTensorToCSRSparseMatrix(indices=OTHER, values=b, dense_shape=np.int64([3, 4]))
    found = raw.SparseMatrixSparseMatMul(a=left, b=right, type=tf.float32)
    parts = raw.CSRSparseMatrixToSparseTensor(sparse_matrix=found, type=tf.float32)
    return [parts.indices, parts.values, parts.dense_shape, raw.CSRSparseMatrixToDense(sparse_input=left, type=tf.float32)]


def turned(tf: Any, a: Any) -> Any:
    raw = tf.raw_ops
    left = raw.SparseTensorToCSRSparseMatrix(indices=INDICES, values=a, dense_shape=np.int64([4, 3]))
    found = raw.SparseMatrixSparseMatMul(a=left, b=left, type=tf.float32, adjoint_a=True)
    return raw.CSRSparseMatrixToDense(sparse_input=found, type=tf.float32)


def batch(tf: Any, a: Any) -> Any:
    raw = tf.raw_ops
    left = raw.SparseTensorToCSRSparseMatrix(indices=BATCH, values=a[:3], dense_shape=np.int64([2, 2, 2]))
    found = raw.SparseMatrixSparseMatMul(a=left, b=left, type=tf.float32)
    parts = raw.CSRSparseMatrixToSparseTensor(sparse_matrix=found, type=tf.float32)
    return [parts.indices, parts.values, parts.dense_shape]


def unfitting(tf: Any, a: Any) -> Any:
    left = tf.raw_ops.SparseTensorToCSRSparseMatrix(indices=INDICES, values=a, dense_shape=np.int64([4, 3]))
    return tf.raw_ops.SparseMatrixSparseMatMul(a=left, b=left, type=tf.float32)


CASES = {
    "product": case(product, VALUES, VALUES[:3], gradient=False),
    "transposed": case(turned, VALUES, gradient=False),
    "batch": case(batch, VALUES, gradient=False),
    "unfitting": case(unfitting, VALUES, in_function=False),
}
