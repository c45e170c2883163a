"""Slices: Slice, StridedSlice and their relatives."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from headrace.core.dtypes import INDEX, int16
from headrace.core.errors import InvalidArgumentError, NotCompilable
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.infer import SMALLEST_TRIAL
from headrace.dispatch.opdef import get, op
from headrace.dispatch.slicing import strided_slice_arguments
from headrace.dispatch.tensor import Tensor
from headrace.dispatch.unsized import same_rank, sized_by
from headrace.ops.array.portable import Dims, integers, is_trial, portable_op, shape_vector, static_value


class Piece(NamedTuple):
    """What happens at one place of a subscript: `kind` is "new", "all", "index" or "range"."""

    kind: str
    begin: Any = None
    end: Any = None
    stride: int = 1


def _pieces(rank: int, begin: Any, end: Any, strides: Any, masks: dict[str, int]) -> list[Piece]:
    """The subscript, one piece an input dimension plus the new axes, its ellipsis written out."""
    count = strides.shape[0]
    if begin.shape != (count,) or end.shape != (count,):
        raise InvalidArgumentError(f"begin {begin.shape}, end {end.shape}, strides {strides.shape} must be vectors of one length")
    marks = {name: [bool(mask >> i & 1) for i in range(count)] for name, mask in masks.items()}
    if sum(marks["ellipsis_mask"]) > 1:
        raise InvalidArgumentError("a slice can have one ellipsis only")
    taken = sum(not (marks["ellipsis_mask"][i] or marks["new_axis_mask"][i]) for i in range(count))
    if taken > rank:
        raise InvalidArgumentError(f"{taken} indices were given for a tensor of rank {rank}; expected at most {rank}")
    pieces: list[Piece] = []
    for i in range(count):
        if marks["ellipsis_mask"][i]:
            pieces += [Piece("all")] * (rank - taken)
        elif marks["new_axis_mask"][i]:
            pieces.append(Piece("new"))
        else:
            pieces.append(_piece(begin[i], end[i], int(strides[i]), {name: bits[i] for name, bits in marks.items()}))
    if not any(marks["ellipsis_mask"]):
        pieces += [Piece("all")] * (rank - taken)
    return pieces


def _piece(begin: Any, end: Any, stride: int, marked: dict[str, bool]) -> Piece:
    if stride == 0:
        raise InvalidArgumentError("a stride of a slice is 0; expected any other number")
    if marked["shrink_axis_mask"]:
        if stride < 0:
            raise InvalidArgumentError("an index that removes its dimension needs a positive stride")
        return Piece("index", begin)
    first, last = (None if marked[m] else v for m, v in (("begin_mask", begin), ("end_mask", end)))
    return Piece("all") if first is None and last is None and stride == 1 else Piece("range", first, last, stride)


def _subscript(pieces: list[Piece], shape: Dims) -> tuple[Any, ...]:
    """The numpy subscript for known bounds."""
    subscript: list[Any] = []
    axis = 0
    for piece in pieces:
        if piece.kind == "new":
            subscript.append(None)
            continue
        if piece.kind == "index":
            subscript.append(_index(int(piece.begin), shape[axis], axis))
        else:
            first, last = (None if v is None else int(v) for v in (piece.begin, piece.end))
            subscript.append(slice(first, last, piece.stride))
        axis += 1
    return (*subscript, ...)  # with an ellipsis numpy gives an array, never a scalar


def _index(index: int, size: int, axis: int) -> int:
    if not -size <= index < size:
        raise InvalidArgumentError(f"index {index} is out of bounds for dimension {axis} of size {size}")
    return index % size


def _is_known(value: Any) -> bool:
    return isinstance(value, np.ndarray)


def _dynamic_slice(input: Any, pieces: list[Piece]) -> Any:
    """A slice some of whose indices are computed at run time; the bounds of ranges must be known."""
    axis, position, new_axes = 0, 0, []
    for piece in pieces:
        if piece.kind == "new":
            new_axes.append(position)
        elif piece.kind == "index":
            size = input.shape[axis]
            index = jnp.where(piece.begin < 0, piece.begin + size, piece.begin)
            input = jax.lax.dynamic_index_in_dim(input, index, axis, keepdims=False)
            continue
        elif piece.kind == "range":
            if isinstance(piece.begin, jax.core.Tracer) or isinstance(piece.end, jax.core.Tracer):
                raise NotCompilable(
                    "the bounds of a slice depend on data, so the size of the result is unknown when the function is compiled;"
                    " tf.slice with a known size, or tf.gather, can be"
                )
            input = input[(slice(None),) * axis + _subscript([piece], input.shape[axis:])]
        axis += piece.kind != "new"
        position += 1
    return jnp.expand_dims(input, new_axes) if new_axes else input


def _sliced(input: Any, begin: Any, end: Any, strides: Any, masks: dict[str, int]) -> Any:
    if not _is_known(strides):
        raise InvalidArgumentError("the strides of a slice must be known when the function is compiled")
    pieces = _pieces(input.ndim, begin, end, strides, masks)
    if _is_known(begin) and _is_known(end):
        return input[_subscript(pieces, input.shape)]
    return _dynamic_slice(input, pieces)


def _strided_shape(input: Dims, begin: Any, end: Any, strides: Any, **masks: int) -> tuple[int | None, ...]:
    result: list[int | None] = []
    axis = 0
    known = begin is not None and end is not None
    first, last = (begin, end) if known else (np.zeros_like(strides), np.zeros_like(strides))
    for piece in _pieces(len(input), first, last, strides, masks):
        if piece.kind == "new":
            result.append(1)
            continue
        if piece.kind == "all":
            result.append(input[axis])
        elif piece.kind == "index" and known and not is_trial(input[axis]):
            _index(int(piece.begin), input[axis], axis)
        elif piece.kind == "range" and not known:
            result.append(None)
        elif piece.kind == "range":
            result.append(_range_size(piece, input[axis]))
        axis += 1
    return tuple(result)


def _range_size(piece: Piece, size: int) -> int | None:
    """The number of places that a range takes of a dimension; None where it ends at an unknown place of a known one."""
    first, last = (None if v is None else int(v) for v in (piece.begin, piece.end))
    if not is_trial(size) and any(v is not None and is_trial(abs(v)) for v in (first, last)):
        return None
    length = len(range(*slice(first, last, piece.stride).indices(size)))
    return of_unknown(length, size)


def of_unknown(length: int, size: int) -> int:
    """The size of a part of a dimension: `length`, unless it is cut out of an unknown dimension, whose part is unknown too."""
    return length if length >= SMALLEST_TRIAL or not is_trial(size) else size + 1 + length


@partial(jax.jit, static_argnames=("sizes", "shape"))
def _window(input: Any, starts: Any, sizes: Dims, shape: Dims) -> Any:
    return jax.lax.dynamic_slice(input, starts, sizes).reshape(shape)


def _at_once(input: Any, begin: Any, end: Any, strides: Any, **masks: int) -> Any:
    """A slice in steps of 1, compiled once for its size rather than for each position."""
    starts: list[Any] = []
    sizes: list[int] = []
    shape: list[int] = []
    pieces = _pieces(input.ndim, np.asarray(begin), np.asarray(end), np.asarray(strides), masks)
    for piece in pieces:
        if piece.kind == "new":
            shape.append(1)
            continue
        size = input.shape[len(starts)]
        if piece.kind == "index":
            starts.append(_index(int(piece.begin), size, len(starts)))
            sizes.append(1)
            continue
        first, last = (None if v is None else int(v) for v in (piece.begin, piece.end))
        if piece.stride != 1:
            return NotImplemented
        chosen = range(*slice(first, last).indices(size))
        starts.append(chosen.start)
        sizes.append(len(chosen))
        shape.append(len(chosen))
    return _window(input, np.array(starts, np.int32), tuple(sizes), tuple(shape)) if starts else NotImplemented


@portable_op(
    "StridedSlice",
    "input: T, begin: Index, end: Index, strides: Index -> output: T",
    Index=(int16, *INDEX),
    static=("strides",),
    known=("begin", "end"),
    eager=_at_once,
    shape=_strided_shape,
)
def strided_slice_op(
    input: Any,
    begin: Any,
    end: Any,
    strides: Any,
    *,
    begin_mask: int = 0,
    end_mask: int = 0,
    ellipsis_mask: int = 0,
    new_axis_mask: int = 0,
    shrink_axis_mask: int = 0,
) -> Any:
    """`input[begin:end:strides]`, with masks for absent bounds, ellipsis, new axes and single indices."""
    return _sliced(input, begin, end, strides, _masks(begin_mask, end_mask, ellipsis_mask, new_axis_mask, shrink_axis_mask))


def _masks(begin_mask: int, end_mask: int, ellipsis_mask: int, new_axis_mask: int, shrink_axis_mask: int) -> dict[str, int]:
    return {
        "begin_mask": begin_mask,
        "end_mask": end_mask,
        "ellipsis_mask": ellipsis_mask,
        "new_axis_mask": new_axis_mask,
        "shrink_axis_mask": shrink_axis_mask,
    }


@strided_slice_op.gradient
def _strided_slice_gradient(record: Any, grad: Any) -> Any:
    source, begin, end, strides = record.inputs
    if begin.dtype not in INDEX:
        raise InvalidArgumentError("the gradient of StridedSlice needs int32 or int64 bounds; cast them")
    shape = shape_vector(source)
    shape = shape.astype(begin.dtype.np_dtype) if isinstance(shape, np.ndarray) else get("Shape")(source, out_type=begin.dtype)
    return strided_slice_grad(shape, begin, end, strides, grad, **record.attrs), None, None, None


def _host_gradient(shape: Any, begin: Any, end: Any, strides: Any, dy: Any, **masks: int) -> Any:
    if any(map(is_trial, integers(shape))):
        return NotImplemented
    gradient = np.zeros(integers(shape), dy.dtype)
    gradient[_subscript(_pieces(gradient.ndim, begin, end, strides, masks), gradient.shape)] = dy
    return gradient


@op(
    "StridedSliceGrad",
    "shape: Index, begin: Index, end: Index, strides: Index, dy: T -> output: T",
    Index=INDEX,
    unsized=sized_by(0),
    static=("shape", "strides"),
    known=("begin", "end"),
    host=_host_gradient,
    shape=lambda shape, *_, **__: integers(shape),
)
def strided_slice_grad(
    shape: Any,
    begin: Any,
    end: Any,
    strides: Any,
    dy: Any,
    *,
    begin_mask: int = 0,
    end_mask: int = 0,
    ellipsis_mask: int = 0,
    new_axis_mask: int = 0,
    shrink_axis_mask: int = 0,
) -> Any:
    """Zeros of shape `shape` with `dy` where the slice was taken."""
    masks = _masks(begin_mask, end_mask, ellipsis_mask, new_axis_mask, shrink_axis_mask)
    if jnp.issubdtype(dy.dtype, jnp.inexact):  # also right for indices that are computed at run time
        source = jax.ShapeDtypeStruct(integers(shape), dy.dtype)
        (gradient,) = jax.linear_transpose(lambda x: _sliced(x, begin, end, strides, masks), source)(jnp.asarray(dy))
        return gradient
    return _updated(jnp.zeros(integers(shape), dy.dtype), begin, end, strides, dy, masks)


@strided_slice_grad.gradient
def _strided_slice_grad_gradient(record: Any, grad: Any) -> Any:
    _, begin, end, strides, _ = record.inputs
    return None, None, None, None, strided_slice_op(grad, begin, end, strides, **record.attrs)


def _updated(input: Any, begin: Any, end: Any, strides: Any, value: Any, masks: dict[str, int]) -> Any:
    return input.at[_subscript(_pieces(input.ndim, begin, end, strides, masks), input.shape)].set(value)


@op(
    "TensorStridedSliceUpdate",
    "input: T, begin: Index, end: Index, strides: Index, value: T -> output: T",
    Index=INDEX,
    static=("begin", "end", "strides"),
    shape=lambda input, *_, **__: input,
)
def tensor_strided_slice_update(
    input: Any,
    begin: Any,
    end: Any,
    strides: Any,
    value: Any,
    *,
    begin_mask: int = 0,
    end_mask: int = 0,
    ellipsis_mask: int = 0,
    new_axis_mask: int = 0,
    shrink_axis_mask: int = 0,
) -> Any:
    """The input with `value` in place of the slice."""
    masks = _masks(begin_mask, end_mask, ellipsis_mask, new_axis_mask, shrink_axis_mask)
    return _updated(jnp.asarray(input), begin, end, strides, value, masks)


def strided_slice(
    input_: Any,
    begin: Any,
    end: Any,
    strides: Any = None,
    begin_mask: int = 0,
    end_mask: int = 0,
    ellipsis_mask: int = 0,
    new_axis_mask: int = 0,
    shrink_axis_mask: int = 0,
    var: Any = None,
    name: str | None = None,
) -> Tensor:
    """`input_[begin:end:strides]`, dimension by dimension; bit i of a mask is about entry i of the vectors.

    Args:
        input_: a tensor.
        begin, end, strides: int vectors of one length; the strides are 1 by default.
        begin_mask, end_mask: entries whose bound is left out.
        ellipsis_mask: the entry that stands for all dimensions in between.
        new_axis_mask: entries that insert a dimension of size 1.
        shrink_axis_mask: entries that pick one index and remove the dimension.
        var: a variable; accepted for TensorFlow's signature, must be None.
        name: a name for the node in a graph.
    """
    if var is not None:
        raise InvalidArgumentError("strided_slice cannot assign to a variable here; use variable[...].assign(...)")
    begin = convert_to_tensor(begin)
    if strides is None:
        strides = np.ones(begin.shape.concrete(), begin.dtype.np_dtype)
    masks = _masks(begin_mask, end_mask, ellipsis_mask, new_axis_mask, shrink_axis_mask)
    return strided_slice_op(input_, begin, end, strides, **masks, name=name)


def tensor_slice_update(tensor: Any, key: Any, value: Any, name: str | None = None) -> Tensor:
    """A copy of `tensor` in which `tensor[key]` is `value`."""
    begin, end, strides, masks = strided_slice_arguments(key, lambda parts: np.array([int(p) for p in parts], np.int32))
    return tensor_strided_slice_update(tensor, begin, end, strides, value, **masks, name=name)


def _slice_sizes(input: Dims, begin: Any, size: Any) -> Dims:
    rank = len(input)
    if size.shape != (rank,) or begin is not None and begin.shape != (rank,):
        raise InvalidArgumentError(f"begin and size must be vectors of {rank} entries; size has shape {size.shape}")
    sizes = []
    for axis, (dim, length) in enumerate(zip(input, integers(size), strict=True)):
        if length < -1:
            raise InvalidArgumentError(f"size {length} of dimension {axis} is negative; expected 0 or more, or -1 for the rest")
        if length == -1 and not _is_known(begin):
            raise InvalidArgumentError("a size of -1 needs a begin that is known when the function is compiled")
        first = int(begin[axis]) if _is_known(begin) else 0
        sizes.append(dim - first if length == -1 else length)
        if first < 0 or first + sizes[-1] > dim:
            raise InvalidArgumentError(f"a slice of {sizes[-1]} from {first} does not fit dimension {axis} of size {dim}")
    return tuple(sizes)


@portable_op(
    "Slice",
    "input: T, begin: Index, size: Index -> output: T",
    Index=INDEX,
    unsized=same_rank,
    static=("size",),
    known=("begin",),
    shape=_slice_sizes,
)
def slice_op(input: Any, begin: Any, size: Any) -> Any:
    """`size` elements from `begin` on in each dimension; a size of -1 takes the rest."""
    sizes = _slice_sizes(input.shape, begin, size)
    if _is_known(begin):
        return input[tuple(slice(int(b), int(b) + s) for b, s in zip(begin, sizes, strict=True))]
    return jax.lax.dynamic_slice(input, list(begin), sizes)


def slice_(input_: Any, begin: Any, size: Any, name: str | None = None) -> Tensor:
    """`size` elements from `begin` on in each dimension; a size of -1 takes the rest."""
    if not isinstance(begin, Tensor):
        begin = convert_to_tensor(begin, size.dtype if isinstance(size, Tensor) else None)
    if static_value(begin) is None:
        size = convert_to_tensor(size, None if isinstance(size, Tensor) else begin.dtype)
        lengths = static_value(size)
        if lengths is None or np.any(lengths < 0):
            # How long the rest is depends on where it begins; as a value it may cut the graph, as any size may.
            rest = get("Shape")(input_, out_type=size.dtype) - begin
            size = get("SelectV2")(get("Equal")(size, -1), rest, size)
        if lengths is not None:
            found = slice_op(input_, begin, size, name=name)
            found.set_shape([None if length < 0 else int(length) for length in lengths])
            return found
    return slice_op(input_, begin, size, name=name)
