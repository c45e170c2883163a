"""Choosing elements by a condition, by value or by partition."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from headrace.core import dtypes
from headrace.core.dtypes import COMPLEX, FLOATING, INDEX, INTEGERS, QUANTIZED, DType, bool_, int32
from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.infer import elementwise
from headrace.dispatch.opdef import get, op
from headrace.dispatch.overriding import dispatches
from headrace.dispatch.tensor import Tensor
from headrace.ops.array.portable import Dims, merged, namespace, portable_op, resolve_axis


@op(
    "Where",
    "input: T -> index: int64",
    T=(*FLOATING, *INTEGERS, *COMPLEX, *QUANTIZED, bool_),
    host_only=True,
    differentiable=False,
    shape=lambda input, **_: (None, len(input)),
)
def where_op(input: Any) -> Any:
    """The coordinates of the elements that are True (not 0), one row an element, int64 [n, rank]."""
    return np.argwhere(input).astype(np.int64).reshape(-1, input.ndim)


def _selected(condition: Dims, t: Dims, e: Dims) -> Dims:
    return tuple(merged([t, e]))


@portable_op("Select", "condition: bool, t: T, e: T -> output: T", shape=_selected)
def select(condition: Any, t: Any, e: Any) -> Any:
    """`t` where the condition holds, else `e`; a vector of conditions picks whole rows."""
    if t.shape != e.shape or (condition.ndim > 1 and condition.shape != t.shape):
        raise InvalidArgumentError(f"condition {condition.shape}, t {t.shape} and e {e.shape} must have one shape")
    wide = condition.reshape(condition.shape + (1,) * (t.ndim - condition.ndim))
    return namespace(condition, t, e).where(wide, t, e)


@portable_op("SelectV2", "condition: bool, t: T, e: T -> output: T", shape=elementwise)
def select_v2(condition: Any, t: Any, e: Any) -> Any:
    """`t` where the condition holds, else `e`; all three broadcast."""
    return namespace(condition, t, e).where(condition, t, e)


@dispatches
def where(condition: Any, x: Any = None, y: Any = None, name: str | None = None) -> Tensor:
    """With `x` and `y`: x where the condition holds, else y. Without: the coordinates where it holds, int64 [n, rank].

    Raises:
        ValueError: only one of `x` and `y` is given.
    """
    if (x is None) != (y is None):
        raise ValueError("where takes both x and y, or neither")
    if x is None:
        return where_op(condition, name=name)
    return select_v2(_as_condition(condition), x, y, name=name)


def _as_condition(condition: Any) -> Any:
    return convert_to_tensor(condition, bool_) if isinstance(condition, list | tuple | bool) else condition


# Distinct values. The results' sizes depend on data, so these run on the host.


def _distinct(x: Any, axis: int = 0) -> tuple[Any, Any, Any]:
    """Distinct slices in the order of their first appearance, the number of each element's slice, and counts."""
    first: dict[Any, int] = {}
    kept: list[int] = []
    numbers = np.empty(x.shape[axis], np.int64)
    for position, item in enumerate(np.moveaxis(x, axis, 0)):
        key = (item.tobytes() if item.dtype.kind != "O" else tuple(item.ravel())) if isinstance(item, np.ndarray) else item
        number = first.setdefault(key, len(first))
        if number == len(kept):
            kept.append(position)
        numbers[position] = number
    counts = np.bincount(numbers, minlength=len(kept)) if x.shape[axis] else np.zeros(0, np.int64)
    return x[(*[slice(None)] * axis, np.array(kept, np.int64), ...)], numbers, counts


def _vector(x: Any) -> Any:
    if x.ndim != 1:
        raise InvalidArgumentError(f"expected a vector; got shape {x.shape}; flatten it or use unique with an axis")
    return x


def _unique_axis(x: Any, axis: Any) -> int:
    if axis.size > 1:
        raise InvalidArgumentError(f"axis must hold one integer or none; got {axis.tolist()}")
    if not axis.size:
        _vector(x)
        return 0
    return resolve_axis(axis.reshape(()), x.ndim)


def _unique_shapes(x: Dims, *axis: Dims, **_: Any) -> list[Any]:
    """Which axis is counted is data, so only a vector's numbers have a known size."""
    if not axis and len(x) != 1:
        raise ValueError(f"expected a vector; got rank {len(x)}; flatten it or use unique with an axis")
    return [(None,) * len(x), x if len(x) == 1 else (None,)]


def _counted_shapes(x: Dims, *axis: Dims, **_: Any) -> list[Any]:
    return [*_unique_shapes(x, *axis), (None,)]


@op("Unique", "x: T -> y: T, idx: out_idx", host_only=True, differentiable=False, shape=_unique_shapes)
def unique_op(x: Any, *, out_idx: DType = int32) -> Any:
    """The distinct elements of a vector in order of appearance, and for each element the number of its value."""
    values, numbers, _ = _distinct(_vector(x))
    return values, numbers.astype(out_idx.np_dtype)


@op("UniqueV2", "x: T, axis: Taxis -> y: T, idx: out_idx", Taxis=INDEX, host_only=True, differentiable=False, shape=_unique_shapes)
def unique_v2(x: Any, axis: Any, *, out_idx: DType = int32) -> Any:
    """The distinct slices along an axis (a vector of one entry, or empty for vectors) and the number of each slice."""
    values, numbers, _ = _distinct(x, _unique_axis(x, axis))
    return values, numbers.astype(out_idx.np_dtype)


@op("UniqueWithCounts", "x: T -> y: T, idx: out_idx, count: out_idx", host_only=True, differentiable=False, shape=_counted_shapes)
def unique_with_counts_op(x: Any, *, out_idx: DType = int32) -> Any:
    """Like Unique, with how often each value occurs."""
    values, numbers, counts = _distinct(_vector(x))
    return values, numbers.astype(out_idx.np_dtype), counts.astype(out_idx.np_dtype)


@op(
    "UniqueWithCountsV2",
    "x: T, axis: Taxis -> y: T, idx: out_idx, count: out_idx",
    Taxis=INDEX,
    host_only=True,
    differentiable=False,
    shape=_counted_shapes,
)
def unique_with_counts_v2(x: Any, axis: Any, *, out_idx: DType = int32) -> Any:
    """Like UniqueV2, with how often each slice occurs."""
    values, numbers, counts = _distinct(x, _unique_axis(x, axis))
    return values, numbers.astype(out_idx.np_dtype), counts.astype(out_idx.np_dtype)


class Unique(NamedTuple):
    """Distinct elements, and the number of each element's value."""

    y: Tensor
    idx: Tensor


class UniqueWithCounts(NamedTuple):
    """Distinct elements, the number of each element's value, and how often each occurs."""

    y: Tensor
    idx: Tensor
    count: Tensor  # type: ignore[assignment]


def unique(x: Any, out_idx: Any = int32, name: str | None = None) -> Unique:
    """The distinct elements `y` of a vector in order of appearance, and `idx` with x = y[idx]."""
    return Unique(*unique_op.all(x, out_idx=out_idx, name=name))


def unique_with_counts(x: Any, out_idx: Any = int32, name: str | None = None) -> UniqueWithCounts:
    """The distinct elements `y` of a vector, `idx` with x = y[idx], and how often each occurs."""
    return UniqueWithCounts(*unique_with_counts_op.all(x, out_idx=out_idx, name=name))


@op(
    "ListDiff",
    "x: T, y: T -> out: T, idx: out_idx",
    host_only=True,
    differentiable=False,
    shape=lambda *_, **__: [(None,), (None,)],
)
def list_diff(x: Any, y: Any, *, out_idx: DType = int32) -> Any:
    """The elements of the vector x that do not occur in y, and their positions in x."""
    excluded = set(_vector(y).tolist())
    kept = np.array([i for i, item in enumerate(_vector(x).tolist()) if item not in excluded], np.int64)
    return x[kept], kept.astype(out_idx.np_dtype)


def setdiff1d(x: Any, y: Any, index_dtype: Any = int32, name: str | None = None) -> Any:
    """The elements of the vector x that do not occur in y, and their positions in x."""
    return list_diff.all(x, y, out_idx=index_dtype, name=name)


def _part_shapes(data: Dims, partitions: Dims, *, num_partitions: int) -> list[Any]:
    return [(None, *data[len(partitions) :])] * num_partitions


@op("DynamicPartition", "data: T, partitions: int32 -> outputs: num_partitions*T", host_only=True, shape=_part_shapes)
def dynamic_partition_op(data: Any, partitions: Any, *, num_partitions: int) -> Any:
    """The slices of `data` sorted into lists by their number in `partitions`."""
    if data.shape[: partitions.ndim] != partitions.shape:
        raise InvalidArgumentError(f"data of shape {data.shape} does not begin with the shape {partitions.shape} of partitions")
    if partitions.size and (partitions.min() < 0 or partitions.max() >= num_partitions):
        raise InvalidArgumentError(f"partitions must be 0 to {num_partitions - 1}; got {partitions.min()} to {partitions.max()}")
    return tuple(data[partitions == number] for number in range(num_partitions))


@dynamic_partition_op.gradient
def _dynamic_partition_gradient(record: Any, *grads: Any) -> Any:
    data, partitions = record.inputs
    positions = get("Reshape")(get("Range")(0, get("Size")(partitions), 1), get("Shape")(partitions))
    sorted_positions = dynamic_partition_op.all(positions, partitions, **record.attrs)
    filled = [get("ZerosLike")(o) if g is None else g for o, g in zip(record.outputs, grads, strict=True)]
    return get("Reshape")(dynamic_stitch_op(list(sorted_positions), filled), get("Shape")(data)), None


def dynamic_partition(data: Any, partitions: Any, num_partitions: int, name: str | None = None) -> list[Tensor]:
    """The slices of `data` sorted into `num_partitions` tensors by their number in `partitions`."""
    return list(dynamic_partition_op.all(data, partitions, num_partitions=num_partitions, name=name))


def _stitched(indices: tuple[Any, ...], data: tuple[Any, ...]) -> Any:
    rest = data[0].shape[indices[0].ndim :]
    size = max((int(i.max()) + 1 for i in indices if i.size), default=0)
    result = np.zeros((size, *rest), data[0].dtype) if data[0].dtype.kind != "O" else np.full((size, *rest), b"", object)
    for index, item in zip(indices, data, strict=True):
        if item.shape != index.shape + rest:
            raise InvalidArgumentError(f"data has shape {item.shape}; expected {index.shape + rest} for these indices")
        result[index.ravel()] = item.reshape(-1, *rest)
    return result


def _stitched_shape(indices: tuple[Dims, ...], data: tuple[Dims, ...]) -> tuple[int | None, ...]:
    return (None, *data[0][len(indices[0]) :])


@op("DynamicStitch", "indices: N*int32, data: N*T -> merged: T", host_only=True, shape=_stitched_shape)
def dynamic_stitch_op(indices: tuple[Any, ...], data: tuple[Any, ...]) -> Any:
    """The slices of `data` at the places given by `indices`; the last of several at one place stays."""
    return _stitched(indices, data)


@op("ParallelDynamicStitch", "indices: N*int32, data: N*T -> merged: T", host_only=True, shape=_stitched_shape)
def parallel_dynamic_stitch_op(indices: tuple[Any, ...], data: tuple[Any, ...]) -> Any:
    """The slices of `data` at the places given by `indices`."""
    return _stitched(indices, data)


@dynamic_stitch_op.gradient
@parallel_dynamic_stitch_op.gradient
def _dynamic_stitch_gradient(record: Any, grad: Any) -> Any:
    count = len(record.inputs) // 2
    return [*[None] * count, *[get("GatherV2")(grad, index, 0) for index in record.inputs[:count]]]


def dynamic_stitch(indices: Any, data: Any, name: str | None = None) -> Tensor:
    """One tensor of the slices of `data` (a list) at the places given by `indices` (a list of int32 tensors)."""
    return dynamic_stitch_op(list(indices), list(data), name=name)
