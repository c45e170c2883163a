"""Sparse tensors put in order, reshaped, joined, cut and filled."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from headrace.core.dtypes import NUMERIC
from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.opdef import get, op
from headrace.ops.sparse import coordinates

_SPARSE = "output_indices: int64, output_values: T"


@op(
    "SparseReorder",
    f"input_indices: int64, input_values: T, input_shape: int64 -> {_SPARSE}",
    host_only=True,
    shape=lambda indices, values, shape: [indices, values],
)
def sparse_reorder(indices: Any, values: Any, shape: Any) -> Any:
    """The coordinates in row-major order, with their values."""
    coordinates.check(indices, values, shape)
    places = coordinates.order(indices)
    return indices[places], values[places]


@sparse_reorder.gradient
def _reorder_gradient(record: Any, _: Any, grad: Any) -> Any:
    indices, values, shape = record.inputs
    count = get("Shape")(values)
    _, places = sparse_reorder.all(indices, get("Range")(0, get("Size")(values), 1), shape)
    back = get("ScatterNd")(get("ExpandDims")(places, -1), get("Range")(0, get("Size")(values), 1), count)
    return None, get("GatherV2")(grad, back, 0), None


@op(
    "SparseReshape",
    "input_indices: int64, input_shape: int64, new_shape: int64 -> output_indices: int64, output_shape: int64",
    host_only=True,
    differentiable=False,
    shape=lambda indices, shape, new: [(indices[0], new[0]), new],
)
def sparse_reshape(indices: Any, shape: Any, new_shape: Any) -> Any:
    """The coordinates of the same elements in another shape, of which one dimension may be -1."""
    dims, wanted = tuple(int(d) for d in shape), [int(d) for d in new_shape]
    total = math.prod(dims)
    if wanted.count(-1) > 1:
        raise InvalidArgumentError(f"only one dimension of the new shape may be -1; got {wanted}")
    if -1 in wanted:
        rest = math.prod(d for d in wanted if d != -1)
        if not rest or total % rest:
            raise InvalidArgumentError(f"a sparse tensor of shape {list(dims)} cannot be reshaped to {wanted}")
        wanted[wanted.index(-1)] = total // rest
    if math.prod(wanted) != total:
        raise InvalidArgumentError(f"a sparse tensor of shape {list(dims)} ({total} places) cannot be reshaped to {wanted}")
    return coordinates.unflat(coordinates.flat(indices, dims), tuple(wanted)), np.array(wanted, np.int64)


def _concat_shape(indices: Any, values: Any, shapes: Any, **_: Any) -> Any:
    count = sum(v[0] for v in values)
    return [(count, indices[0][1]), (count,), shapes[0]]


@op(
    "SparseConcat",
    f"indices: N*int64, values: N*T, shapes: N*int64 -> {_SPARSE}, output_shape: int64",
    host_only=True,
    shape=_concat_shape,
)
def sparse_concat(indices: Any, values: Any, shapes: Any, *, concat_dim: int) -> Any:
    """Sparse tensors one after the other along a dimension, in row-major order."""
    first, (axis,) = shapes[0], coordinates.axes(concat_dim, len(shapes[0]))
    moved, offset = [], 0
    for rows, items, shape in zip(indices, values, shapes, strict=True):
        coordinates.check(rows, items, shape)
        if len(shape) != len(first) or any(a != b for i, (a, b) in enumerate(zip(shape, first, strict=True)) if i != axis):
            raise InvalidArgumentError(
                f"sparse tensors of the shapes {[s.tolist() for s in shapes]} cannot be joined along dimension {axis}"
            )
        step = np.zeros(len(first), np.int64)
        step[axis] = offset
        moved.append(rows + step)
        offset += int(shape[axis])
    whole = np.array(first)
    whole[axis] = offset
    joined = np.concatenate(moved)
    places = coordinates.order(joined)
    return joined[places], np.concatenate(values)[places], whole


@sparse_concat.gradient
def _concat_gradient(record: Any, _: Any, grad: Any, __: Any) -> Any:
    count = len(record.inputs) // 3
    indices, values, shapes = (list(record.inputs[i * count : (i + 1) * count]) for i in range(3))
    numbers: list[Any] = []
    start: Any = 0
    for item in values:
        size = get("Size")(item)
        numbers.append(get("Range")(start, get("AddV2")(size, start), 1))
        start = get("AddV2")(size, start)
    _, places, _ = sparse_concat.all(indices, numbers, shapes, **record.attrs)
    back = get("ScatterNd")(get("ExpandDims")(places, -1), get("Range")(0, start, 1), get("Shape")(places))
    return [*[None] * count, *[get("GatherV2")(grad, get("GatherV2")(back, n, 0), 0) for n in numbers], *[None] * count]


def _slice_shape(indices: Any, values: Any, shape: Any, start: Any, size: Any) -> Any:
    return [(None, indices[1]), (None,), shape]


def _slice_places(indices: Any, start: Any, size: Any) -> Any:
    if (start < 0).any() or (size < 0).any():
        raise InvalidArgumentError(f"start and size must not be negative; got {start.tolist()} and {size.tolist()}")
    return np.flatnonzero(((indices >= start) & (indices < start + size)).all(1))


@op(
    "SparseSlice",
    f"indices: int64, values: T, shape: int64, start: int64, size: int64 -> {_SPARSE}, output_shape: int64",
    host_only=True,
    shape=_slice_shape,
)
def sparse_slice(indices: Any, values: Any, shape: Any, start: Any, size: Any) -> Any:
    """The part of a sparse tensor in a box of the given size from `start` on, cut off where the tensor ends."""
    coordinates.check(indices, values, shape)
    if start.shape != shape.shape or size.shape != shape.shape:
        raise InvalidArgumentError(f"start and size need one entry a dimension; got {start.tolist()} and {size.tolist()}")
    places = _slice_places(indices, start, size)
    return indices[places] - start, values[places], np.maximum(np.minimum(size, shape - start), 0)


@op(
    "SparseSliceGrad",
    "backprop_val_grad: T, input_indices: int64, input_start: int64, output_indices: int64 -> val_grad: T",
    T=NUMERIC,
    host_only=True,
    differentiable=False,
    shape=lambda grad, indices, start, output: (indices[0],),
)
def sparse_slice_grad(grad: Any, indices: Any, start: Any, output_indices: Any) -> Any:
    """The gradient of SparseSlice: that of each value that was taken, 0 for the others."""
    taken = {tuple(row): g for row, g in zip((output_indices + start).tolist(), grad, strict=True)}
    return np.array([taken.get(tuple(row), 0) for row in indices.tolist()], grad.dtype)


@sparse_slice.gradient
def _slice_gradient(record: Any, _: Any, grad: Any, __: Any) -> Any:
    return None, sparse_slice_grad(grad, record.inputs[0], record.inputs[3], record.outputs[0]), None, None, None


def _split_sizes(length: int, count: int) -> list[int]:
    """The sizes of nearly equal parts, larger ones first."""
    return [length // count + (i < length % count) for i in range(count)]


@op(
    "SparseSplit",
    "split_dim: int64, indices: int64, values: T, shape: int64 -> output_indices: num_split*int64, output_values: num_split*T,"
    " output_shape: num_split*int64",
    host_only=True,
    differentiable=False,
)
def sparse_split(split_dim: Any, indices: Any, values: Any, shape: Any, *, num_split: int) -> Any:
    """A sparse tensor in parts along a dimension, the first of which are one longer where it does not divide evenly."""
    dims = coordinates.check(indices, values, shape)
    (axis,) = coordinates.axes(split_dim, len(dims))
    if not 0 < num_split <= dims[axis]:
        raise InvalidArgumentError(f"num_split must be 1 to {dims[axis]}, the size of dimension {axis}; got {num_split}")
    parts: tuple[list[Any], list[Any], list[Any]] = ([], [], [])
    start = 0
    for size in _split_sizes(dims[axis], num_split):
        inside = (indices[:, axis] >= start) & (indices[:, axis] < start + size)
        rows, whole = indices[inside], np.array(shape)
        rows[:, axis] -= start
        whole[axis] = size
        for group, item in zip(parts, (rows, values[inside], whole), strict=True):
            group.append(item)
        start += size
    return tuple(map(tuple, parts))


def _filled_shape(indices: Any, values: Any, dense_shape: Any, default: Any) -> Any:
    return [(None, indices[1]), (None,), (None,), values]


@op(
    "SparseFillEmptyRows",
    f"indices: int64, values: T, dense_shape: int64, default_value: T -> {_SPARSE}, empty_row_indicator: bool,"
    " reverse_index_map: int64",
    host_only=True,
    shape=_filled_shape,
)
def sparse_fill_empty_rows(indices: Any, values: Any, dense_shape: Any, default: Any) -> Any:
    """A sparse tensor that has `default_value` at column 0 of each row without values, which rows, and where values went."""
    dims = coordinates.check(indices, values, dense_shape)
    if not dims or default.ndim:
        raise InvalidArgumentError(
            f"needs a rank of at least 1 and a scalar default_value; got {list(dims)} and {list(default.shape)}"
        )
    empty = np.bincount(indices[:, 0], minlength=dims[0]) == 0
    extra = np.zeros((int(empty.sum()), len(dims)), np.int64)
    extra[:, 0] = np.flatnonzero(empty)
    rows = np.concatenate([indices, extra])
    places = np.argsort(rows[:, 0], kind="stable")
    back = np.empty(len(rows), np.int64)
    back[places] = np.arange(len(rows))
    every = np.concatenate([values, np.full(len(extra), default, values.dtype)])
    return rows[places], every[places], empty, back[: len(indices)]


@op(
    "SparseFillEmptyRowsGrad",
    "reverse_index_map: int64, grad_values: T -> d_values: T, d_default_value: T",
    host_only=True,
    differentiable=False,
    shape=lambda back, grad: [back, ()],
)
def sparse_fill_empty_rows_grad(back: Any, grad: Any) -> Any:
    """The gradients of SparseFillEmptyRows for the values and, summed, for the default."""
    added = np.ones(len(grad), bool)
    added[back] = False
    return grad[back], grad[added].sum(dtype=grad.dtype)


@sparse_fill_empty_rows.gradient
def _fill_gradient(record: Any, _: Any, grad: Any, *__: Any) -> Any:
    of_values, of_default = sparse_fill_empty_rows_grad.all(record.outputs[3], grad)
    return None, of_values, None, of_default
