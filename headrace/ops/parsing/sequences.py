"""Serialized tf.train.SequenceExamples: features of the whole example, and lists of features, one for each point in time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError

from headrace.core import dtypes
from headrace.core.dtypes import DType
from headrace.core.errors import InvalidArgumentError
from headrace.core.shapes import TensorShape
from headrace.dispatch.opdef import DTypes, Shapes, op
from headrace.ops.parsing.examples import VALUES, Array, Wanted, tensors_of, texts, wanted_of
from headrace.proto.examples import Column, joined, values_of
from headrace.proto.messages import SequenceExample

Lists = list[list[Any] | None]
"""For each example the values at each point in time, or None where it has no such list."""


def _messages(serialized: Sequence[bytes]) -> list[Any]:
    found = []
    for row, data in enumerate(serialized):
        try:
            found.append(SequenceExample.FromString(data))
        except DecodeError:
            raise InvalidArgumentError(f"example {row} is not a serialized SequenceExample ({len(data)} bytes)") from None
    return found


def _context(messages: Sequence[Any], key: str, dtype: DType) -> Column:
    rows = []
    for row, message in enumerate(messages):
        features = message.context.feature
        rows.append(values_of(features[key], key, dtype, f"the context of example {row}") if key in features else None)
    return joined(rows, dtype)


def _lists(messages: Sequence[Any], key: str, dtype: DType) -> Lists:
    rows: Lists = []
    for row, message in enumerate(messages):
        lists = message.feature_lists.feature_list
        if key not in lists:
            rows.append(None)
            continue
        where = f"example {row}"
        rows.append([values_of(feature, key, dtype, where) for feature in lists[key].feature])
    return rows


def _steps(lists: Lists) -> Array:
    """How long each list is."""
    return np.array([0 if row is None else len(row) for row in lists], np.int64)


def _in_a_row(lists: Lists, dtype: DType) -> Column:
    return joined([values for row in lists if row is not None for values in row], dtype)


def _dense_lists(lists: Lists, key: str, dtype: DType, shape: TensorShape, may_miss: bool) -> tuple[Array, Array]:
    """Lists of elements of one shape, padded to the longest: [examples, time, *shape], and how long each is."""
    inner = shape.concrete()
    count = int(np.prod(inner, dtype=np.int64))
    for row, found in enumerate(lists):
        if found is None and not may_miss:
            raise InvalidArgumentError(f"example {row} has no feature list {key!r}; give it, or ask for it with allow_missing=True")
        for step, values in enumerate(found or ()):
            if values is None or len(values) != count:
                length = "no values" if values is None else f"{len(values)} values"
                raise InvalidArgumentError(
                    f"feature list {key!r} of example {row} has {length} at step {step}; shape {list(inner)} needs {count}"
                )
    steps = _steps(lists)
    width = int(steps.max(initial=0))
    out = np.full((len(lists), width, count), b"" if dtype is dtypes.string else 0, dtype.np_dtype)
    out[np.arange(width) < steps[:, None]] = _in_a_row(lists, dtype).values.reshape(-1, count)
    return out.reshape(len(lists), width, *inner), steps


def _sparse_lists(lists: Lists, dtype: DType) -> tuple[Array, Array, Array]:
    """Coordinates (example, time, place), values and shape."""
    steps, column = _steps(lists), _in_a_row(lists, dtype)
    examples = np.repeat(np.arange(len(lists)), steps)
    times = np.arange(len(examples)) - np.repeat(np.cumsum(steps) - steps, steps)
    lengths = column.lengths
    places = np.arange(len(column.values)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    indices = np.stack([np.repeat(examples, lengths), np.repeat(times, lengths), places], axis=1)
    shape = [len(lists), int(steps.max(initial=0)), int(lengths.max(initial=0))]
    return indices.astype(np.int64), column.values, np.array(shape, np.int64)


def _ragged_lists(lists: Lists, dtype: DType, splits: DType) -> tuple[Array, Array, Array]:
    """Values, the splits of time into examples and those of values into points in time."""
    column = _in_a_row(lists, dtype)
    outer, inner = (np.concatenate([[0], np.cumsum(part)]).astype(splits.np_dtype) for part in (_steps(lists), column.lengths))
    return column.values, outer, inner


def _unbatched(sparse: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
    indices, values, shape = sparse
    return indices[:, 1:], values, shape[1:]


def _shapes(serialized: Any, *_: Any, **attrs: Any) -> list[Any]:
    batch = tuple(serialized)
    splits = [(batch[0] + 1 if batch[0] is not None else None,)] if batch else [()]

    def sparse(count: int, rank: int) -> list[Any]:
        return [*[(None, rank)] * count, *[(None,)] * count, *[(rank,)] * count]

    ragged, dense = len(attrs["context_ragged_value_types"]), attrs["feature_list_dense_shapes"]
    lists = len(attrs["feature_list_ragged_value_types"])
    return [
        *sparse(attrs["Ncontext_sparse"], len(batch) + 1),
        *[(*batch, *shape) for shape in attrs["context_dense_shapes"]],
        *[(None,)] * ragged,
        *splits * ragged,
        *sparse(attrs["Nfeature_list_sparse"], len(batch) + 2),
        *[(*batch, None, *shape) for shape in dense],
        *[batch] * len(dense),
        *[(None,)] * lists,
        *splits * lists,
        *[(None,)] * lists,
    ]


@op(
    "ParseSequenceExampleV2",
    "serialized: string, debug_name: string, context_sparse_keys: string, context_dense_keys: string, context_ragged_keys: string,"
    " feature_list_sparse_keys: string, feature_list_dense_keys: string, feature_list_ragged_keys: string,"
    " feature_list_dense_missing_assumed_empty: bool, context_dense_defaults: Tcontext_dense[] ->"
    " context_sparse_indices: Ncontext_sparse*int64, context_sparse_values: context_sparse_types[],"
    " context_sparse_shapes: Ncontext_sparse*int64, context_dense_values: Tcontext_dense[],"
    " context_ragged_values: context_ragged_value_types[], context_ragged_row_splits: context_ragged_split_types[],"
    " feature_list_sparse_indices: Nfeature_list_sparse*int64, feature_list_sparse_values: feature_list_sparse_types[],"
    " feature_list_sparse_shapes: Nfeature_list_sparse*int64, feature_list_dense_values: feature_list_dense_types[],"
    " feature_list_dense_lengths: Nfeature_list_dense*int64, feature_list_ragged_values: feature_list_ragged_value_types[],"
    " feature_list_ragged_outer_splits: feature_list_ragged_split_types[],"
    " feature_list_ragged_inner_splits: feature_list_ragged_split_types[]",
    Tcontext_dense=VALUES,
    context_sparse_types=VALUES,
    context_ragged_value_types=VALUES,
    context_ragged_split_types=dtypes.INDEX,
    feature_list_dense_types=VALUES,
    feature_list_sparse_types=VALUES,
    feature_list_ragged_value_types=VALUES,
    feature_list_ragged_split_types=dtypes.INDEX,
    host_only=True,
    differentiable=False,
    shape=_shapes,
)
def parse_sequence_example_v2(
    serialized: Any,
    debug_name: Any,
    context_sparse_keys: Any,
    context_dense_keys: Any,
    context_ragged_keys: Any,
    feature_list_sparse_keys: Any,
    feature_list_dense_keys: Any,
    feature_list_ragged_keys: Any,
    feature_list_dense_missing_assumed_empty: Any,
    context_dense_defaults: Any,
    *,
    Ncontext_sparse: int = 0,
    context_sparse_types: DTypes = (),
    context_ragged_value_types: DTypes = (),
    context_ragged_split_types: DTypes = (),
    context_dense_shapes: Shapes = (),
    Nfeature_list_sparse: int = 0,
    Nfeature_list_dense: int = 0,
    feature_list_dense_types: DTypes = (),
    feature_list_sparse_types: DTypes = (),
    feature_list_ragged_value_types: DTypes = (),
    feature_list_ragged_split_types: DTypes = (),
    feature_list_dense_shapes: Shapes = (),
) -> Any:
    """Reads sequence examples, a vector or one; for one, results have no dimension for the batch."""
    if serialized.ndim > 1:
        raise InvalidArgumentError(f"serialized must be a scalar or a vector; got shape {list(serialized.shape)}")
    batched = serialized.ndim == 1
    messages = _messages(serialized.ravel().tolist())
    context = wanted_of(
        texts(context_sparse_keys), context_sparse_types, texts(context_dense_keys), context_dense_shapes, context_dense_defaults
    )
    ragged = zip(texts(context_ragged_keys), context_ragged_value_types, context_ragged_split_types, strict=True)
    context = context._replace(ragged=list(ragged))
    sparse = list(zip(texts(feature_list_sparse_keys), feature_list_sparse_types, strict=True))
    dense = list(zip(texts(feature_list_dense_keys), feature_list_dense_types, feature_list_dense_shapes, strict=True))
    rows = list(zip(texts(feature_list_ragged_keys), feature_list_ragged_value_types, feature_list_ragged_split_types, strict=True))
    may_miss = np.broadcast_to(feature_list_dense_missing_assumed_empty, len(dense)).tolist()
    found_sparse = [_sparse_lists(_lists(messages, *item), item[1]) for item in sparse]
    found_dense = [
        _dense_lists(_lists(messages, key, dtype), key, dtype, shape, missing)
        for (key, dtype, shape), missing in zip(dense, may_miss, strict=True)
    ]
    found_ragged = [_ragged_lists(_lists(messages, key, dtype), dtype, splits) for key, dtype, splits in rows]
    if not batched:
        found_sparse = [_unbatched(item) for item in found_sparse]
        found_dense = [(values[0], steps[0]) for values, steps in found_dense]
        found_ragged = [(values, outer[0], inner) for values, outer, inner in found_ragged]
    return (
        *_context_tensors(messages, context, batched),
        *_parts(found_sparse, 3),
        *_parts(found_dense, 2),
        *_parts(found_ragged, 3),
    )


def _context_tensors(messages: Sequence[Any], context: Wanted, batched: bool) -> tuple[Any, ...]:
    names = [item[:2] for group in context for item in group]
    *parts, values, splits = tensors_of(context, [_context(messages, *item) for item in names], batched)
    if not batched:
        splits = [np.zeros((), part.dtype) for part in splits]
    return (*parts, values, splits)


def _parts(items: Sequence[Sequence[Any]], count: int) -> list[list[Any]]:
    """Tuples of results as lists of each."""
    return [[item[part] for item in items] for part in range(count)]
