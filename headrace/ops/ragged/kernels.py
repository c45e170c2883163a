"""RaggedRange, RaggedGather, RaggedTensorToTensor and RaggedTensorToSparse."""

from __future__ import annotations

from typing import Any

import numpy as np

from headrace.core.dtypes import INDEX, DType, bfloat16, float32, float64, int32, int64
from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.opdef import Strs, get, op

_MOST_ELEMENTS = 2**31


@op(
    "RaggedRange",
    "starts: T, limits: T, deltas: T -> rt_nested_splits: Tsplits, rt_dense_values: T",
    T=(bfloat16, float32, float64, int32, int64),
    Tsplits=INDEX,
    host_only=True,
    differentiable=False,
    shape=lambda *vectors, **_: [(next((v[0] for v in vectors if v), 1) + 1,), (None,)],
)
def ragged_range(starts: Any, limits: Any, deltas: Any, *, Tsplits: DType = int64) -> Any:
    """A row `start, start + delta, ...` up to but not with `limit` for each start, limit and delta (vectors or scalars)."""
    if any(x.ndim > 1 for x in (starts, limits, deltas)):
        raise InvalidArgumentError("starts, limits and deltas must be scalars or vectors")
    count = {len(x) for x in (starts, limits, deltas) if x.ndim}
    if len(count) > 1:
        raise InvalidArgumentError(f"starts, limits and deltas must have one length; got {sorted(count)}")
    rows = count.pop() if count else 1
    first, last, step = (np.broadcast_to(x, (rows,)) for x in (starts, limits, deltas))
    if (step == 0).any():
        raise InvalidArgumentError("deltas must not be 0")
    lengths = (
        np.maximum(np.ceil((last.astype(np.float64) - first) / step), 0) if first.dtype.kind == "f" else _lengths(first, last, step)
    )
    splits = np.concatenate([[0], np.cumsum(lengths)]).astype(Tsplits.np_dtype)
    if splits[-1] > _MOST_ELEMENTS:
        raise InvalidArgumentError(f"the ranges have {splits[-1]} elements; at most {_MOST_ELEMENTS} are allowed")
    rowids = np.repeat(np.arange(rows), np.diff(splits))
    columns = np.arange(len(rowids)) - splits[:-1][rowids]
    return splits, (first[rowids] + columns * step[rowids]).astype(first.dtype)


def _lengths(first: Any, last: Any, step: Any) -> Any:
    """Whole-number lengths, without rounding."""
    span, sign = last.astype(np.int64) - first, np.sign(step).astype(np.int64)
    return np.maximum((span * sign + np.abs(step.astype(np.int64)) - 1) // np.abs(step.astype(np.int64)), 0)


def _as_splits(partitions: Any, types: tuple[str, ...]) -> list[Any]:
    """Every partition as the positions at which its rows begin and end."""
    if types and types[0] == "FIRST_DIM_SIZE":
        counts, splits = int(partitions[0]), []
        if any(kind != "VALUE_ROWIDS" for kind in types[1:]):
            raise InvalidArgumentError(f"after FIRST_DIM_SIZE the row partitions must be VALUE_ROWIDS; got {list(types)}")
        for rowids in partitions[1:]:
            splits.append(np.concatenate([[0], np.cumsum(np.bincount(rowids, minlength=counts))]))
            counts = len(rowids)
        return splits
    if any(kind != "ROW_SPLITS" for kind in types):
        raise InvalidArgumentError(f"row partitions must be ROW_SPLITS, or FIRST_DIM_SIZE and VALUE_ROWIDS; got {list(types)}")
    return list(partitions)


def _coordinates(splits: list[Any], count: int) -> tuple[list[Any], list[int]]:
    """The coordinates of each value in the outer dimensions, and their sizes."""
    ids = np.arange(count)
    found: list[Any] = []
    for part in reversed(splits):
        if not len(part) or part[0] != 0 or (np.diff(part) < 0).any():
            raise InvalidArgumentError(f"row splits must begin with 0 and never fall; got {part.tolist()[:20]}")
        rowids = np.repeat(np.arange(len(part) - 1), np.diff(part))
        if len(ids) and ids.max() >= len(rowids):
            raise InvalidArgumentError(f"the row splits end at {part[-1]} but there are {ids.max() + 1} values")
        found.insert(0, (np.arange(len(rowids)) - part[:-1][rowids])[ids])
        ids = rowids[ids]
    sizes = [len(splits[0]) - 1, *(int(np.diff(part).max(initial=0)) for part in splits)]
    return [ids, *found], sizes


def _dense_shape(shape: Any, values: Any, default: Any, partitions: Any, *, row_partition_types: Strs) -> Any:
    outer = len(row_partition_types) + (row_partition_types[0] != "FIRST_DIM_SIZE")
    first = None if row_partition_types[0] == "FIRST_DIM_SIZE" else partitions[0][0] - 1
    natural = (first, *[None] * (outer - 1), *values[1:])
    if shape is None or not shape.ndim:
        return natural
    return tuple(n if s < 0 else int(s) for s, n in zip(shape, natural, strict=True))


@op(
    "RaggedTensorToTensor",
    "shape: Tshape, values: T, default_value: T, row_partition_tensors: num_row_partition_tensors*Tindex -> result: T",
    Tshape=INDEX,
    Tindex=INDEX,
    host_only=True,
    known=("shape",),
    shape=_dense_shape,
)
def ragged_tensor_to_tensor(shape: Any, values: Any, default: Any, partitions: Any, *, row_partition_types: Strs) -> Any:
    """A ragged tensor filled up with `default_value`, or cut, to `shape` (-1: as large as needed)."""
    places, sizes = _coordinates(_as_splits(partitions, row_partition_types), len(values))
    natural = (*sizes, *values.shape[1:])
    wanted = [int(d) for d in shape] if shape.ndim else [-1] * len(natural)
    if len(wanted) != len(natural):
        raise InvalidArgumentError(f"shape {wanted} must have one entry for each of the {len(natural)} dimensions")
    dims = tuple(n if w < 0 else w for w, n in zip(wanted, natural, strict=True))
    if dims[len(sizes) :] != natural[len(sizes) :]:
        raise InvalidArgumentError(f"shape {wanted} must have the inner dimensions {list(natural[len(sizes) :])} of the values")
    out = np.empty(dims, values.dtype)
    out[...] = default
    inside = np.all([p < d for p, d in zip(places, dims, strict=False)], axis=0)
    out[tuple(p[inside] for p in places)] = values[inside]
    return out


@ragged_tensor_to_tensor.gradient
def _to_tensor_gradient(record: Any, grad: Any) -> Any:
    shape, values, default, *partitions = record.inputs
    rows = get("StridedSlice")(get("Shape")(values), [0], [1], [1], shrink_axis_mask=1)
    outer = len(record.outputs[0].shape) - len(values.shape) + 1
    if len(shape.shape):
        shape = get("Slice")(shape, [0], [outer])
    numbers = get("Range")(0, rows, 1)
    places = ragged_tensor_to_tensor(shape, numbers, -1, partitions, **record.attrs)
    inner = get("Slice")(get("Shape")(values), [1], [-1])
    flat = get("Reshape")(grad, get("ConcatV2")([[-1], inner], 0))
    of_values = get("UnsortedSegmentSum")(flat, get("Reshape")(places, [-1]), rows)
    of_default = None
    if not len(default.shape):
        of_default = get("Sub")(_total(grad), _total(of_values))
    return [None, of_values, of_default, *[None] * len(partitions)]


def _total(x: Any) -> Any:
    return get("Sum")(get("Reshape")(x, [-1]), [0])


@op(
    "RaggedTensorToSparse",
    "rt_nested_splits: RAGGED_RANK*Tsplits, rt_dense_values: T -> sparse_indices: int64, sparse_values: T,"
    " sparse_dense_shape: int64",
    Tsplits=INDEX,
    host_only=True,
    shape=lambda splits, values: [(None, len(splits) + len(values)), (None,), (len(splits) + len(values),)],
)
def ragged_tensor_to_sparse(splits: Any, values: Any) -> Any:
    """The values of a ragged tensor with their coordinates, and the smallest shape that holds them."""
    places, sizes = _coordinates(list(splits), len(values))
    inner = values.shape[1:]
    per_row = int(np.prod(inner, dtype=np.int64))
    columns = [np.repeat(p, per_row) for p in places]
    columns += [np.tile(c.ravel(), len(values)) for c in np.indices(inner)]
    return np.stack(columns, 1).astype(np.int64), values.reshape(-1), np.array([*sizes, *inner], np.int64)


@ragged_tensor_to_sparse.gradient
def _to_sparse_gradient(record: Any, _: Any, grad: Any, __: Any) -> Any:
    return [*[None] * (len(record.inputs) - 1), get("Reshape")(grad, get("Shape")(record.inputs[-1]))]


def _gathered_shape(splits: Any, values: Any, indices: Any, *, OUTPUT_RAGGED_RANK: int) -> list[Any]:
    rows = None if indices is None or len(indices) != 1 else indices[0]
    outer = (None if rows is None else rows + 1,)
    known = [outer, *[(None,)] * (OUTPUT_RAGGED_RANK - 1)] if OUTPUT_RAGGED_RANK else []
    return [*known, None if values is None else (None, *values[1:])]


@op(
    "RaggedGather",
    "params_nested_splits: PARAMS_RAGGED_RANK*Tsplits, params_dense_values: Tvalues, indices: Tindices ->"
    " output_nested_splits: OUTPUT_RAGGED_RANK*Tsplits, output_dense_values: Tvalues",
    Tindices=INDEX,
    Tsplits=INDEX,
    host_only=True,
    shape=_gathered_shape,
)
def ragged_gather(splits: Any, values: Any, indices: Any, *, OUTPUT_RAGGED_RANK: int) -> Any:
    """The rows of a ragged tensor at `indices`, with their inner splits, below those of the indices themselves."""
    rank = len(splits) + indices.ndim - 1
    if rank != OUTPUT_RAGGED_RANK:
        raise InvalidArgumentError(f"the result has {rank} row partitions; OUTPUT_RAGGED_RANK says {OUTPUT_RAGGED_RANK}")
    rows = len(splits[0]) - 1
    chosen = indices.ravel().astype(np.int64)
    if chosen.size and (chosen.min() < 0 or chosen.max() >= rows):
        raise InvalidArgumentError(f"the indices must be in [0, {rows}); got {chosen.tolist()[:20]}")
    dtype = splits[0].dtype
    out = []
    for axis in range(indices.ndim - 1):
        out.append((np.arange(int(np.prod(indices.shape[: axis + 1], dtype=np.int64)) + 1) * indices.shape[axis + 1]).astype(dtype))
    for part in splits:
        lengths = np.diff(part)[chosen]
        if (lengths < 0).any() or part[-1] > _MOST_ELEMENTS:
            raise InvalidArgumentError(f"row splits must begin with 0 and never fall; got {part.tolist()[:20]}")
        ends = np.concatenate([[0], np.cumsum(lengths)])
        out.append(ends.astype(dtype))
        chosen = np.repeat(part[:-1][chosen] - ends[:-1], lengths) + np.arange(ends[-1])
    if chosen.size and chosen.max() >= len(values):
        raise InvalidArgumentError(f"the row splits end at {splits[-1][-1]} but there are {len(values)} values")
    return out, values[chosen]


@ragged_gather.gradient
def _gather_gradient(record: Any, *grads: Any) -> Any:
    *splits, values, indices = record.inputs
    count = get("StridedSlice")(get("Shape")(values), [0], [1], [1], shrink_axis_mask=1)
    *_, sources = ragged_gather.all(splits, get("Range")(0, count, 1), indices, **record.attrs)
    return [*[None] * len(splits), get("UnsortedSegmentSum")(grads[-1], sources, count), None]
