"""Samples of set operations and edit distances."""

from __future__ import annotations

import numpy as np

from tests.ops.harness import Sample

A, B = np.int64([[1, 2, 2, 9], [3, 4, 4, 5]]), np.int64([[2, 1, 1], [7, 5, 4]])
WORDS = np.array([[b"b", b"a"], [b"c", b"c"]], object)
SPARSE = np.int64([[0, 0], [0, 2], [1, 1]]), np.int64([1, 1, 5]), np.int64([2, 3])
OTHER = np.int64([[1, 0], [1, 2]]), np.int64([5, 6]), np.int64([2, 4])
CUBE = np.int64([[0, 0, 0], [0, 1, 1], [1, 0, 0], [1, 0, 1]]), np.int64([1, 3, 2, 2]), np.int64([2, 2, 2])
HEARD = np.int64([[0, 0], [0, 1], [1, 0], [1, 1]]), np.int64([1, 2, 3, 4]), np.int64([2, 2])
SAID = np.int64([[0, 0], [0, 1], [0, 2], [1, 1], [2, 0]]), np.int64([1, 3, 2, 3, 1]), np.int64([3, 3])
EMPTY = np.zeros((0, 2), np.int64), np.zeros(0, np.int64), np.int64([2, 3])

SAMPLES = [
    *[
        sample
        for operation in ("a-b", "b-a", "intersection", "union")
        for sample in (
            Sample("DenseToDenseSetOperation", (A, B), {"set_operation": operation}),
            Sample("DenseToSparseSetOperation", (A, *SPARSE), {"set_operation": operation}),
            Sample("SparseToSparseSetOperation", (*SPARSE, *OTHER), {"set_operation": operation}),
        )
    ],
    Sample("DenseToDenseSetOperation", (WORDS, WORDS[::-1]), {"set_operation": "union"}),
    Sample("SparseToSparseSetOperation", (*SPARSE, *EMPTY), {"set_operation": "intersection"}),
    Sample("SparseToSparseSetOperation", (*CUBE, *CUBE), {"set_operation": "union"}),
    *[Sample("SetSize", parts) for parts in (SPARSE, CUBE, EMPTY)],
    *[
        Sample("EditDistance", (*first, *second), {"normalize": normalize})
        for first, second in ((HEARD, SAID), (SAID, HEARD), (HEARD, EMPTY), (EMPTY, EMPTY), (CUBE, CUBE))
        for normalize in (False, True)
    ],
]
