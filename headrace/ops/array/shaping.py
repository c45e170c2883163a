"""Shape, and ops that change it without changing the elements."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from headrace.core import dtypes
from headrace.core.dtypes import INDEX, DType
from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.infer import SMALLEST_TRIAL
from headrace.dispatch.opdef import Ints, get, op
from headrace.dispatch.overriding import dispatches
from headrace.dispatch.tensor import Tensor
from headrace.dispatch.unsized import same_rank, sized_by
from headrace.ops.array.portable import (
    Dims,
    has_trial,
    integers,
    is_trial,
    namespace,
    portable_op,
    resolve_axis,
    scalar,
    shape_vector,
    static_value,
)


@op("Shape", "input: T -> output: out_type", metadata=True, unsized=lambda input, **_: (len(input.shape),), differentiable=False)
def shape_op(input: Any, *, out_type: DType = dtypes.int32) -> Any:
    """The shape, an int vector."""
    return np.array(input.shape, out_type.np_dtype)


@op("ShapeN", "input: N*T -> output: N*out_type", metadata=True, differentiable=False)
def shape_n_op(input: tuple[Any, ...], *, out_type: DType = dtypes.int32) -> Any:
    """The shape of each input."""
    return tuple(np.array(item.shape, out_type.np_dtype) for item in input)


@op("Rank", "input: T -> output: int32", metadata=True, differentiable=False)
def rank(input: Any) -> Any:
    """The number of dimensions."""
    return np.array(len(input.shape), np.int32)


@op("Size", "input: T -> output: out_type", metadata=True, unsized=lambda input, **_: (), differentiable=False)
def size_op(input: Any, *, out_type: DType = dtypes.int32) -> Any:
    """The number of elements."""
    count = math.prod(input.shape)
    if count > out_type.max:
        if max(input.shape) < SMALLEST_TRIAL:
            raise InvalidArgumentError(f"{out_type.name} cannot hold the number of elements, {count}; pass out_type=tf.int64")
        count %= out_type.max  # a trial of shape inference: any number that the next trial does not give too
    return np.array(count, out_type.np_dtype)


@dispatches
def shape(input: Any, out_type: Any = None, name: str | None = None) -> Tensor:
    """The shape of a tensor, an int32 (or `out_type`) vector."""
    return shape_op(input, out_type=out_type or dtypes.int32, name=name)


def shape_n(input: Any, out_type: Any = dtypes.int32, name: str | None = None) -> list[Tensor]:
    """The shape of each of several tensors."""
    return list(shape_n_op.all(input, out_type=out_type, name=name))


@dispatches
def size(input: Any, out_type: Any = None, name: str | None = None) -> Tensor:
    """The number of elements of a tensor, int32 unless `out_type` says otherwise."""
    return size_op(input, out_type=out_type or dtypes.int32, name=name)


def target_shape(source: Dims, wanted: Dims) -> Dims:
    """`wanted` with its -1 replaced by what is left of the elements of `source`.

    Raises:
        InvalidArgumentError: the numbers of elements do not fit.
    """
    count, trial = math.prod(source), has_trial(source, wanted)
    if wanted.count(-1) > 1 or min(wanted, default=0) < -1:
        raise InvalidArgumentError(f"{list(wanted)} is no shape; expected sizes of 0 or more and at most one -1")
    if -1 not in wanted:
        if math.prod(wanted) != count and not trial:
            raise InvalidArgumentError(f"a tensor of {count} elements (shape {source}) cannot have shape {list(wanted)}")
        return wanted
    known = math.prod(d for d in wanted if d != -1)
    if not known:  # sizes of 0 are left out on both sides, as in TensorFlow
        count, known = (math.prod(d for d in dims if d > 0) for dims in (source, wanted))
    if count % known and not trial:
        raise InvalidArgumentError(f"a tensor of shape {source} cannot have shape {list(wanted)}: {known} does not divide {count}")
    return tuple(count // known if d == -1 else d for d in wanted)


def _reshaped(tensor: Dims, shape: Any) -> Dims:
    return target_shape(tensor, integers(shape))


@portable_op(
    "Reshape", "tensor: T, shape: Tshape -> output: T", Tshape=INDEX, unsized=sized_by(1), static=("shape",), shape=_reshaped
)
def reshape(tensor: Any, shape: Any) -> Any:
    """The elements in another shape; one size may be -1, which stands for the rest."""
    return tensor.reshape(target_shape(tensor.shape, integers(shape)))


@portable_op(
    "ExpandDims",
    "input: T, dim: Tdim -> output: T",
    Tdim=INDEX,
    unsized=lambda x, *_, **__: (None,) * (len(x.shape) + 1),
    static=("dim",),
)
def expand_dims_op(input: Any, dim: Any) -> Any:
    """The input with one more dimension of size 1 at `dim`."""
    axis = resolve_axis(scalar(dim), input.ndim + 1)
    return input.reshape((*input.shape[:axis], 1, *input.shape[axis:]))


@reshape.gradient
@expand_dims_op.gradient
def _reshape_gradient(record: Any, grad: Any) -> Any:
    return reshape(grad, shape_vector(record.inputs[0])), None


@dispatches
def expand_dims(input: Any, axis: Any, name: str | None = None) -> Tensor:
    """`input` with one more dimension, of size 1, at `axis`."""
    return expand_dims_op(input, axis, name=name)


def _squeezed(input: Dims, *, squeeze_dims: Ints) -> Dims | None:
    if not squeeze_dims:
        return None if has_trial(input) else tuple(d for d in input if d != 1)
    axes = {resolve_axis(a, len(input)) for a in squeeze_dims}
    for axis in axes:
        if input[axis] != 1 and not is_trial(input[axis]):
            raise InvalidArgumentError(f"dimension {axis} of shape {input} cannot be removed; expected size 1")
    return tuple(d for i, d in enumerate(input) if i not in axes)


@portable_op("Squeeze", "input: T -> output: T", shape=_squeezed)
def squeeze_op(input: Any, *, squeeze_dims: Ints = ()) -> Any:
    """The input without dimensions of size 1: those of `squeeze_dims`, or all."""
    axes = {resolve_axis(a, input.ndim) for a in squeeze_dims} if squeeze_dims else {i for i, d in enumerate(input.shape) if d == 1}
    if any(input.shape[axis] != 1 for axis in axes):
        raise InvalidArgumentError(f"dimensions {sorted(axes)} of shape {input.shape} cannot be removed; expected size 1")
    return input.reshape(tuple(d for i, d in enumerate(input.shape) if i not in axes))


@squeeze_op.gradient
def _squeeze_gradient(record: Any, grad: Any) -> Any:
    return reshape(grad, shape_vector(record.inputs[0]))


def squeeze(input: Any, axis: Any = None, name: str | None = None) -> Tensor:
    """`input` without its dimensions of size 1, or without those of `axis` (an int or a list)."""
    axes = () if axis is None else integers(axis)
    return squeeze_op(input, squeeze_dims=axes, name=name)


def _permutation(perm: Any, rank: int) -> Dims:
    axes = tuple(resolve_axis(p, rank, "the permutation's entry") for p in integers(perm))
    if sorted(axes) != list(range(rank)):
        raise InvalidArgumentError(f"{list(integers(perm))} is no permutation of the {rank} dimensions")
    return axes


@portable_op("Transpose", "x: T, perm: Tperm -> y: T", Tperm=INDEX, unsized=same_rank, static=("perm",))
def transpose_op(x: Any, perm: Any) -> Any:
    """The input with its dimensions in the order of `perm`."""
    return x.transpose(_permutation(perm, x.ndim))


@portable_op("ConjugateTranspose", "x: T, perm: Tperm -> y: T", Tperm=INDEX, unsized=same_rank, static=("perm",))
def conjugate_transpose(x: Any, perm: Any) -> Any:
    """The complex conjugate of the input with its dimensions in the order of `perm`."""
    moved = x.transpose(_permutation(perm, x.ndim))
    return moved.conj() if moved.dtype.kind == "c" else moved


def _inverse(perm: Tensor) -> Any:
    known = static_value(perm)
    return invert_permutation(perm) if known is None else np.argsort(known).astype(np.int32)


@transpose_op.gradient
def _transpose_gradient(record: Any, grad: Any) -> Any:
    return transpose_op(grad, _inverse(record.inputs[1])), None


@conjugate_transpose.gradient
def _conjugate_transpose_gradient(record: Any, grad: Any) -> Any:
    return conjugate_transpose(grad, _inverse(record.inputs[1])), None


@portable_op("InvertPermutation", "x: T -> y: T", T=INDEX, differentiable=False)
def invert_permutation(x: Any) -> Any:
    """The permutation y with y[x[i]] = i."""
    if x.ndim != 1:
        raise InvalidArgumentError(f"a permutation is a vector; got shape {x.shape}")
    if namespace(x) is np and sorted(x.tolist()) != list(range(x.size)):
        raise InvalidArgumentError(f"{x.tolist()} is no permutation of 0..{x.size - 1}")
    return namespace(x).argsort(x).astype(x.dtype)


def transpose(a: Any, perm: Any = None, conjugate: bool = False, name: str | None = None) -> Tensor:
    """`a` with its dimensions in the order of `perm`; in reverse order by default.

    Args:
        a: a tensor.
        perm: an int vector, a permutation of the dimensions.
        conjugate: also takes the complex conjugate.
        name: a name for the node in a graph.
    """
    a = convert_to_tensor(a)
    if perm is None:
        count = a.shape.rank
        perm = np.arange(count, dtype=np.int32)[::-1] if count is not None else get("ReverseV2")(get("Range")(0, rank(a), 1), [0])
    chosen = conjugate_transpose if conjugate and a.dtype.is_complex else transpose_op
    return chosen(a, perm, name=name)


@portable_op("UnravelIndex", "indices: Tidx, dims: Tidx -> output: Tidx", Tidx=INDEX, differentiable=False)
def unravel_index(indices: Any, dims: Any) -> Any:
    """The coordinates, one row a dimension, of positions in a flattened array of shape `dims`."""
    xp = namespace(indices, dims)
    strides = xp.concatenate([xp.cumprod(dims[:0:-1], dtype=dims.dtype)[::-1], xp.ones((1,), dims.dtype)])
    column = (-1, *[1] * indices.ndim)
    return (indices[None] // strides.reshape(column)) % dims.reshape(column)
