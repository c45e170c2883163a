"""Feature crosses: every combination of one feature from each column, row by row, as text or as a hash."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import numpy as np

from headrace.core.dtypes import DType, int64, string
from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.opdef import op
from headrace.proto.farmhash import fingerprint64

FEATURES = (int64, string)
HASH_KEY = 0xDECAFCAFFE
SEPARATOR = b"_X_"

_MUL = np.uint64(0xC6A4A7935BD1E995)
_SHIFT = np.uint64(47)
_MOST_CROSSES = 1 << 31

Column = list[Any]
"""The features of each row."""


def _mixed(value: Any) -> Any:
    return value ^ (value >> _SHIFT)


def concatenated(left: Any, right: Any) -> Any:
    """TensorFlow's FingerprintCat64 of arrays of fingerprints."""
    with np.errstate(over="ignore"):
        result = (left ^ _MUL ^ _mixed(right * _MUL) * _MUL) * _MUL
        return _mixed(_mixed(result) * _MUL)


def _columns(indices: Any, values: Any, shapes: Any, dense_inputs: Any) -> tuple[int, list[Column]]:
    """The number of rows, and the features of sparse columns, then of dense ones.

    Raises:
        InvalidArgumentError: shapes contradict each other.
    """
    sizes = [int(shape[0]) if shape.shape == (2,) else None for shape in shapes] + [
        len(d) if d.ndim == 2 else None for d in dense_inputs
    ]
    if not sizes or len(set(sizes)) != 1 or None in sizes:
        raise InvalidArgumentError(f"the columns of a cross must be matrices with one number of rows; got {sizes} rows")
    rows = sizes[0] or 0
    columns: list[Column] = []
    for where, features in zip(indices, values, strict=True):
        if where.ndim != 2 or where.shape[1] != 2 or features.shape != where.shape[:1]:
            raise InvalidArgumentError(
                f"a sparse column has indices {where.shape} and values {features.shape}; expected [n, 2] and [n]"
            )
        if len(where) and not (where[:, 0].min() >= 0 and where[:, 0].max() < rows):
            raise InvalidArgumentError(f"a sparse column has features in rows {where[:, 0].tolist()[:20]}; there are {rows} rows")
        order = np.argsort(where[:, 0], kind="stable")
        columns.append(np.split(features[order], np.searchsorted(where[order, 0], np.arange(1, rows))) if rows else [])
    columns += [list(dense) for dense in dense_inputs]
    return rows, columns


def _crossed(rows: int, columns: list[Column], dtype: DType, cross: Callable[[Sequence[Any]], Any]) -> tuple[Any, Any, Any]:
    """Indices, values and dense shape of the crosses of every row."""
    counts = [0] * rows
    for row in range(rows):
        counts[row] = int(np.prod([len(column[row]) for column in columns], dtype=object))
    if sum(counts) > _MOST_CROSSES:
        raise InvalidArgumentError(f"the cross has {sum(counts)} values; expected at most {_MOST_CROSSES}: cross smaller columns")
    parts = [cross([column[row] for column in columns]) for row in range(rows) if counts[row]]
    values = np.concatenate(parts) if parts else np.empty(0, dtype.np_dtype)
    where = np.stack([np.repeat(np.arange(rows), counts), np.concatenate([np.arange(0), *map(np.arange, counts)])], 1)
    return where.astype(np.int64), values, np.array([rows, max(counts, default=0)], np.int64)


def _texts(separator: bytes) -> Callable[[Sequence[Any]], Any]:
    def cross(features: Sequence[Any]) -> Any:
        texts = [[f if isinstance(f, bytes) else b"%d" % f for f in column.tolist()] for column in features]
        items = [separator.join(choice) for choice in product(*texts)]
        array = np.empty(len(items), object)
        array[:] = items
        return array

    return cross


def _hashes(key: int, buckets: int) -> Callable[[Sequence[Any]], Any]:
    """Crosses as hashes from `key` on, below `buckets` where that is positive."""
    modulus = np.uint64(buckets if buckets > 0 else np.iinfo(np.int64).max)

    def cross(features: Sequence[Any]) -> Any:
        result = np.array([key & 0xFFFFFFFFFFFFFFFF], np.uint64)
        for column in map(_fingerprints, features):
            result = concatenated(result[:, None], column[None, :]).ravel()
        return (result % modulus).astype(np.int64)

    return cross


def _fingerprints(column: Any) -> Any:
    """Integers as they are, texts by their fingerprint."""
    if column.dtype.kind != "O":
        return column.astype(np.int64).view(np.uint64)
    return np.array([fingerprint64(text) for text in column.tolist()], np.uint64)


def _shape(*_: Any, **__: Any) -> list[Any]:
    return [(None, 2), (None,), (2,)]


@op(
    "SparseCross",
    "indices: N*int64, values: sparse_types[], shapes: N*int64, dense_inputs: dense_types[] -> output_indices: int64,"
    " output_values: out_type, output_shape: int64",
    sparse_types=FEATURES,
    dense_types=FEATURES,
    out_type=FEATURES,
    host_only=True,
    differentiable=False,
    shape=_shape,
)
def sparse_cross(
    indices: Any,
    values: Any,
    shapes: Any,
    dense_inputs: Any,
    *,
    hashed_output: bool,
    num_buckets: int,
    hash_key: int,
    out_type: DType,
    internal_type: DType,
) -> Any:
    """Crosses as hashes from `hash_key` on, below `num_buckets` where that is positive, or as text joined by "_X_"."""
    if hashed_output is not (out_type is int64):
        raise InvalidArgumentError(f"SparseCross with hashed_output={hashed_output} cannot give {out_type.name}")
    rows, columns = _columns(indices, values, shapes, dense_inputs)
    cross = _hashes(hash_key, num_buckets) if hashed_output else _texts(SEPARATOR)
    return _crossed(rows, columns, out_type, cross)


@op(
    "SparseCrossV2",
    "indices: N*int64, values: sparse_types[], shapes: N*int64, dense_inputs: dense_types[], sep: string -> output_indices: int64,"
    " output_values: string, output_shape: int64",
    sparse_types=FEATURES,
    dense_types=FEATURES,
    host_only=True,
    differentiable=False,
    shape=_shape,
)
def sparse_cross_v2(indices: Any, values: Any, shapes: Any, dense_inputs: Any, sep: Any) -> Any:
    """Crosses as text joined by `sep`."""
    rows, columns = _columns(indices, values, shapes, dense_inputs)
    return _crossed(rows, columns, string, _texts(sep.item()))
