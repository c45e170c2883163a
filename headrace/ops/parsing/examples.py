"""Serialized tf.Examples into dense, sparse and ragged tensors."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import numpy as np

from headrace.core import dtypes
from headrace.core.dtypes import DType
from headrace.core.errors import InvalidArgumentError
from headrace.core.shapes import TensorShape
from headrace.dispatch.opdef import DTypes, Shapes, Strs, op
from headrace.proto.examples import KINDS, Column, read

VALUES = tuple(KINDS)
Array = np.ndarray[Any, Any]


class Wanted(NamedTuple):
    """The features to read.

    Attributes:
        sparse: names and dtypes of those of any length that become sparse.
        dense: likewise of those that become dense, with their shape (the first dimension may be None) and default.
        ragged: likewise of those that become ragged, with the dtype of row splits.
    """

    sparse: Sequence[tuple[str, DType]]
    dense: Sequence[tuple[str, DType, TensorShape, Array]]
    ragged: Sequence[tuple[str, DType, DType]]


def parse(serialized: Array, wanted: Wanted, packed: Collection[str] = ()) -> tuple[Any, ...]:
    """Sparse indices, values and shapes, dense values, ragged values and row splits: a list of each.

    Args:
        serialized: examples, a vector or a scalar; for a scalar results have no dimension for the batch.
        wanted: what to read.
        packed: names of dense strings that may be given as uint8, their bytes along a last axis more.
    """
    if serialized.ndim > 1:
        raise InvalidArgumentError(f"serialized must be a scalar or a vector; got shape {list(serialized.shape)}")
    names = [item[:2] for group in wanted for item in group]
    examples = serialized.ravel().tolist()
    columns = read(examples, names, packed)
    if any(column.values.ndim > 1 and column.each is None for column in columns):
        columns = read(examples, names)
    return tensors_of(wanted, columns, serialized.ndim == 1)


def tensors_of(wanted: Wanted, columns: Sequence[Column], batched: bool) -> tuple[Any, ...]:
    """The results of `parse`, of columns in the order of `wanted`."""
    found = iter(columns)
    sparse = [_sparse(next(found), batched) for _ in wanted.sparse]
    dense = [_dense(next(found), *item, batched) for item in wanted.dense]
    ragged = [_ragged(next(found), splits, batched) for *_, splits in wanted.ragged]
    parts = [list(part) for part in zip(*sparse, strict=True)] or [[], [], []]
    rows = [list(part) for part in zip(*ragged, strict=True)] or [[], []]
    return (*parts, dense, *rows)


def _sparse(column: Column, batched: bool) -> tuple[Array, Array, Array]:
    lengths = column.lengths
    places = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    shape = [len(lengths), int(lengths.max(initial=0))]
    indices = np.stack([np.repeat(np.arange(len(lengths)), lengths), places], axis=1)
    keep = slice(None) if batched else slice(1, None)
    return indices[:, keep].astype(np.int64), column.values, np.array(shape[keep], np.int64)


def _dense(column: Column, key: str, dtype: DType, shape: TensorShape, default: Array, batched: bool) -> Array:
    inner = tuple(d or 0 for d in shape[1:]) if shape.rank else ()
    if shape.rank and shape[0] is None:
        whole = _padded(column, key, dtype, inner, default)
    else:
        whole = fixed(column, key, shape.concrete(), default)
    return whole if batched else whole[0]


def fixed(column: Column, key: str, shape: tuple[int, ...], default: Array) -> Array:
    """A feature that every example has in one shape.

    Args:
        column: its values.
        key: its name.
        shape: of the values of one example.
        default: what an example without the feature has: one value, or as many as `shape` takes; without values, the feature is
            required.

    Raises:
        InvalidArgumentError: a feature is missing, or has another number of values.
    """
    count = math.prod(shape)
    if default.size and default.size not in (1, count):
        raise InvalidArgumentError(f"the default of feature {key!r} has shape {list(default.shape)}; expected {list(shape)}")
    rows = len(column.counts)
    if column.each == count:
        return column.values.reshape(rows, *shape, *column.values.shape[1:])
    unusual = column.counts != count
    if not unusual.any():
        return column.values.reshape(rows, *shape)
    missing = column.counts < 0
    wrong = np.flatnonzero(unusual & ~missing if default.size or not count else unusual)
    if wrong.size:
        row = wrong[0]
        if missing[row]:
            raise InvalidArgumentError(f"example {row} has no feature {key!r}, which has no default; give it, or a default")
        raise InvalidArgumentError(
            f"feature {key!r} of example {row} has {column.counts[row]} values; shape {list(shape)} needs {count}"
        )
    out = np.empty((rows, count), column.values.dtype)
    out[missing] = default.ravel()
    out[~missing] = column.values.reshape(-1, count)
    return out.reshape(rows, *shape)


def _padded(column: Column, key: str, dtype: DType, inner: tuple[int, ...], default: Array) -> Array:
    """Rows of `inner` values, as many as the longest example has."""
    count = math.prod(inner) or 1
    lengths = column.lengths
    wrong = np.flatnonzero(lengths % count)
    if wrong.size:
        row = wrong[0]
        raise InvalidArgumentError(
            f"feature {key!r} of example {row} has {lengths[row]} values, which do not divide into elements of shape {list(inner)}"
        )
    width = int(lengths.max(initial=0))
    out = np.empty((len(lengths), width), dtype.np_dtype)
    out[:] = default.ravel()[0] if default.size else b"" if dtype is dtypes.string else 0
    out[np.arange(width) < lengths[:, None]] = column.values
    return out.reshape(len(lengths), width // count, *inner)


def _ragged(column: Column, splits: DType, batched: bool) -> tuple[Array, Array]:
    rows = np.concatenate([[0], np.cumsum(column.lengths)]) if batched else np.empty(0)
    return column.values, rows.astype(splits.np_dtype)


def texts(keys: Any) -> list[str]:
    """Strings of a tensor as Python's."""
    return [key.decode() if isinstance(key, bytes) else str(key) for key in np.asarray(keys, object).ravel().tolist()]


def wanted_of(
    sparse: Sequence[str], sparse_types: DTypes, dense: Sequence[str], dense_shapes: Shapes, defaults: Sequence[Array]
) -> Wanted:
    """Sparse and dense features, as many of each as their types, shapes and defaults say."""
    if len(sparse) != len(sparse_types) or not len(dense) == len(dense_shapes) == len(defaults):
        raise InvalidArgumentError(
            f"got {len(sparse)} sparse keys for {len(sparse_types)} types, and {len(dense)} dense keys for"
            f" {len(dense_shapes)} shapes and {len(defaults)} defaults; expected as many of each"
        )
    kinds = [dtypes.string if d.dtype == object else dtypes.from_numpy(d.dtype) for d in defaults]
    return Wanted(list(zip(sparse, sparse_types, strict=True)), list(zip(dense, kinds, dense_shapes, defaults, strict=True)), [])


def _dense_shapes(serialized: Any, dense_shapes: Shapes) -> list[Any]:
    return [(*serialized, *shape) for shape in dense_shapes]


def _sparse_shapes(serialized: Any, count: int) -> list[Any]:
    rank = len(serialized) + 1
    return [*[(None, rank)] * count, *[(None,)] * count, *[(rank,)] * count]


def shapes_v2(serialized: Any, *_: Any, num_sparse: int, dense_shapes: Shapes, ragged_value_types: DTypes, **__: Any) -> list[Any]:
    """The shape rule of ParseExampleV2."""
    splits = [(serialized[0] + 1,) if serialized else (0,)] * len(ragged_value_types)
    ragged = [(None,)] * len(ragged_value_types)
    return [*_sparse_shapes(serialized, num_sparse), *_dense_shapes(serialized, dense_shapes), *ragged, *splits]


@op(
    "ParseExampleV2",
    "serialized: string, names: string, sparse_keys: string, dense_keys: string, ragged_keys: string, dense_defaults: Tdense[] ->"
    " sparse_indices: num_sparse*int64, sparse_values: sparse_types[], sparse_shapes: num_sparse*int64, dense_values: Tdense[],"
    " ragged_values: ragged_value_types[], ragged_row_splits: ragged_split_types[]",
    Tdense=VALUES,
    sparse_types=VALUES,
    ragged_value_types=VALUES,
    ragged_split_types=dtypes.INDEX,
    host_only=True,
    differentiable=False,
    shape=shapes_v2,
)
def parse_example_v2(
    serialized: Any,
    names: Any,
    sparse_keys: Any,
    dense_keys: Any,
    ragged_keys: Any,
    dense_defaults: Any,
    *,
    num_sparse: int,
    sparse_types: DTypes,
    ragged_value_types: DTypes,
    ragged_split_types: DTypes,
    dense_shapes: Shapes,
) -> Any:
    """Reads examples, a vector or one."""
    wanted = wanted_of(texts(sparse_keys), sparse_types, texts(dense_keys), dense_shapes, dense_defaults)
    ragged = list(zip(texts(ragged_keys), ragged_value_types, ragged_split_types, strict=True))
    return parse(serialized, wanted._replace(ragged=ragged))


def _shapes_v1(serialized: Any, *_: Any, Nsparse: int, dense_shapes: Shapes, **__: Any) -> list[Any]:
    return [*_sparse_shapes(serialized, Nsparse), *_dense_shapes(serialized, dense_shapes)]


@op(
    "ParseExample",
    "serialized: string, names: string, sparse_keys: Nsparse*string, dense_keys: Ndense*string, dense_defaults: Tdense[] ->"
    " sparse_indices: Nsparse*int64, sparse_values: sparse_types[], sparse_shapes: Nsparse*int64, dense_values: Tdense[]",
    Tdense=VALUES,
    sparse_types=VALUES,
    host_only=True,
    differentiable=False,
    shape=_shapes_v1,
)
def parse_example_v1(
    serialized: Any,
    names: Any,
    sparse_keys: Any,
    dense_keys: Any,
    dense_defaults: Any,
    *,
    sparse_types: DTypes,
    dense_shapes: Shapes,
) -> Any:
    """Reads a vector of examples; the older form."""
    sparse, dense = ([key for item in keys for key in texts(item)] for keys in (sparse_keys, dense_keys))
    return parse(serialized, wanted_of(sparse, sparse_types, dense, dense_shapes, dense_defaults))[:4]


def _shapes_single(serialized: Any, *_: Any, num_sparse: int, dense_shapes: Shapes, **__: Any) -> list[Any]:
    return [*_sparse_shapes(serialized, num_sparse), *_dense_shapes(serialized, dense_shapes)]


@op(
    "ParseSingleExample",
    "serialized: string, dense_defaults: Tdense[] -> sparse_indices: num_sparse*int64, sparse_values: sparse_types[],"
    " sparse_shapes: num_sparse*int64, dense_values: Tdense[]",
    Tdense=VALUES,
    sparse_types=VALUES,
    host_only=True,
    differentiable=False,
    shape=_shapes_single,
)
def parse_single_example_op(
    serialized: Any,
    dense_defaults: Any,
    *,
    num_sparse: int,
    sparse_keys: Strs,
    dense_keys: Strs,
    sparse_types: DTypes,
    dense_shapes: Shapes,
) -> Any:
    """Reads one example."""
    return parse(serialized, wanted_of(sparse_keys, sparse_types, dense_keys, dense_shapes, dense_defaults))[:4]
