"""Serialized tf.Examples into dense, sparse and ragged tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from headrace.core import dtypes
from headrace.core.dtypes import DType
from headrace.core.errors import InvalidArgumentError
from headrace.core.shapes import TensorShape
from headrace.dispatch.opdef import DTypes, Shapes, Strs, op
from headrace.proto.examples import KINDS, read

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


def parse(serialized: Array, wanted: Wanted) -> tuple[Any, ...]:
    """Sparse indices, values and shapes, dense values, ragged values and row splits: a list of each.

    Args:
        serialized: examples, a vector or a scalar; for a scalar results have no dimension for the batch.
        wanted: what to read.
    """
    if serialized.ndim > 1:
        raise InvalidArgumentError(f"serialized must be a scalar or a vector; got shape {list(serialized.shape)}")
    names = [item[:2] for group in wanted for item in group]
    found = iter(read(serialized.ravel().tolist(), names))
    batched = serialized.ndim == 1
    sparse = [_sparse(next(found), dtype, batched) for _, dtype in wanted.sparse]
    dense = [_dense(next(found), *item, batched) for item in wanted.dense]
    ragged = [_ragged(next(found), *item[1:], batched) for item in wanted.ragged]
    parts = [list(part) for part in zip(*sparse, strict=True)] or [[], [], []]
    rows = [list(part) for part in zip(*ragged, strict=True)] or [[], []]
    return (*parts, dense, *rows)


def _joined(column: list[Any], dtype: DType) -> Array:
    present = [values for values in column if values is not None and len(values)]
    return np.concatenate(present) if present else np.empty(0, dtype.np_dtype)


def _lengths(column: list[Any]) -> Array:
    return np.array([0 if values is None else len(values) for values in column], np.int64)


def _sparse(column: list[Any], dtype: DType, batched: bool) -> tuple[Array, Array, Array]:
    lengths = _lengths(column)
    places = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    shape = [len(column), int(lengths.max(initial=0))]
    indices = np.stack([np.repeat(np.arange(len(column)), lengths), places], axis=1)
    keep = slice(None) if batched else slice(1, None)
    return indices[:, keep].astype(np.int64), _joined(column, dtype), np.array(shape[keep], np.int64)


def _dense(column: list[Any], key: str, dtype: DType, shape: TensorShape, default: Array, batched: bool) -> Array:
    inner = tuple(d or 0 for d in shape[1:]) if shape.rank else ()
    if shape.rank and shape[0] is None:
        whole = _padded(column, key, dtype, inner, default)
    else:
        whole = _fixed(column, key, dtype, shape.concrete(), default)
    return whole if batched else whole[0]


def _fixed(column: list[Any], key: str, dtype: DType, shape: tuple[int, ...], default: Array) -> Array:
    count = int(np.prod(shape, dtype=np.int64))
    if default.size and default.size not in (1, count):
        raise InvalidArgumentError(f"the default of feature {key!r} has shape {list(default.shape)}; expected {list(shape)}")
    out = np.empty((len(column), count), dtype.np_dtype)
    for row, values in enumerate(column):
        if values is None:
            if not default.size and count:
                raise InvalidArgumentError(f"example {row} has no feature {key!r}, which has no default; give it, or a default")
            out[row] = default.ravel()
        elif len(values) != count:
            raise InvalidArgumentError(
                f"feature {key!r} of example {row} has {len(values)} values; shape {list(shape)} needs {count}"
            )
        else:
            out[row] = values
    return out.reshape(len(column), *shape)


def _padded(column: list[Any], key: str, dtype: DType, inner: tuple[int, ...], default: Array) -> Array:
    """Rows of `inner` values, as many as the longest example has."""
    count = int(np.prod(inner, dtype=np.int64)) or 1
    lengths = _lengths(column)
    wrong = np.flatnonzero(lengths % count)
    if wrong.size:
        row = wrong[0]
        raise InvalidArgumentError(
            f"feature {key!r} of example {row} has {lengths[row]} values, which do not divide into elements of shape {list(inner)}"
        )
    out = np.empty((len(column), int(lengths.max(initial=0))), dtype.np_dtype)
    out[:] = default.ravel()[0] if default.size else b"" if dtype is dtypes.string else 0
    for row, values in enumerate(column):
        if values is not None:
            out[row, : len(values)] = values
    return out.reshape(len(column), out.shape[1] // count, *inner)


def _ragged(column: list[Any], dtype: DType, splits: DType, batched: bool) -> tuple[Array, Array]:
    rows = np.concatenate([[0], np.cumsum(_lengths(column))]) if batched else np.empty(0)
    return _joined(column, dtype), rows.astype(splits.np_dtype)


def _texts(keys: Any) -> list[str]:
    return [key.decode() if isinstance(key, bytes) else str(key) for key in np.asarray(keys, object).ravel().tolist()]


def _wanted(
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


def _shapes_v2(serialized: Any, *_: Any, num_sparse: int, dense_shapes: Shapes, ragged_value_types: DTypes, **__: Any) -> list[Any]:
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
    shape=_shapes_v2,
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
    wanted = _wanted(_texts(sparse_keys), sparse_types, _texts(dense_keys), dense_shapes, dense_defaults)
    ragged = list(zip(_texts(ragged_keys), ragged_value_types, ragged_split_types, strict=True))
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
    sparse, dense = ([key for item in keys for key in _texts(item)] for keys in (sparse_keys, dense_keys))
    return parse(serialized, _wanted(sparse, sparse_types, dense, dense_shapes, dense_defaults))[:4]


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
    return parse(serialized, _wanted(sparse_keys, sparse_types, dense_keys, dense_shapes, dense_defaults))[:4]
