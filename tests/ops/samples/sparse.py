"""Samples of the ops on sparse tensors; real TensorFlow is the reference."""

from __future__ import annotations

import numpy as np

import headrace as tf
from tests.ops.harness import Sample

A = np.int64([[0, 1], [1, 0], [1, 3], [2, 2]])
AV = np.float32([1.5, -2.0, 3.0, 0.25])
B = np.int64([[0, 1], [1, 2], [1, 3]])
BV = np.float32([2.0, 1.0, -3.5])
SHAPE = np.int64([3, 4])
DENSE = np.float32([[1.5, 2, -3, 4], [5, -6.5, 7, 8], [9, 10, 11, -1]])
AXES = np.int32([1])
NONE = np.zeros((0, 2), np.int64)

DENSE_OPS = [
    Sample("SparseToDense", (A, SHAPE, AV, np.float32(7))),
    Sample("SparseToDense", (np.int32([1, 3]), np.int32([5]), np.float64(2), np.float64(1))),
    Sample("SparseToDense", (NONE, SHAPE, AV[:0], np.float32(2))),
    Sample("SparseTensorDenseMatMul", (A, AV, SHAPE, DENSE.T)),
    Sample("SparseTensorDenseMatMul", (A, AV, SHAPE, DENSE.T), {"adjoint_a": True, "adjoint_b": True}),
    Sample(
        "SparseTensorDenseMatMul", (A, (AV + 1j).astype(np.complex64), SHAPE, (DENSE.T - 2j).astype(np.complex64)), numeric=False
    ),
    Sample(
        "SparseTensorDenseMatMul",
        (A, (AV + 1j).astype(np.complex64), SHAPE, DENSE.astype(np.complex64)),
        {"adjoint_a": True},
        numeric=False,
    ),
    *[
        Sample(f"SparseDenseCwise{name}", (A, AV, SHAPE, dense))
        for name in ("Add", "Mul", "Div")
        for dense in (DENSE, DENSE[:, :1], DENSE[0])
    ],
    Sample("SparseTensorDenseAdd", (A, AV, SHAPE, DENSE)),
]
ARRANGING = [
    Sample("SparseReorder", (A[::-1].copy(), AV, SHAPE)),
    Sample("SparseReshape", (A, SHAPE, np.int64([2, -1, 3]))),
    Sample("SparseReshape", (NONE, SHAPE, np.int64([12]))),
    Sample("SparseConcat", ([A, B], [AV, BV], [SHAPE, SHAPE]), {"concat_dim": 1}, oracle_gradient=False),
    Sample("SparseConcat", ([A, B], [AV, BV], [SHAPE, SHAPE]), {"concat_dim": -2}, oracle_gradient=False),
    Sample("SparseSlice", (A, AV, SHAPE, np.int64([1, 0]), np.int64([5, 3]))),
    Sample("SparseSliceGrad", (AV[:2], A, np.int64([1, 0]), np.int64([[0, 0], [1, 2]]))),
    Sample("SparseSplit", (np.int64(1), A, AV, SHAPE), {"num_split": 3}),
    Sample("SparseFillEmptyRows", (A, AV, np.int64([5, 4]), np.float32(9)), numeric=False),
    Sample("SparseFillEmptyRowsGrad", (np.int64([2, 0, 3]), np.float32([1, 2, 3, 4, 5]))),
]
ARITHMETIC = [
    Sample("SparseAdd", (A, AV, SHAPE, B, BV, SHAPE, np.float32(0)), numeric=False),
    Sample("SparseAdd", (A, AV, SHAPE, B, BV, SHAPE, np.float32(1)), numeric=False),
    Sample("SparseAdd", (A, AV, SHAPE, NONE, BV[:0], SHAPE, np.float32(9)), numeric=False),
    Sample("SparseAddGrad", (np.float32([1, 2, 3]), A, B, np.int64([[0, 1], [1, 2], [2, 2]]))),
    *[Sample(f"SparseReduceSum{s}", (A, AV, SHAPE, axes), {"keep_dims": k}) for s in ("", "Sparse")
      for axes in (AXES, np.int32([0, -1]), np.int32([])) for k in (False, True)],
    *[Sample(f"SparseReduceMax{s}", (A, AV, SHAPE, AXES), {"keep_dims": k}) for s in ("", "Sparse") for k in (False, True)],
    Sample("SparseSoftmax", (A, AV, SHAPE)),
    Sample("SparseSparseMaximum", (A, AV, SHAPE, B, BV, SHAPE), gradient=False),
    Sample("SparseSparseMinimum", (A, AV, SHAPE, B, BV, SHAPE), gradient=False),
]  # fmt: skip

WORDS = np.array([b"a", b"b", b"cc", b""], object)
NUMBERS = np.int64([[5, -6], [7, 8], [0, 2**40]])
TEXTS = np.array([[b"x"], [b"yy"], [b""]], object)
HASHED = {"hashed_output": True, "num_buckets": 0, "hash_key": 0xDECAFCAFFE, "out_type": tf.int64, "internal_type": tf.int64}
CROSSES = [
    Sample("SparseCross", ([A], [WORDS], [SHAPE[:2]], [NUMBERS, TEXTS]), HASHED),
    Sample("SparseCross", ([A, B], [WORDS, np.int64([1, 2, 3])], [SHAPE, SHAPE], []), HASHED | {"num_buckets": 10, "hash_key": 3}),
    Sample(
        "SparseCross",
        ([A], [WORDS], [SHAPE], [TEXTS]),
        HASHED | {"hashed_output": False, "out_type": tf.string, "internal_type": tf.string},
    ),
    Sample("SparseCrossV2", ([A], [WORDS], [SHAPE], [NUMBERS, TEXTS], np.array(b"-", object))),
    Sample("SparseCrossV2", ([A, B], [WORDS, np.int64([1, 2, 3])], [SHAPE, SHAPE], [], np.array(b"_X_", object))),
]

ROWS = tf.io.serialize_many_sparse(tf.SparseTensor(A, AV, SHAPE)).numpy()
NAMES = tf.io.serialize_sparse(tf.SparseTensor(A, WORDS, SHAPE)).numpy()
SERIALIZED = [
    Sample("SerializeSparse", (A, AV, SHAPE)),
    Sample("SerializeSparse", (A, WORDS, SHAPE)),
    Sample("SerializeManySparse", (A, AV, SHAPE)),
    Sample("SerializeManySparse", (NONE, AV[:0], SHAPE)),
    Sample("DeserializeSparse", (ROWS.reshape(1, 3, 3),), {"dtype": tf.float32}),
    Sample("DeserializeSparse", (NAMES,), {"dtype": tf.string}),
    Sample("DeserializeManySparse", (ROWS,), {"dtype": tf.float32}),
]

SAMPLES = [*DENSE_OPS, *ARRANGING, *ARITHMETIC, *CROSSES, *SERIALIZED]
