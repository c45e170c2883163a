"""How often each integer occurs in the rows of sparse and ragged tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from headrace.core.dtypes import INDEX, float32, float64, int32, int64
from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.opdef import op
from headrace.ops.sparse.coordinates import check

_COUNTS = (int32, int64, float32, float64)


def _totals(rows: Any, values: Any, weights: Any, shape: tuple[int, int], binary: bool) -> Any:
    """A matrix of counts (or sums of weights, or ones); values beyond its last column are left out."""
    if len(values) and values.min() < 0:
        raise InvalidArgumentError(f"bincount takes integers of 0 or more; got {values.min()}")
    if weights.size and weights.shape != values.shape:
        raise InvalidArgumentError(f"each value has a weight; got {list(values.shape)} values and {list(weights.shape)} weights")
    totals = np.zeros(shape, weights.dtype)
    kept = values < shape[1]
    if binary:
        totals[rows[kept], values[kept]] = 1
    else:
        np.add.at(totals, (rows[kept], values[kept]), weights[kept] if weights.size else 1)
    return totals


def _size(size: Any) -> int:
    if size.shape != () or size < 0:
        raise InvalidArgumentError(f"size is a scalar of 0 or more; got {size.tolist()}")
    return int(size)


@op(
    "SparseBincount",
    "indices: int64, values: Tidx, dense_shape: int64, size: Tidx, weights: T -> output: T",
    Tidx=INDEX,
    T=_COUNTS,
    host_only=True,
    differentiable=False,
)
def sparse_bincount(indices: Any, values: Any, dense_shape: Any, size: Any, weights: Any, *, binary_output: bool = False) -> Any:
    """Counts of the values of a sparse vector, [size], or of each row of a sparse matrix, [rows, size]."""
    dims = check(indices, values, dense_shape)
    if len(dims) not in (1, 2):
        raise InvalidArgumentError(f"bincount takes a sparse vector or matrix; got the shape {list(dims)}")
    rows = indices[:, 0] if len(dims) == 2 else np.zeros(len(values), np.int64)
    totals = _totals(rows, values, weights, (dims[0] if len(dims) == 2 else 1, _size(size)), binary_output)
    return totals if len(dims) == 2 else totals[0]


@op(
    "RaggedBincount",
    "splits: int64, values: Tidx, size: Tidx, weights: T -> output: T",
    Tidx=INDEX,
    T=_COUNTS,
    host_only=True,
    differentiable=False,
    shape=lambda splits, *others, **attrs: (splits[0] - 1 if splits and splits[0] else None, None),
)
def ragged_bincount(splits: Any, values: Any, size: Any, weights: Any, *, binary_output: bool = False) -> Any:
    """Counts of the values of each row of a ragged matrix, [rows, size]."""
    lengths = np.diff(splits)
    if not len(splits) or splits[0] != 0 or splits[-1] != len(values) or np.any(lengths < 0):
        raise InvalidArgumentError(f"splits ascend from 0 to the number of values, {len(values)}; got {splits.tolist()}")
    rows = np.repeat(np.arange(len(lengths)), lengths)
    return _totals(rows, values, weights, (len(lengths), _size(size)), binary_output)
