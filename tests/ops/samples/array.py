"""Samples of the array family."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np

from headrace.core.dtypes import float32, int64
from headrace.core.shapes import TensorShape
from tests.ops.harness import Sample


def _floats(*shape: int, seed: int = 1, dtype: Any = np.float32) -> Any:
    return np.random.RandomState(seed).uniform(-2, 2, shape).astype(dtype)


def _ints(*shape: int, low: int = -9, high: int = 10, seed: int = 1, dtype: Any = np.int32) -> Any:
    return np.random.RandomState(seed).randint(low, high, shape).astype(dtype)


def _complex(*shape: int) -> Any:
    return (_floats(*shape) + 1j * _floats(*shape, seed=2)).astype(np.complex64)


def _squeezed(x: Any, squeeze_dims: Any) -> Any:
    return np.squeeze(x, tuple(squeeze_dims))


def _largest(x: Any, k: int) -> Any:
    order = np.argsort(-x, axis=-1)[..., :k]
    return np.take_along_axis(x, order, -1), order


X = _floats(2, 3, 4)
M = _floats(3, 5)
V = _floats(6)
BF = _floats(2, 3).astype(ml_dtypes.bfloat16)
BIG = _floats(100, 7)
EMPTY = np.zeros((0, 3), np.float32)
WORDS = np.array([[b"a", b"bc"], [b"", b"def"]], object)
I64 = np.int64

IDENTITIES = [
    Sample("Const", (), {"value": M, "dtype": float32}, reference=lambda value, dtype: value, oracle=False),
    Sample("PlaceholderWithDefault", (M,), {"shape": TensorShape([None, 5])}, reference=lambda x, shape: x, oracle=False),
    Sample("Identity", (X,)),
    Sample("Identity", (WORDS,), reference=lambda x: x),
    Sample("Identity", (_complex(2),)),
    Sample("Snapshot", (X,)),
    Sample("GuaranteeConst", (X,), reference=lambda x: x),
    Sample("IdentityN", ([X, _ints(2), M],)),
    Sample("XlaOptimizationBarrier", ([X, _ints(2), M],), oracle=False),  # TensorFlow has it inside XLA alone
    Sample("StopGradient", (X,)),
    Sample("PreventGradient", (X,), {"message": "no"}, gradient=False),
    Sample("EnsureShape", (X,), {"shape": TensorShape([None, 3, None])}),
    Sample("EnsureShape", (X,), {"shape": TensorShape(None)}, unknown=False),
    Sample("CheckNumerics", (X,), {"message": "bad"}),
]

SHAPES = [
    Sample("Shape", (X,), reference=lambda x: np.int32(x.shape)),
    Sample("Shape", (WORDS,), {"out_type": int64}),
    Sample("Shape", (np.float32(1),)),
    Sample("ShapeN", ([X, M, EMPTY],)),
    Sample("ShapeN", ([X, M],), {"out_type": int64}),
    Sample("Rank", (X,), reference=lambda x: np.int32(x.ndim)),
    Sample("Size", (X,)),
    Sample("Size", (EMPTY,), {"out_type": int64}),
    Sample("Reshape", (X, [4, -1]), reference=lambda x, s: x.reshape(s)),
    Sample("Reshape", (X, np.array([6, 4], I64))),
    Sample("Reshape", (EMPTY, [3, -1])),
    Sample("Reshape", (np.float32(3), [1, 1])),
    Sample("Reshape", (WORDS, [-1])),
    Sample("Reshape", (M, np.array([15], np.int32))),
    Sample("ExpandDims", (X, 0)),
    Sample("ExpandDims", (X, -1)),
    Sample("ExpandDims", (_ints(3), [1])),
    Sample("Squeeze", (_floats(1, 3, 1),)),
    Sample("Squeeze", (_floats(1, 3, 1),), {"squeeze_dims": [-1]}, reference=_squeezed, oracle=False),
    Sample("Squeeze", (_ints(2, 1, 1),), {"squeeze_dims": [1]}, reference=_squeezed, oracle=False),
    Sample("Transpose", (X, [2, 0, 1]), reference=np.transpose),
    Sample("Transpose", (_ints(2, 3), np.array([1, 0], I64))),
    Sample("ConjugateTranspose", (_complex(2, 3), [1, 0])),
    Sample("ConjugateTranspose", (M, [1, 0])),
    Sample("InvertPermutation", ([2, 0, 1, 3],)),
    Sample("InvertPermutation", (np.random.RandomState(3).permutation(80).astype(I64),)),
    Sample("UnravelIndex", ([22, 41, 37], [7, 6])),
    Sample("UnravelIndex", (np.arange(70, dtype=I64), np.array([3, 5, 7], I64))),
]

CREATION = [
    Sample("Empty", (np.int32([2, 3]),), {"dtype": float32, "init": True}),
    Sample("Empty", (np.int32([0, 2]),), {"dtype": int64}),
    Sample("Fill", ([2, 3], np.float32(1.5)), reference=np.full),
    Sample("Fill", (np.array([3], I64), np.int32(7))),
    Sample("Fill", (np.zeros(0, np.int32), np.float32(2))),
    Sample("Fill", ([2], np.array(b"word", object)), reference=lambda d, v: np.full(d, v.item(), object), oracle=False),
    Sample("Fill", ([100, 100], np.int32(3))),
    Sample("ZerosLike", (X,)),
    Sample("ZerosLike", (WORDS,)),
    Sample("ZerosLike", (BF,)),
    Sample("OnesLike", (X,)),
    Sample("OnesLike", (np.array([True, False]),)),
    Sample("Range", (0, 10, 3), reference=np.arange),
    Sample("Range", (10, 0, -4)),
    Sample("Range", (np.int64(5), np.int64(5), np.int64(1))),
    Sample("Range", (np.float32(0.5), np.float32(2.1), np.float32(0.4))),
    Sample("Range", (0.0, 1.0, 0.1)),
    Sample("Range", (ml_dtypes.bfloat16(0), ml_dtypes.bfloat16(4), ml_dtypes.bfloat16(1))),
    Sample("LinSpace", (np.float32(0), np.float32(1), 7), gradient=False),
    Sample("LinSpace", (np.float64(3), np.float64(-1), np.int64(4)), gradient=False),
    Sample("LinSpace", (np.float32(2), np.float32(9), 1), gradient=False),
    Sample("OneHot", (_ints(3, low=0, high=4), 4, np.float32(1), np.float32(0))),
    Sample("OneHot", (_ints(2, 3, low=-1, high=6, dtype=I64), 5, np.float32(2), np.float32(-1)), {"axis": 0}),
    Sample("OneHot", (_ints(2, 3, low=0, high=3, dtype=np.uint8), 3, np.int32(1), np.int32(0)), {"axis": 1}),
]

JOINING = [
    Sample("Pack", ([M, M + 1],), reference=lambda v, **_: np.stack(v)),
    Sample("Pack", ([M, M + 1, M],), {"axis": -1}),
    Sample("Pack", ([np.int32(1), np.int32(2)],)),
    Sample("Pack", ([WORDS, WORDS],), {"axis": 1}),
    Sample("Unpack", (X,), {"num": 2}),
    Sample("Unpack", (X,), {"num": 4, "axis": -1}),
    Sample("Unpack", (_ints(3),), {"num": 3}),
    Sample("Unpack", (WORDS,), {"num": 2}),
    Sample("ConcatV2", ([M, M * 2], 0), reference=np.concatenate),
    Sample("ConcatV2", ([M, _floats(3, 2), EMPTY.reshape(3, 0)], -1)),
    Sample("ConcatV2", ([_ints(2), _ints(3), _ints(1)], np.int64(0))),
    Sample("ConcatV2", ([WORDS, WORDS], 1)),
    Sample("Concat", (1, [M, _floats(3, 2)])),
    Sample("ConcatOffset", (1, [[2, 2, 7], [2, 3, 7], [2, 9, 7]])),
    Sample("Split", (1, _floats(2, 6)), {"num_split": 3}),
    Sample("Split", (-1, WORDS), {"num_split": 2}),
    Sample("SplitV", (M, np.array([1, -1, 2], I64), 1), {"num_split": 3}),
    Sample("SplitV", (_ints(6), [2, 4], 0), {"num_split": 2}),
    Sample("Tile", (M, [2, 3]), reference=np.tile),
    Sample("Tile", (X, [1, 0, 2])),
    Sample("Tile", (_ints(2, 1), np.array([1, 4], I64))),
    Sample("BroadcastTo", (_floats(3, 1), [2, 3, 4]), reference=np.broadcast_to),
    Sample("BroadcastTo", (np.int32(4), [3])),
    Sample("BroadcastTo", (_floats(1), np.array([5], I64))),
    Sample("BroadcastArgs", ([2, 1, 5], [3, 1])),
    Sample("BroadcastArgs", (np.array([4], I64), np.array([2, 1], I64))),
]

PADS = [[1, 2], [0, 1], [2, 0]]
PADDING = [
    Sample("Pad", (X, PADS), reference=np.pad),
    Sample("Pad", (_ints(2, 2), np.array([[1, 0], [0, 1]], I64))),
    Sample("PadV2", (X, PADS, np.float32(3)), gradient=False),
    Sample("PadV2", (np.array([True]), [[1, 1]], True)),
    Sample("PadV2", (BF, [[0, 1], [1, 0]], ml_dtypes.bfloat16(2)), gradient=False),
    Sample("MirrorPad", (X, [[0, 1], [2, 1], [3, 2]]), {"mode": "REFLECT"}, unknown=False),
    Sample("MirrorPad", (X, [[2, 1], [3, 1], [0, 4]]), {"mode": "SYMMETRIC"}),
    Sample("MirrorPadGrad", (X, [[0, 0], [1, 0], [1, 1]]), {"mode": "REFLECT"}),
    Sample("MirrorPadGrad", (X, [[0, 1], [1, 0], [1, 1]]), {"mode": "SYMMETRIC"}),
    Sample("ReverseV2", (X, [0, -1]), reference=np.flip),
    Sample("ReverseV2", (WORDS, np.array([1], I64))),
    Sample("ReverseV2", (X, np.zeros(0, np.int32))),
    Sample("Reverse", (X, np.array([True, False, True]))),
    Sample("ReverseSequence", (_floats(3, 5, 2), np.array([5, 0, 3], I64)), {"seq_dim": 1}),
    Sample("ReverseSequence", (_floats(5, 2, 3), [4, 2, 1]), {"seq_dim": 0, "batch_dim": 2}),
    Sample("Roll", (X, 1, 2), reference=np.roll),
    Sample("Roll", (X, [1, -2, 5], [0, 1, 0])),
]


def _strided(x: Any, begin: Any, end: Any, strides: Any = None, /, **masks: int) -> Sample:
    strides = [1] * len(begin) if strides is None else strides
    return Sample("StridedSlice", (x, begin, end, strides), {f"{name}_mask": value for name, value in masks.items()})


LINE = np.arange(10, dtype=np.float32)


def _updated(array: Any, update: Any, start: Any) -> Any:
    """The array with a block in its place, moved so far that it fits."""
    found = array.copy()
    least = [min(max(at, 0), whole - part) for at, whole, part in zip(start, array.shape, update.shape, strict=True)]
    found[tuple(slice(at, at + part) for at, part in zip(least, update.shape, strict=True))] = update
    return found


SLICES = [
    *[  # TensorFlow has this op in compiled functions only
        Sample("XlaDynamicUpdateSlice", (M, _floats(2, 3, seed=4), np.int32(start)), reference=_updated, oracle=False)
        for start in ([0, 1], [2, -3])
    ],
    _strided(LINE, [2], [7]),
    _strided(LINE, [-3], [100]),
    _strided(LINE, [-100], [-2]),
    _strided(LINE, [7], [2]),
    _strided(LINE, [8], [1], [-3]),
    _strided(LINE, [100], [-100], [-2]),
    _strided(LINE, [0], [0], [-1], begin=1, end=1),
    _strided(LINE, [0], [4], [3], begin=1),
    _strided(LINE, [3], [0], [2], end=1),
    _strided(LINE, [-1], [0], shrink_axis=1),
    _strided(np.arange(10), [4], [5], shrink_axis=1),
    _strided(X, [1, 0], [2, 2]),
    _strided(X, [0, 1], [0, 2], ellipsis=1),
    _strided(X, [0, 0, 2], [1, 0, 3], ellipsis=2, shrink_axis=4),
    _strided(X, [0, 0, 1], [1, 0, 3], ellipsis=2, new_axis=1),
    _strided(X, [0, 1, 0], [0, 2, 0], new_axis=5, shrink_axis=2, begin=1, end=1),
    _strided(X, [0, 0, 0], [2, 3, 4], [1, -1, 2], begin=2, end=2),
    _strided(WORDS, [0, 1], [2, 2], shrink_axis=2),
    _strided(_ints(3, 3), np.array([0, 1], I64), np.array([2, 3], I64), np.array([1, 1], I64)),
    _strided(BIG, [10, 0], [90, 5], [7, 2]),
    _strided(np.float32(3), [0], [0], ellipsis=1),
    Sample("StridedSliceGrad", ([10], [1], [8], [2], _floats(4))),
    Sample("StridedSliceGrad", ([2, 3], [0, 1], [2, 2], [1, 1], _floats(2)), {"shrink_axis_mask": 2}),
    Sample("StridedSliceGrad", ([4], [3], [-9], [-1], _ints(4))),
    Sample("TensorStridedSliceUpdate", (X, [0, 1], [2, 2], [1, 1], _floats(2, 1, 4, seed=9)), gradient=False),
    Sample("TensorStridedSliceUpdate", (_ints(5), [1], [2], [1], np.int32(7)), {"shrink_axis_mask": 1}),
    Sample("Slice", (X, [0, 1, 2], [2, 1, 2])),
    Sample("Slice", (X, [1, 0, 1], [-1, 0, -1])),
    Sample("Slice", (WORDS, np.array([1, 0], I64), np.array([1, 2], I64))),
    Sample("Slice", (BIG, [20, 1], [60, 3])),
]

GATHERS = [
    Sample("Gather", (M, [2, 0, 2])),
    Sample("GatherV2", (M, [2, 0, 2], 0), reference=np.take),
    Sample("GatherV2", (M, [[0, 4], [1, 1]], 1)),
    Sample("GatherV2", (M, np.int64(1), -1)),
    Sample("GatherV2", (X, [[1, 0], [3, 3]], 2), {"batch_dims": 1}),
    Sample("GatherV2", (X, [[1, 0, 0], [2, 3, 3]], -1), {"batch_dims": 2}),
    Sample("GatherV2", (X, [[1, 0], [2, 2]], 1), {"batch_dims": -1}),
    Sample("GatherV2", (WORDS, [1], 0)),
    Sample("GatherV2", (_ints(4, 2), np.array([3, 1], np.int16), 0)),
    Sample("GatherV2", (_ints(2, 4), [[0], [3]], 1), {"batch_dims": 1}),
    Sample("GatherV2", (EMPTY, np.zeros((2, 0), np.int32), 0)),
    Sample("GatherNd", (X, [[0, 1], [1, 2]])),
    Sample("GatherNd", (X, [1, 2, 3])),
    Sample("GatherNd", (M, np.zeros((2, 0), np.int32)), unknown=False),
    Sample("GatherNd", (WORDS, [[0, 1]])),
    Sample("GatherNd", (_ints(5), np.array([[1], [4], [1]], I64))),
    Sample("ScatterNd", ([[4], [1], [4]], _floats(3), [6])),
    Sample("ScatterNd", (np.array([[0, 1], [1, 0]], I64), _floats(2, 3), np.array([2, 2, 3], I64))),
    Sample("ScatterNd", ([[0], [2]], _ints(2, 2), [3, 2])),
    Sample("TensorScatterUpdate", (M, [[0], [2]], _floats(2, 5, seed=3))),
    Sample("TensorScatterUpdate", (X, [[0, 2]], _floats(1, 4, seed=3))),
    Sample("TensorScatterAdd", (M, [[0], [2], [0]], _floats(3, 5, seed=3))),
    Sample("TensorScatterAdd", (_ints(4), np.array([[1], [1]], I64), np.int32([5, 6]))),
    Sample("TensorScatterSub", (M, [[0], [2], [0]], _floats(3, 5, seed=3))),
    Sample("TensorScatterMax", (M, [[0], [2]], _floats(2, 5, seed=3))),
    Sample("TensorScatterMin", (M, [[0], [2]], _floats(2, 5, seed=3))),
    Sample("TensorScatterMin", (np.float32([1, 1]), [[0]], np.float32([1])), numeric=False),
]

COND = np.random.RandomState(5).uniform(size=(3, 5)) > 0.5
SELECTIONS = [
    Sample("Where", (COND,)),
    Sample("Where", (np.float32([0, 2, -1]),)),
    Sample("Select", (COND, M, M * 2)),
    Sample("Select", (np.array([True, False, True]), M, M * 2)),
    Sample("Select", (True, M, M * 2), unknown=False),
    Sample("SelectV2", (COND, M, np.float32(0)), reference=np.where),
    Sample("SelectV2", (COND[:, :1], M, _floats(5, seed=4))),
    Sample("SelectV2", (np.array([True, False]), WORDS, WORDS[:1])),
    Sample("Unique", (np.int32([3, 1, 3, 2, 1]),)),
    Sample("Unique", (WORDS.ravel(),), {"out_idx": int64}),
    Sample("UniqueV2", (np.int32([[1, 2], [1, 2], [0, 3]]), np.array([0], I64))),
    Sample("UniqueV2", (np.float32([2, 2, 1]), np.zeros(0, I64))),
    Sample("UniqueWithCounts", (np.int32([3, 1, 3, 2, 1]),)),
    Sample("UniqueWithCountsV2", (np.int32([[1, 1, 0], [2, 2, 0]]), [1])),
    Sample("ListDiff", (np.int32([1, 2, 3, 4, 2]), np.int32([2, 5]))),
    Sample("DynamicPartition", (M, [1, 0, 1]), {"num_partitions": 3}),
    Sample("DynamicPartition", (_ints(2, 2), [[0, 1], [1, 0]]), {"num_partitions": 2}),
    Sample("DynamicStitch", ([np.int32([0, 2]), np.int32([1, 2])], [M[:2], M[1:]]), numeric=False),
    Sample("ParallelDynamicStitch", ([np.int32([3, 0]), np.int32([[1], [2]])], [_floats(2), _floats(2, 1)])),
]

ROWS = np.sort(_floats(2, 6), axis=1)
SORTS = [
    *[  # TensorFlow's kernel for the CPU has only the greatest, along the last dimension
        Sample("ApproxTopK", (X,), {"k": 2, "reduction_dimension": d, "is_max_k": m}, oracle=m and d == -1)
        for d in (0, -1)
        for m in (False, True)
    ],
    Sample("TopKV2", (M, 2)),
    Sample("TopKV2", (_ints(20, low=0, high=5), np.int64(7)), {"index_type": int64}),
    Sample("TopKV2", (X, 1), {"sorted": False}),
    Sample("TopKV2", (_floats(4, dtype=np.float16), 4)),
    Sample("TopKV2", (_ints(8, dtype=np.uint8, low=0, high=200), 3)),
    Sample("TopK", (M,), {"k": 3}, reference=_largest, oracle=False),
    Sample("NthElement", (M, 2)),
    Sample("NthElement", (M, 0), {"reverse": True}),
    Sample("LowerBound", (ROWS, np.concatenate([ROWS[:, 1:4], _floats(2, 3, seed=7)], 1))),
    Sample("UpperBound", (ROWS, np.concatenate([ROWS[:, 1:4], _floats(2, 3, seed=7)], 1)), {"out_type": int64}),
    Sample("LowerBound", (_ints(1, 5, low=0, high=3) * 0 + np.int32([0, 1, 1, 2, 5]), np.int32([[1, 5, 6, -1]]))),
]

BAND = _floats(2, 3, 4)
DIAGONALS = [
    Sample("Diag", (V[:3],)),
    Sample("Diag", (M[:2, :2],)),
    Sample("DiagPart", (_floats(3, 3),)),
    Sample("DiagPart", (_floats(2, 3, 2, 3),)),
    Sample("MatrixDiag", (M,)),
    Sample("MatrixDiagPart", (X,)),
    Sample("MatrixSetDiag", (X, _floats(2, 3, seed=8))),
    Sample("MatrixDiagV2", (M, 1, -1, -1, np.float32(0)), gradient=False),
    Sample("MatrixDiagPartV2", (X, [-1, 1], np.float32(7)), gradient=False),
    Sample("MatrixSetDiagV2", (X, _floats(2, 2, seed=8), -1)),
    Sample("MatrixDiagV3", (M, 0, -1, -1, np.float32(0)), gradient=False),
    Sample("MatrixDiagV3", (M, -2, -1, -1, np.float32(9)), gradient=False),
    Sample("MatrixDiagV3", (BAND, [-1, 1], 4, 4, np.float32(0)), {"align": "LEFT_RIGHT"}, gradient=False),
    Sample("MatrixDiagV3", (_ints(2, 3), [0, 1], 3, 5, np.int32(-1)), {"align": "LEFT_LEFT"}, unknown=False),
    Sample("MatrixDiagPartV3", (X, [-2, 3], np.float32(7)), gradient=False),
    Sample("MatrixDiagPartV3", (X, [-1, 2], np.float32(7)), {"align": "LEFT_RIGHT"}, gradient=False),
    Sample("MatrixDiagPartV3", (X, 2, np.float32(0)), {"align": "RIGHT_RIGHT"}, gradient=False),
    Sample("MatrixDiagPartV3", (_ints(4, 2), [-2, 0], np.int32(0)), {"align": "LEFT_LEFT"}),
    Sample("MatrixSetDiagV3", (X, _floats(2, 3, 3, seed=8), [-1, 1])),
    Sample("MatrixSetDiagV3", (X, _floats(2, 3, seed=8), 1), {"align": "LEFT_LEFT"}),
    Sample("MatrixBandPart", (_floats(2, 4, 4), np.int64(1), np.int64(0))),
    Sample("MatrixBandPart", (M, -1, 2)),
    Sample("MatrixBandPart", (_ints(3, 3), 0, -1)),
]

IMAGES = _floats(2, 4, 6, 3)
SPACES = [
    Sample("SpaceToDepth", (IMAGES,), {"block_size": 2}),
    Sample("DepthToSpace", (_floats(1, 2, 3, 8),), {"block_size": 2}),
    Sample("SpaceToBatchND", (IMAGES, [2, 3], [[0, 0], [1, 2]])),
    Sample("SpaceToBatchND", (_floats(2, 5), [3], [[1, 0]])),
    Sample("BatchToSpaceND", (_floats(12, 2, 2, 1), [2, 3], [[1, 0], [0, 2]])),
    Sample("SpaceToBatch", (IMAGES, [[0, 0], [1, 1]]), {"block_size": 2}),
    Sample("BatchToSpace", (_floats(4, 2, 3, 2), [[0, 1], [1, 0]]), {"block_size": 2}),
    Sample(
        "ExtractImagePatches",
        (IMAGES,),
        {"ksizes": [1, 2, 3, 1], "strides": [1, 2, 2, 1], "rates": [1, 1, 2, 1], "padding": "SAME"},
    ),
    Sample(
        "ExtractImagePatches",
        (_ints(1, 5, 5, 1),),
        {"ksizes": [1, 3, 3, 1], "strides": [1, 1, 2, 1], "rates": [1, 2, 1, 1], "padding": "VALID"},
    ),
]

# Here the added element has a gradient; in TensorFlow it has none, so these are checked by finite differences only.
ADDED = [
    Sample("PadV2", (X, PADS, np.float32(3)), oracle=False),
    Sample("LinSpace", (np.float32(0), np.float32(1), 7), oracle=False),
    Sample("MatrixDiagV2", (M, 1, -1, -1, np.float32(0)), oracle=False),
    Sample("MatrixDiagPartV2", (X, [-1, 1], np.float32(7)), oracle=False),
    Sample("MatrixDiagV3", (BAND, [-1, 1], 4, 4, np.float32(0)), {"align": "LEFT_RIGHT"}, oracle=False),
    Sample("MatrixDiagPartV3", (X, [-1, 2], np.float32(7)), {"align": "LEFT_RIGHT"}, oracle=False),
]

SAMPLES = [
    *ADDED,
    *IDENTITIES,
    *SHAPES,
    *CREATION,
    *JOINING,
    *PADDING,
    *SLICES,
    *GATHERS,
    *SELECTIONS,
    *SORTS,
    *DIAGONALS,
    *SPACES,
]
