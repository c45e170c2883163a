"""Reductions over axes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np

from headrace.core.dtypes import INDEX, NUMERIC, REAL, DType, bool_, int16, int64
from headrace.core.errors import InvalidArgumentError
from headrace.core.shapes import TensorShape
from headrace.dispatch.infer import constant_value
from headrace.dispatch.opdef import get, op
from headrace.dispatch.tensor import EagerTensor, Tensor
from headrace.dispatch.unsized import reduced
from headrace.ops.math.elementwise import multiply, quiet, real_divide

AXES = ("reduction_indices",)
SPEC = "input: T, reduction_indices: Tidx -> output: T"
LOGICAL = "input: bool, reduction_indices: Tidx -> output: bool"


def axes_of(rank: int, indices: Any) -> tuple[int, ...]:
    """Sorted axes without negatives.

    Raises:
        InvalidArgumentError: an axis is out of range or given twice.
    """
    given = [int(i) for i in np.asarray(indices).ravel()]
    axes = [i + rank if i < 0 else i for i in given]
    if any(not 0 <= i < rank for i in axes):
        raise InvalidArgumentError(f"axis {given} is out of range for a tensor of rank {rank}; use {-rank}..{rank - 1}")
    if len(set(axes)) < len(axes):
        raise InvalidArgumentError(f"axis {given} names an axis twice")
    return tuple(sorted(axes))


def _reduced_shape(input: tuple[int, ...], reduction_indices: Any, keep_dims: bool) -> tuple[int, ...]:
    axes = axes_of(len(input), reduction_indices)
    if keep_dims:
        return tuple(1 if i in axes else d for i, d in enumerate(input))
    return tuple(d for i, d in enumerate(input) if i not in axes)


def _on_host(reduce: Callable[..., Any]) -> Callable[..., Any]:
    def host(input: Any, reduction_indices: Any, keep_dims: bool) -> Any:
        return np.asarray(reduce(input, axis=axes_of(input.ndim, reduction_indices), keepdims=keep_dims)).astype(input.dtype)

    return quiet(host)


def _as_mean(total: Any, count: int) -> Any:
    """A sum over a count; integers are rounded towards zero, and 0 over 0 is 0."""
    if total.dtype.kind not in "iu":
        return total / jnp.asarray(count, total.dtype)
    magnitude = jnp.abs(total) // max(count, 1)
    return (jnp.sign(total) * magnitude).astype(total.dtype)


@op("Sum", SPEC, T=NUMERIC, Tidx=INDEX, unsized=reduced, static=AXES, host=_on_host(np.sum), shape=_reduced_shape)
def sum_op(input: Any, reduction_indices: Any, *, keep_dims: bool = False) -> Any:
    """The sum over axes."""
    return jnp.sum(input, axes_of(input.ndim, reduction_indices), dtype=input.dtype, keepdims=keep_dims)


@op("Mean", SPEC, T=NUMERIC, Tidx=INDEX, unsized=reduced, static=AXES, shape=_reduced_shape)
def mean_op(input: Any, reduction_indices: Any, *, keep_dims: bool = False) -> Any:
    """The mean over axes; that of integers is rounded towards zero."""
    axes = axes_of(input.ndim, reduction_indices)
    if jnp.issubdtype(input.dtype, jnp.integer):
        total = jnp.sum(input, axes, dtype=input.dtype, keepdims=keep_dims)
        return _as_mean(total, math.prod(input.shape[i] for i in axes))
    return jnp.mean(input, axes, keepdims=keep_dims)


@op("Prod", SPEC, T=NUMERIC, Tidx=INDEX, unsized=reduced, static=AXES, host=_on_host(np.prod), shape=_reduced_shape)
def prod_op(input: Any, reduction_indices: Any, *, keep_dims: bool = False) -> Any:
    """The product over axes."""
    return jnp.prod(input, axes_of(input.ndim, reduction_indices), dtype=input.dtype, keepdims=keep_dims)


def _least(dtype: Any) -> Any:
    return jnp.iinfo(dtype).min if jnp.issubdtype(dtype, jnp.integer) else -jnp.inf


def _greatest(dtype: Any) -> Any:
    return jnp.iinfo(dtype).max if jnp.issubdtype(dtype, jnp.integer) else jnp.inf


def _host_max(input: Any, axis: Any, keepdims: bool) -> Any:
    return np.max(input, axis=axis, keepdims=keepdims, initial=_least(input.dtype))


def _host_min(input: Any, axis: Any, keepdims: bool) -> Any:
    return np.min(input, axis=axis, keepdims=keepdims, initial=_greatest(input.dtype))


@op("Max", SPEC, T=REAL, Tidx=INDEX, unsized=reduced, static=AXES, host=_on_host(_host_max), shape=_reduced_shape)
def max_op(input: Any, reduction_indices: Any, *, keep_dims: bool = False) -> Any:
    """The greatest element over axes; of none the least value of the dtype."""
    return jnp.max(input, axes_of(input.ndim, reduction_indices), keepdims=keep_dims, initial=_least(input.dtype))


@op("Min", SPEC, T=REAL, Tidx=INDEX, unsized=reduced, static=AXES, host=_on_host(_host_min), shape=_reduced_shape)
def min_op(input: Any, reduction_indices: Any, *, keep_dims: bool = False) -> Any:
    """The smallest element over axes; of none the greatest value of the dtype."""
    return jnp.min(input, axes_of(input.ndim, reduction_indices), keepdims=keep_dims, initial=_greatest(input.dtype))


@op("All", LOGICAL, Tidx=INDEX, unsized=reduced, static=AXES, host=_on_host(np.all), shape=_reduced_shape, differentiable=False)
def all_op(input: Any, reduction_indices: Any, *, keep_dims: bool = False) -> Any:
    """Whether all elements over axes are true."""
    return jnp.all(input, axes_of(input.ndim, reduction_indices), keepdims=keep_dims)


@op("Any", LOGICAL, Tidx=INDEX, unsized=reduced, static=AXES, host=_on_host(np.any), shape=_reduced_shape, differentiable=False)
def any_op(input: Any, reduction_indices: Any, *, keep_dims: bool = False) -> Any:
    """Whether at least one element over axes is true."""
    return jnp.any(input, axes_of(input.ndim, reduction_indices), keepdims=keep_dims)


@op("EuclideanNorm", SPEC, T=NUMERIC, Tidx=INDEX, unsized=reduced, static=AXES, shape=_reduced_shape)
def euclidean_norm_op(input: Any, reduction_indices: Any, *, keep_dims: bool = False) -> Any:
    """The square root of the sum of squared absolute values over axes."""
    axes = axes_of(input.ndim, reduction_indices)
    total = jnp.sum(jnp.conj(input) * input, axes, dtype=input.dtype, keepdims=keep_dims)
    return jnp.sqrt(total).astype(input.dtype)


# Gradients: the gradient of the output is spread over the reduced axes again.


def known_value(tensor: Any) -> Any:
    """The elements of a tensor as a numpy array; None when they are not known yet."""
    return tensor.numpy() if isinstance(tensor, EagerTensor) else constant_value(tensor.value)


def _kept_shape(shape: TensorShape, axes: Tensor) -> list[int] | None:
    """The known shape with 1 for the reduced axes."""
    indices = known_value(axes)
    if indices is None or not shape.is_fully_defined():
        return None
    reduced = axes_of(len(shape), indices)
    return [1 if i in reduced else int(d) for i, d in enumerate(shape.concrete())]


def _spread(record: Any, value: Tensor) -> tuple[Tensor, Any]:
    """`value` with the reduced axes as 1, and the input's shape."""
    x, axes = record.inputs
    kept = _kept_shape(x.shape, axes)
    if kept is not None:
        whole = np.array(x.shape.concrete(), np.int32)
        return (value if value.shape == kept else get("Reshape")(value, np.array(kept, np.int32))), whole
    shape = get("Shape")(x)
    return get("Reshape")(value, _kept_shape_tensor(shape, axes)), shape


def _kept_shape_tensor(shape: Tensor, axes: Tensor) -> Tensor:
    """The same as `_kept_shape` for shapes that are known only when the graph is compiled."""
    rank = get("Size")(shape)
    flat = get("Reshape")(get("Cast")(axes, DstT=shape.dtype), [-1])
    positions = get("FloorMod")(get("AddV2")(flat, rank), rank)
    zero_d = get("Range")(0, rank, 1)
    hit = get("Any")(get("Equal")(get("ExpandDims")(zero_d, 1), get("ExpandDims")(positions, 0)), [1])
    return get("SelectV2")(hit, get("OnesLike")(shape), shape)


@sum_op.gradient
def _sum_gradient(record: Any, grad: Any) -> Any:
    value, shape = _spread(record, grad)
    return get("BroadcastTo")(value, shape), None


@mean_op.gradient
def _mean_gradient(record: Any, grad: Any) -> Any:
    x, y = record.inputs[0], record.outputs[0]
    value, shape = _spread(record, grad)
    if x.shape.is_fully_defined() and y.shape.is_fully_defined():
        count: Any = max(x.shape.num_elements(), 1) // max(y.shape.num_elements(), 1)
    else:
        sizes = [get("Size")(t) for t in (x, y)]
        count = get("Cast")(get("FloorDiv")(sizes[0], get("Maximum")(sizes[1], 1)), DstT=x.dtype)
    return get("BroadcastTo")(real_divide(value, count), shape), None


def _extreme_gradient(record: Any, grad: Any) -> Any:
    """Elements that tie share the gradient."""
    x, axes = record.inputs
    extreme, _ = _spread(record, record.outputs[0])
    value, _ = _spread(record, grad)
    chosen = get("Cast")(get("Equal")(extreme, x), DstT=x.dtype)
    count, _ = _spread(record, sum_op(chosen, axes))
    return multiply(real_divide(chosen, count), value), None


max_op.gradient(_extreme_gradient)
min_op.gradient(_extreme_gradient)


@euclidean_norm_op.gradient
def _euclidean_norm_gradient(record: Any, grad: Any) -> Any:
    x, _ = record.inputs
    value, _ = _spread(record, grad)
    norm, _ = _spread(record, record.outputs[0])
    return multiply(real_divide(x, norm), value), None


# Positions of extremes.


def _position_shape(input: tuple[int, ...], dimension: Any, output_type: DType) -> tuple[int, ...]:
    (axis,) = axes_of(len(input), dimension)
    return input[:axis] + input[axis + 1 :]


def _position(find: Callable[..., Any], input: Any, dimension: Any, output_type: DType) -> Any:
    (axis,) = axes_of(input.ndim, dimension)
    if not input.shape[axis]:
        raise InvalidArgumentError(f"axis {axis} of shape {TensorShape(input.shape)} is empty; it must hold at least one element")
    return find(input, axis).astype(output_type.np_dtype)


def _without_one(x: Any, *_: Any, **__: Any) -> tuple[None, ...]:
    return (None,) * (len(x.shape) - 1)


@op("ArgMax", "input: T, dimension: Tidx -> output: output_type", T=(*REAL, bool_), Tidx=(int16, *INDEX), static=("dimension",),
    unsized=_without_one, shape=_position_shape, differentiable=False)  # fmt: skip
def argmax_op(input: Any, dimension: Any, *, output_type: DType = int64) -> Any:
    """The position of the greatest element along an axis; of equals the first."""
    return _position(jnp.argmax, input, dimension, output_type)


@op("ArgMin", "input: T, dimension: Tidx -> output: output_type", T=(*REAL, bool_), Tidx=INDEX, static=("dimension",),
    unsized=_without_one, shape=_position_shape, differentiable=False)  # fmt: skip
def argmin_op(input: Any, dimension: Any, *, output_type: DType = int64) -> Any:
    """The position of the smallest element along an axis; of equals the first."""
    return _position(jnp.argmin, input, dimension, output_type)
