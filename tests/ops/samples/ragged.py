"""Samples of the ops on ragged tensors; real TensorFlow is the reference."""

from __future__ import annotations

import numpy as np

from tests.ops.harness import Sample

SPLITS = np.int64([0, 2, 2, 5])
OUTER = np.int64([0, 1, 3])
V = np.float32([3, 1, 4, 1.5, 9])
ROWS = np.float32([[1, 2], [3, 4], [5, 6], [7, 8], [9, 10]])

SAMPLES = [
    Sample("RaggedRange", (np.int32([0, 5, 3]), np.int32([3, 1, 3]), np.int32([1, -2, 1]))),
    Sample("RaggedRange", (np.float32(0), np.float32([1, 2]), np.float32(0.3))),
    *[
        Sample("RaggedTensorToTensor", (shape, V, np.float32(7), [SPLITS]), {"row_partition_types": ("ROW_SPLITS",)})
        for shape in (np.int64(-1), np.int64([-1, 2]), np.int64([5, 4]))
    ],
    Sample(
        "RaggedTensorToTensor",
        (np.int64([-1, -1, -1, 2]), ROWS, np.float32(0), [OUTER, SPLITS]),
        {"row_partition_types": ("ROW_SPLITS", "ROW_SPLITS")},
    ),
    Sample(
        "RaggedTensorToTensor",
        (np.int64([-1, -1]), V, np.float32(0), [np.int64(4), np.int64([0, 0, 2, 2, 2])]),
        {"row_partition_types": ("FIRST_DIM_SIZE", "VALUE_ROWIDS")},
        unknown=False,
    ),
    Sample("RaggedTensorToSparse", ([OUTER, SPLITS], V), numeric=False),
    Sample("RaggedTensorToSparse", ([SPLITS], ROWS), numeric=False),
    Sample("RaggedGather", ([SPLITS], V, np.int32([2, 0, 2, 1])), {"OUTPUT_RAGGED_RANK": 1}),
    Sample("RaggedGather", ([OUTER, SPLITS], ROWS, np.int64([1, 1])), {"OUTPUT_RAGGED_RANK": 2}),
    Sample("RaggedGather", ([SPLITS], V, np.int64([[2, 0], [2, 1]])), {"OUTPUT_RAGGED_RANK": 2}, unknown=False),
]
