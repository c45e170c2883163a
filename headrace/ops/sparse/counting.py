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
    lengths = _row_lengths(splits, values)
    rows = np.repeat(np.arange(len(lengths)), lengths)
    return _totals(rows, values, weights, (len(lengths), _size(size)), binary_output)


def _sparse_counts(rows: Any, values: Any, weights: Any, count: int | None, least: int, most: int, binary: bool) -> Any:
    """Indices, values and shape of a sparse matrix of counts; of a vector where `count`, the number of rows, is None."""
    if len(values) and values.min() < 0:
        raise InvalidArgumentError(f"bincount takes integers of 0 or more; got {values.min()}")
    if weights.size and weights.shape != values.shape:
        raise InvalidArgumentError(f"each value has a weight; got {list(values.shape)} values and {list(weights.shape)} weights")
    size = most if most >= 0 else max(int(values.max(initial=-1)) + 1, least)
    kept = values < size
    places = rows[kept] * max(size, 1) + values[kept]
    found, numbers = np.unique(places, return_inverse=True)
    totals = np.zeros(len(found), weights.dtype)
    if binary:
        totals[:] = 1
    else:
        np.add.at(totals, numbers, weights[kept] if weights.size else 1)
    indices = np.stack([found // max(size, 1), found % max(size, 1)], axis=1).astype(np.int64)
    return (
        (indices[:, 1:], totals, np.array([size], np.int64))
        if count is None
        else (indices, totals, np.array([count, size], np.int64))
    )


def _limits(least: int, most: int) -> None:
    if 0 <= most < least:
        raise InvalidArgumentError(f"minlength must not exceed maxlength; got {least} and {most}")


def _count_shapes(rank: int | None) -> list[Any]:
    return [(None, rank), (None,), (rank,)]


_COUNTED = "output_indices: int64, output_values: output_type, output_dense_shape: int64"


@op(
    "DenseCountSparseOutput",
    f"values: T, weights: output_type -> {_COUNTED}",
    T=INDEX,
    output_type=_COUNTS,
    host_only=True,
    differentiable=False,
    shape=lambda values, weights, **_: _count_shapes(len(values)),
)
def dense_count(values: Any, weights: Any, *, minlength: int = -1, maxlength: int = -1, binary_output: bool) -> Any:
    """Counts of the values of a vector, or of each row of a matrix, as a sparse tensor."""
    if values.ndim not in (1, 2):
        raise InvalidArgumentError(f"bincount takes a vector or a matrix; got shape {list(values.shape)}")
    _limits(minlength, maxlength)
    matrix = values.reshape(-1, values.shape[-1])
    rows = np.repeat(np.arange(len(matrix)), matrix.shape[1])
    count = None if values.ndim == 1 else len(matrix)
    return _sparse_counts(rows, matrix.ravel(), weights.ravel(), count, minlength, maxlength, binary_output)


@op(
    "SparseCountSparseOutput",
    f"indices: int64, values: T, dense_shape: int64, weights: output_type -> {_COUNTED}",
    T=INDEX,
    output_type=_COUNTS,
    host_only=True,
    differentiable=False,
    shape=lambda indices, values, dense_shape, weights, **_: _count_shapes(indices[1]),
)
def sparse_count(
    indices: Any, values: Any, dense_shape: Any, weights: Any, *, minlength: int = -1, maxlength: int = -1, binary_output: bool
) -> Any:
    """Counts of the values of a sparse vector, or of each row of a sparse matrix, as a sparse tensor."""
    dims = check(indices, values, dense_shape)
    if len(dims) not in (1, 2):
        raise InvalidArgumentError(f"bincount takes a sparse vector or matrix; got the shape {list(dims)}")
    _limits(minlength, maxlength)
    rows = indices[:, 0] if len(dims) == 2 else np.zeros(len(values), np.int64)
    return _sparse_counts(rows, values, weights, dims[0] if len(dims) == 2 else None, minlength, maxlength, binary_output)


@op(
    "RaggedCountSparseOutput",
    f"splits: int64, values: T, weights: output_type -> {_COUNTED}",
    T=INDEX,
    output_type=_COUNTS,
    host_only=True,
    differentiable=False,
    shape=lambda *_, **__: _count_shapes(2),
)
def ragged_count(splits: Any, values: Any, weights: Any, *, minlength: int = -1, maxlength: int = -1, binary_output: bool) -> Any:
    """Counts of the values of each row of a ragged matrix, as a sparse tensor."""
    lengths = _row_lengths(splits, values)
    _limits(minlength, maxlength)
    rows = np.repeat(np.arange(len(lengths)), lengths)
    return _sparse_counts(rows, values, weights, len(lengths), minlength, maxlength, binary_output)


def _row_lengths(splits: Any, values: Any) -> Any:
    lengths = np.diff(splits)
    if not len(splits) or splits[0] != 0 or splits[-1] != len(values) or np.any(lengths < 0):
        raise InvalidArgumentError(f"splits ascend from 0 to the number of values, {len(values)}; got {splits.tolist()}")
    return lengths
