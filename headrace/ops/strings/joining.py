"""Joining strings, along axes, by segments, into n-grams."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from headrace.core.dtypes import INDEX, string
from headrace.core.errors import InvalidArgumentError, OutOfRangeError
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import Ints, get, op
from headrace.dispatch.tensor import Tensor
from headrace.ops.strings.elements import Dims, check_splits, encoded, strings


def _joined_shape(inputs: tuple[Dims, ...], **_: Any) -> Dims:
    return max(inputs, key=len, default=())


@op("StringJoin", "inputs: N*string -> output: string", host_only=True, shape=_joined_shape)
def string_join(inputs: tuple[Any, ...], *, separator: str = "") -> Any:
    """The strings of several tensors joined element by element; scalars go with every element."""
    shapes = {item.shape for item in inputs if item.ndim}
    if len(shapes) > 1:
        raise InvalidArgumentError(f"inputs must have one shape or be scalars; got {sorted(map(list, shapes))}")
    shape = shapes.pop() if shapes else ()
    columns = [np.broadcast_to(item, shape).ravel().tolist() for item in inputs]
    return strings(map(encoded(separator).join, zip(*columns, strict=True)), shape)


def join(inputs: Any, separator: str = "", name: str | None = None) -> Tensor:
    """The strings of a list of tensors joined element by element; scalars go with every element."""
    return string_join(list(inputs), separator=separator, name=name)


def _axes(indices: Any, rank: int) -> list[int]:
    axes = []
    for axis in indices.ravel().tolist():
        if not -rank <= axis < rank:
            raise OutOfRangeError(f"axis {axis} is out of range; the input has {rank} dimensions")
        if axis % rank in axes:
            raise InvalidArgumentError(f"axis {axis} is given twice in {indices.tolist()}")
        axes.append(axis % rank)
    return axes


@op("ReduceJoin", "inputs: string, reduction_indices: int32 -> output: string", host_only=True)
def reduce_join_op(inputs: Any, reduction_indices: Any, *, keep_dims: bool = False, separator: str = "") -> Any:
    """The strings along the axes joined, the first axis of the list running fastest."""
    axes = _axes(reduction_indices, inputs.ndim)
    if not axes:
        return inputs
    kept = [axis for axis in range(inputs.ndim) if axis not in axes]
    moved = inputs.transpose([*kept, *reversed(axes)])
    outer = [inputs.shape[axis] for axis in kept]
    rows = moved.reshape(int(np.prod(outer)), int(np.prod([inputs.shape[axis] for axis in axes])))
    joined = strings(map(encoded(separator).join, rows.tolist()))
    return joined.reshape([1 if axis in axes else n for axis, n in enumerate(inputs.shape)] if keep_dims else outer)


def reduce_join(inputs: Any, axis: Any = None, keepdims: bool = False, separator: str = "", name: str | None = None) -> Tensor:
    """The strings along `axis` joined, the first of several axes running fastest; by rows when it is None.

    Raises:
        OutOfRangeError: an axis is not one of the input's.
        InvalidArgumentError: an axis is given twice.
    """
    inputs = convert_to_tensor(inputs, string)
    if axis is None:
        rank = inputs.shape.rank
        axis = get("Range")(get("Rank")(inputs) - 1, -1, -1) if rank is None else np.arange(rank - 1, -1, -1, dtype=np.int32)
    return reduce_join_op(inputs, axis, keep_dims=keepdims, separator=separator, name=name)


@op(
    "UnsortedSegmentJoin",
    "inputs: string, segment_ids: Tindices, num_segments: Tnumsegments -> output: string",
    Tindices=INDEX,
    Tnumsegments=INDEX,
    host_only=True,
)
def unsorted_segment_join_op(inputs: Any, segment_ids: Any, num_segments: Any, *, separator: str = "") -> Any:
    """The strings of each segment joined in the order in which they come."""
    count = int(num_segments)
    if inputs.shape[: segment_ids.ndim] != segment_ids.shape:
        raise InvalidArgumentError(f"inputs of shape {list(inputs.shape)} must begin with that of segment_ids, {segment_ids.shape}")
    if segment_ids.size and not 0 <= segment_ids.min() <= segment_ids.max() < count:
        raise InvalidArgumentError(f"segment_ids must be 0 to {count - 1}; got {segment_ids.min()} to {segment_ids.max()}")
    rest = inputs.shape[segment_ids.ndim :]
    width = int(np.prod(rest))
    parts: list[list[bytes]] = [[] for _ in range(count * width)]
    rows = inputs.reshape(segment_ids.size, width).tolist()
    for segment, row in zip(segment_ids.ravel().tolist(), rows, strict=True):
        for column, item in enumerate(row):
            parts[segment * width + column].append(item)
    return strings(map(encoded(separator).join, parts), (count, *rest))


def unsorted_segment_join(inputs: Any, segment_ids: Any, num_segments: Any, separator: str = "", name: str | None = None) -> Tensor:
    """The strings of each segment joined in the order in which they come."""
    return unsorted_segment_join_op(inputs, segment_ids, num_segments, separator=separator, name=name)


def _row_ngrams(row: list[bytes], widths: Ints, pads: tuple[bytes, bytes, int], keep_short: bool) -> list[list[bytes]]:
    left, right, wanted = pads
    found: list[list[bytes]] = []
    for width in widths:
        pad = width - 1 if wanted < 0 else min(wanted, width - 1)
        padded = [left] * pad + row + [right] * pad
        found.extend(padded[start : start + width] for start in range(len(padded) - width + 1))
    if not found and keep_short and row and widths:
        pad = widths[0] - 1 if wanted < 0 else min(wanted, widths[0] - 1)
        return [[left] * pad + row + [right] * pad]
    return found


@op(
    "StringNGrams",
    "data: string, data_splits: Tsplits -> ngrams: string, ngrams_splits: Tsplits",
    Tsplits=INDEX,
    host_only=True,
    shape=lambda data, data_splits, **_: [(None,), data_splits],
)
def string_ngrams(
    data: Any,
    data_splits: Any,
    *,
    separator: str,
    ngram_widths: Ints,
    left_pad: str,
    right_pad: str,
    pad_width: int,
    preserve_short_sequences: bool,
) -> Any:
    """The n-grams of each row of a ragged tensor of strings, for every width in turn."""
    if any(width < 1 for width in ngram_widths):
        raise InvalidArgumentError(f"ngram_widths must be 1 or more; got {list(ngram_widths)}")
    splits = check_splits(data_splits, len(data))
    items, pads = data.tolist(), (encoded(left_pad), encoded(right_pad), pad_width)
    grams: list[bytes] = []
    ends = [0] if splits else []
    for start, end in itertools.pairwise(splits):
        grams.extend(
            encoded(separator).join(g) for g in _row_ngrams(items[start:end], ngram_widths, pads, preserve_short_sequences)
        )
        ends.append(len(grams))
    return strings(grams), np.array(ends, data_splits.dtype)
