"""Samples of counts of sparse and ragged tensors."""

from __future__ import annotations

import numpy as np

from tests.ops.harness import Sample

MATRIX = np.int64([[0, 0], [0, 2], [2, 1], [2, 3]]), np.int32([1, 1, 0, 7]), np.int64([4, 4])
VECTOR = np.int64([[1], [3], [4]]), np.int64([2, 2, 0]), np.int64([6])
SPLITS, VALUES = np.int64([0, 2, 2, 5]), np.int64([3, 3, 1, 9, 0])
WEIGHTS = np.float32([0.5, 2, 3, 4, 5])
NONE = np.zeros(0, np.int64)

SAMPLES = [
    *[
        sample
        for binary in (False, True)
        for sample in (
            Sample("SparseBincount", (*MATRIX, np.int32(5), NONE), {"binary_output": binary}),
            Sample("SparseBincount", (*VECTOR, np.int64(4), NONE), {"binary_output": binary}),
            Sample("RaggedBincount", (SPLITS, VALUES, np.int64(5), NONE), {"binary_output": binary}),
        )
    ],
    Sample("SparseBincount", (*MATRIX, np.int32(9), WEIGHTS[:4]), gradient=False),
    *[
        sample
        for options in (
            {"binary_output": False},
            {"binary_output": True, "minlength": 12},
            {"binary_output": False, "maxlength": 3},
        )
        for sample in (
            Sample("DenseCountSparseOutput", (np.int32([[1, 2, 2], [0, 5, 5]]), NONE.astype(np.int32)), options),
            Sample("SparseCountSparseOutput", (*MATRIX, NONE), options),
            Sample("RaggedCountSparseOutput", (SPLITS, VALUES, NONE), options),
        )
    ],
    Sample("DenseCountSparseOutput", (np.int64([3, 1, 3]), np.float64([0.5, 1, 2])), {"binary_output": False}, gradient=False),
    Sample("RaggedCountSparseOutput", (SPLITS, VALUES, WEIGHTS), {"binary_output": False}, gradient=False),
    Sample("RaggedBincount", (SPLITS, VALUES, np.int64(10), WEIGHTS), gradient=False),
]
