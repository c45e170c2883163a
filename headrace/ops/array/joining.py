"""Joining, splitting and repeating."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax.numpy as jnp
import numpy as np

from headrace.core import dtypes
from headrace.core.dtypes import INDEX
from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import get, op
from headrace.dispatch.overriding import dispatches
from headrace.dispatch.tensor import Tensor
from headrace.dispatch.unsized import same_rank, sized_by
from headrace.ops.array.portable import (
    Dims,
    has_trial,
    integers,
    is_trial,
    merged,
    namespace,
    portable_op,
    resolve_axis,
    scalar,
    shape_vector,
    static_value,
)
from headrace.ops.math.broadcasting import reduce_to


def _packed(values: tuple[Dims, ...], *, axis: int) -> Dims:
    common = merged(values)
    common.insert(resolve_axis(axis, len(common) + 1), len(values))
    return tuple(common)


@portable_op("Pack", "values: N*T -> output: T", shape=_packed)
def pack(values: tuple[Any, ...], *, axis: int = 0) -> Any:
    """The inputs, all of one shape, along a new axis."""
    _packed(tuple(v.shape for v in values), axis=axis)
    return namespace(*values).stack(values, axis)


@pack.gradient
def _pack_gradient(record: Any, grad: Any) -> Any:
    return list(unpack.all(grad, num=len(record.inputs), axis=record.attrs["axis"]))


@portable_op("Unpack", "value: T -> output: num*T")
def unpack(value: Any, *, num: int, axis: int = 0) -> Any:
    """The slices of the input along an axis of size `num`."""
    position = resolve_axis(axis, value.ndim)
    if value.shape[position] != num and not is_trial(value.shape[position]):
        raise InvalidArgumentError(f"axis {axis} of shape {value.shape} has {value.shape[position]} slices; expected num={num}")
    before = (slice(None),) * position
    return tuple(value[(*before, i, ...)] for i in range(num))


@unpack.gradient
def _unpack_gradient(record: Any, *grads: Any) -> Any:
    return pack([_zero_filled(o, g) for o, g in zip(record.outputs, grads, strict=True)], axis=record.attrs["axis"])


def _zero_filled(output: Tensor, gradient: Any) -> Any:
    return get("ZerosLike")(output) if gradient is None else gradient


def _joined(values: tuple[Dims, ...], axis: Any) -> Dims:
    position = resolve_axis(scalar(axis), len(values[0]))
    common = merged(values, skip=position)
    common[position] = sum(v[position] for v in values)
    return tuple(common)


def _join(values: tuple[Any, ...], axis: Any) -> Any:
    if not values[0].ndim:
        raise InvalidArgumentError("scalars cannot be concatenated; use tf.stack")
    _joined(tuple(v.shape for v in values), axis)
    return namespace(*values).concatenate(values, scalar(axis))


@portable_op(
    "ConcatV2",
    "values: N*T, axis: Tidx -> output: T",
    Tidx=INDEX,
    unsized=lambda values, *_, **__: same_rank(values[0]),
    static=("axis",),
    shape=_joined,
)
def concat_v2(values: tuple[Any, ...], axis: Any) -> Any:
    """The inputs joined along an axis."""
    return _join(values, axis)


@portable_op(
    "Concat",
    "concat_dim: int32, values: N*T -> output: T",
    unsized=lambda concat_dim, values, **_: same_rank(values[0]),
    static=("concat_dim",),
    shape=lambda dim, values: _joined(values, dim),
)
def concat_v1(concat_dim: Any, values: tuple[Any, ...]) -> Any:
    """The inputs joined along an axis."""
    return _join(values, concat_dim)


@concat_v2.gradient
def _concat_gradient(record: Any, grad: Any) -> Any:
    *values, axis = record.inputs
    return [*_split_gradient(values, axis, grad), None]


@concat_v1.gradient
def _concat_v1_gradient(record: Any, grad: Any) -> Any:
    axis, *values = record.inputs
    return [None, *_split_gradient(values, axis, grad)]


def _split_gradient(values: list[Tensor], axis: Tensor, grad: Any) -> tuple[Tensor, ...]:
    known = static_value(axis)
    if known is not None and all(v.shape.rank is not None for v in values):
        sizes: list[Any] = [v.shape[int(known)] for v in values]
        if None not in sizes:
            return split_v.all(grad, np.array(sizes, np.int64), axis, num_split=len(values))
    position = get("FloorMod")(axis, get("Cast")(get("Rank")(values[0]), DstT=axis.dtype))
    lengths = pack([get("GatherV2")(get("Shape")(v), position, 0) for v in values])
    return split_v.all(grad, lengths, axis, num_split=len(values))


@dispatches
def concat(values: Any, axis: Any, name: str | None = None) -> Tensor:
    """Tensors joined along `axis`.

    Args:
        values: a list of tensors that agree in every dimension but `axis`.
        axis: an int scalar.
        name: a name for the node in a graph.
    """
    if not isinstance(values, list | tuple):
        values = [values]
    if len(values) == 1:
        return get("Identity")(convert_to_tensor(values[0]), name=name)
    return concat_v2(values, axis, name=name)


@dispatches
def stack(values: Any, axis: int = 0, name: str | None = None) -> Tensor:
    """Tensors of one shape along a new axis, placed at `axis`."""
    return pack(_items(values), axis=axis, name=name)


def parallel_stack(values: Any, name: str | None = None) -> Tensor:
    """Tensors of one shape along a new first axis."""
    return pack(_items(values), name=name)


def _items(values: Any) -> Any:
    return values if isinstance(values, list | tuple) else unstack(values)


def unstack(value: Any, num: int | None = None, axis: int = 0, name: str | None = None) -> list[Tensor]:
    """The slices of a tensor along `axis`.

    Args:
        value: a tensor.
        num: the number of slices; told from the shape by default.
        axis: an int.
        name: a name for the node in a graph.

    Raises:
        ValueError: `num` is not given and the shape does not tell it.
    """
    value = convert_to_tensor(value)
    if num is None:
        known = None if value.shape.rank is None else value.shape[resolve_axis(axis, value.shape.rank)]
        if known is None:
            raise ValueError(f"unstack cannot tell the number of slices along axis {axis} from shape {value.shape}; pass num")
        num = known
    return list(unpack.all(value, num=num, axis=axis, name=name))


@portable_op(
    "ConcatOffset",
    "concat_dim: int32, shape: N*shape_type -> offset: N*shape_type",
    shape_type=INDEX,
    static=("concat_dim",),
    differentiable=False,
)
def concat_offset(concat_dim: Any, shape: tuple[Any, ...]) -> Any:
    """Where each input of a concatenation begins in the result."""
    xp = namespace(*shape)
    axis = resolve_axis(scalar(concat_dim), shape[0].shape[0])
    mask = np.arange(shape[0].shape[0]) == axis
    offsets, position = [], xp.zeros((), shape[0].dtype)
    for item in shape:
        offsets.append(xp.where(mask, position, 0).astype(item.dtype))
        position = position + item[axis]
    return tuple(offsets)


@portable_op(
    "Split",
    "split_dim: int32, value: T -> output: num_split*T",
    unsized=lambda split_dim, value, *, num_split, **_: [same_rank(value)] * num_split,
    static=("split_dim",),
)
def split_op(split_dim: Any, value: Any, *, num_split: int) -> Any:
    """The input in `num_split` equal parts along an axis."""
    axis = resolve_axis(scalar(split_dim), value.ndim)
    if num_split < 1 or value.shape[axis] % num_split and not is_trial(value.shape[axis]):
        raise InvalidArgumentError(f"axis {axis} of shape {value.shape} does not divide into {num_split} equal parts")
    size = value.shape[axis] // num_split
    return _cut(value, axis, [size] * num_split)


def _cut(value: Any, axis: int, sizes: list[int]) -> tuple[Any, ...]:
    parts, position = [], 0
    before = (slice(None),) * axis
    for length in sizes:
        parts.append(value[(*before, slice(position, position + length))])
        position += length
    return tuple(parts)


@split_op.gradient
def _split_op_gradient(record: Any, *grads: Any) -> Any:
    return None, _joined_gradient(record, record.inputs[0], grads)


def _joined_gradient(record: Any, axis: Tensor, grads: tuple[Any, ...]) -> Tensor:
    return concat([_zero_filled(o, g) for o, g in zip(record.outputs, grads, strict=True)], axis)


def _split_sizes(value: Dims, size_splits: Any, split_dim: Any) -> tuple[int, list[int]]:
    axis = resolve_axis(scalar(split_dim), len(value))
    sizes, total = list(integers(size_splits)), value[axis]
    known = sum(s for s in sizes if s != -1)
    if sizes.count(-1) == 1 and known <= total:
        sizes[sizes.index(-1)] = total - known
    elif -1 in sizes or min(sizes) < 0 or known != total and not (is_trial(total) or has_trial(sizes)):
        raise InvalidArgumentError(f"sizes {sizes} do not split axis {axis} of shape {value}; expected a sum of {total}")
    return axis, sizes


def _split_shapes(value: Dims, size_splits: Any, split_dim: Any, *, num_split: int) -> list[Dims]:
    axis, sizes = _split_sizes(value, size_splits, split_dim)
    return [(*value[:axis], s, *value[axis + 1 :]) for s in sizes]


def _parts_of_any_size(value: Any, sizes: Any, axis: Any, *, num_split: int, **_: Any) -> list[Any]:
    dims = list(value.shape if isinstance(axis, np.ndarray) else same_rank(value))
    if isinstance(axis, np.ndarray):
        dims[int(axis)] = None
    return [tuple(dims)] * num_split


@portable_op(
    "SplitV",
    "value: T, size_splits: Tlen, split_dim: int32 -> output: num_split*T",
    Tlen=(dtypes.int8, *INDEX),
    unsized=_parts_of_any_size,
    static=("size_splits", "split_dim"),
    shape=_split_shapes,
)
def split_v(value: Any, size_splits: Any, split_dim: Any, *, num_split: int) -> Any:
    """The input in parts of the given sizes along an axis; one size may be -1."""
    axis, sizes = _split_sizes(value.shape, size_splits, split_dim)
    if len(sizes) != num_split:
        raise InvalidArgumentError(f"{len(sizes)} sizes were given for num_split={num_split}")
    return _cut(value, axis, sizes)


@split_v.gradient
def _split_v_gradient(record: Any, *grads: Any) -> Any:
    return _joined_gradient(record, record.inputs[2], grads), None, None


def split(value: Any, num_or_size_splits: Any, axis: Any = 0, num: int | None = None, name: str | None = None) -> list[Tensor]:
    """A tensor in parts along an axis.

    Args:
        value: a tensor.
        num_or_size_splits: the number of equal parts, or the size of each (one may be -1).
        axis: an int.
        num: the number of parts, where the sizes are a tensor of unknown length.
        name: a name for the nodes in a graph.

    Raises:
        ValueError: the number of parts is unknown.
    """
    if isinstance(num_or_size_splits, int | np.integer):
        return list(split_op.all(axis, value, num_split=int(num_or_size_splits), name=name))
    sizes = convert_to_tensor(num_or_size_splits)
    if sizes.shape.rank == 0:
        known = static_value(sizes)
        if known is None:
            raise ValueError("the number of parts must be known when the function is traced; pass a Python int")
        return list(split_op.all(axis, value, num_split=int(known), name=name))
    count = sizes.shape[0] if num is None else num
    if count is None:
        raise ValueError(f"the number of parts is unknown (sizes of shape {sizes.shape}); pass num")
    return list(split_v.all(value, sizes, axis, num_split=count, name=name))


def _tile(xp: Any, input: Any, multiples: Any) -> Any:
    counts = integers(multiples)
    if len(counts) != input.ndim or min(counts, default=0) < 0:
        raise InvalidArgumentError(f"multiples {list(counts)} must hold one count of 0 or more for each of {input.ndim} dimensions")
    return xp.tile(input, counts)


@op(
    "Tile",
    "input: T, multiples: Tmultiples -> output: T",
    Tmultiples=INDEX,
    unsized=same_rank,
    static=("multiples",),
    host=partial(_tile, np),
)
def tile(input: Any, multiples: Any) -> Any:
    """The input repeated along each dimension."""
    return _tile(jnp, input, multiples)


def _broadcast_target(input: Dims, shape: Any) -> Dims:
    target = integers(shape)
    tail = target[len(target) - len(input) :] if len(target) >= len(input) else ()
    fits = len(target) >= len(input) and all(d in (1, t) or is_trial(d) or is_trial(t) for d, t in zip(input, tail, strict=True))
    if not fits:
        raise InvalidArgumentError(f"shape {input} does not broadcast to {list(target)}")
    return target


def _of_any_size(input: Any, shape: Any) -> Any:
    """Dimensions of the input that cannot be stretched stay."""
    whole = sized_by(1)(input, shape)
    if whole is None or len(whole) < len(input.shape):
        return whole
    return (*whole[: len(whole) - len(input.shape)], *(None if dim == 1 else dim for dim in input.shape))


@portable_op(
    "BroadcastTo",
    "input: T, shape: Tidx -> output: T",
    Tidx=INDEX,
    unsized=_of_any_size,
    static=("shape",),
    shape=_broadcast_target,
)
def broadcast_to(input: Any, shape: Any) -> Any:
    """The input repeated to a shape that it broadcasts to."""
    return namespace(input).broadcast_to(input, _broadcast_target(input.shape, shape))


@broadcast_to.gradient
def _broadcast_to_gradient(record: Any, grad: Any) -> Any:
    return reduce_to(grad, record.inputs[0]), None


@portable_op("BroadcastArgs", "s0: T, s1: T -> r0: T", T=INDEX, differentiable=False)
def broadcast_args(s0: Any, s1: Any) -> Any:
    """The shape (a vector) to which two shapes broadcast."""
    xp = namespace(s0, s1)
    size = max(s0.shape[0], s1.shape[0])
    left, right = (xp.concatenate([xp.ones(size - s.shape[0], s.dtype), s]) for s in (s0, s1))
    if xp is np and bool(((left != right) & (left != 1) & (right != 1)).any()):
        raise InvalidArgumentError(f"shapes {s0.tolist()} and {s1.tolist()} do not broadcast")
    return xp.where(left == 1, right, left)


def broadcast_dynamic_shape(shape_x: Any, shape_y: Any) -> Tensor:
    """The shape of an elementwise operation on tensors whose shapes are the int vectors `shape_x` and `shape_y`."""
    return broadcast_args(shape_x, shape_y)


def repeat(input: Any, repeats: Any, axis: int | None = None, name: str | None = None) -> Tensor:
    """Each element (or slice along `axis`) of a tensor several times in a row.

    Args:
        input: a tensor; flattened when `axis` is None.
        repeats: an int for all, or an int vector with one count a slice.
        axis: an int.
        name: a name for the node in a graph.
    """
    input = convert_to_tensor(input)
    if axis is None:
        input, axis = get("Reshape")(input, [-1]), 0
    axis = resolve_axis(axis, len(input.shape))
    repeats = convert_to_tensor(repeats)
    counts = static_value(repeats)
    if counts is None:
        return get("GatherV2")(input, _positions(repeats, get("Shape")(input)[axis]), axis, name=name)
    if counts.size == 1:
        wide = get("ExpandDims")(input, axis + 1)
        multiples = np.ones(len(wide.shape), np.int32)
        multiples[axis + 1] = int(counts.reshape(()))
        shape = shape_vector(input)
        merged_shape = [*[shape[i] for i in range(axis)], -1, *[shape[i] for i in range(axis + 1, len(input.shape))]]
        if isinstance(shape, np.ndarray):
            merged_shape[axis] = int(shape[axis]) * int(multiples[axis + 1])
        return get("Reshape")(tile(wide, multiples), merged_shape, name=name)
    positions = np.repeat(np.arange(counts.size, dtype=np.int32), counts)
    return get("GatherV2")(input, positions, axis, name=name)


def _positions(repeats: Tensor, length: Tensor) -> Tensor:
    """The index of each slice as often as `repeats`, whose values are known when the function runs, say."""
    many = get("BroadcastTo")(get("Reshape")(repeats, [-1]), get("Reshape")(length, [1]))
    ends = get("Cumsum")(get("Cast")(many, DstT="int32"), 0)
    total = get("Max")(get("ConcatV2")([ends, [0]], 0), 0)
    places = get("UpperBound")(get("ExpandDims")(ends, 0), get("ExpandDims")(get("Range")(0, total, 1), 0), out_type="int32")
    return get("Reshape")(places, [-1])
