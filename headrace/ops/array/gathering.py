"""Gathering and scattering by index."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from headrace.core.dtypes import INDEX, int16, uint16
from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.composite import IndexedSlices
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import OpDef, get, op
from headrace.dispatch.overriding import dispatches
from headrace.dispatch.tensor import Tensor
from headrace.dispatch.unsized import sized_by
from headrace.ops.array.portable import (
    Dims,
    integers,
    is_trial,
    namespace,
    portable_op,
    resolve_axis,
    scalar,
    shape_vector,
    static_value,
)

_NARROW = (int16, *INDEX)


def _within(indices: Any, size: int) -> Any:
    """Indices with negative ones moved out of range at the far end, since they do not count from the end here."""
    wide = jnp.asarray(indices)
    wide = wide.astype(jnp.int32) if wide.dtype.itemsize < 4 else wide
    return jnp.where(wide < 0, size, wide)


def _refuse_outside(indices: Any, size: int) -> None:
    bad = indices[(indices < 0) | (indices >= size)]
    if bad.size:
        raise InvalidArgumentError(f"index {bad.ravel()[0]} is out of range; expected 0 to {size - 1}")


def _take(params: Any, indices: Any, axis: int, batch_dims: int) -> Any:
    """Out-of-range indices give zeros in compiled code, which cannot raise; host arrays raise."""
    if batch_dims == 0:
        if isinstance(params, np.ndarray) and isinstance(indices, np.ndarray):
            _refuse_outside(indices, params.shape[axis])
            before: tuple[Any, ...] = (slice(None),) * axis
            return params[(*before, indices, ...)]
        if not params.size or not indices.size:
            return jnp.zeros((*params.shape[:axis], *indices.shape, *params.shape[axis + 1 :]), params.dtype)
        return jnp.take(params, _within(indices, params.shape[axis]), axis, mode="fill", fill_value=0)
    if isinstance(params, np.ndarray) and isinstance(indices, np.ndarray):
        parts = [_take(p, i, axis - 1, batch_dims - 1) for p, i in zip(params, indices, strict=True)]
        shape = (*params.shape[:axis], *indices.shape[batch_dims:], *params.shape[axis + 1 :])
        return np.stack(parts) if parts else np.zeros(shape, params.dtype)
    return jax.vmap(lambda p, i: _take(p, i, axis - 1, batch_dims - 1))(jnp.asarray(params), jnp.asarray(indices))


def _gather_axes(params: Dims, indices: Dims, axis: Any, batch_dims: int) -> tuple[int, int]:
    position = resolve_axis(scalar(axis), len(params))
    batch = batch_dims + len(indices) if batch_dims < 0 else batch_dims
    if not 0 <= batch <= min(position, len(indices)):
        raise InvalidArgumentError(f"batch_dims is {batch_dims}; expected at most {min(position, len(indices))}")
    for one, other in zip(params[:batch], indices[:batch], strict=True):
        if one != other and not (is_trial(one) or is_trial(other)):
            raise InvalidArgumentError(f"the first {batch} dimensions of params {params} and indices {indices} differ")
    return position, batch


def _gathered(params: Dims, indices: Dims, axis: Any, *, batch_dims: int) -> Dims:
    position, batch = _gather_axes(params, indices, axis, batch_dims)
    return (*params[:position], *indices[batch:], *params[position + 1 :])


@portable_op("Gather", "params: Tparams, indices: Tindices -> output: Tparams", Tindices=INDEX)
def gather_v1(params: Any, indices: Any, *, validate_indices: bool = True) -> Any:
    """The slices of `params` along its first axis at `indices`."""
    return _take(params, indices, 0, 0)


def _of_any_axis(params: Any, indices: Any, *_: Any, batch_dims: int = 0, **__: Any) -> tuple[None, ...]:
    rank = len(indices.shape)
    return (None,) * (len(params.shape) - 1 + rank - (batch_dims + rank if batch_dims < 0 else batch_dims))


@portable_op(
    "GatherV2",
    "params: Tparams, indices: Tindices, axis: Taxis -> output: Tparams",
    Tindices=_NARROW,
    Taxis=INDEX,
    unsized=_of_any_axis,
    static=("axis",),
    shape=_gathered,
)
def gather_v2(params: Any, indices: Any, axis: Any, *, batch_dims: int = 0) -> Any:
    """The slices of `params` along `axis` at `indices`; the first `batch_dims` dimensions of both go together."""
    return _take(params, indices, *_gather_axes(params.shape, indices.shape, axis, batch_dims))


@gather_v1.gradient
def _gather_gradient(record: Any, grad: Any) -> Any:
    params, indices = record.inputs
    return _slices(params, indices, grad), None


@gather_v2.gradient
def _gather_v2_gradient(record: Any, grad: Any) -> Any:
    params, indices, axis = record.inputs
    known = static_value(axis)
    if known is not None and int(known) == 0 and record.attrs["batch_dims"] == 0:
        return _slices(params, indices, grad), None, None
    return get("_VJPGatherV2")(params, indices, axis, grad, **record.attrs), None, None


def _slices(params: Tensor, indices: Tensor, grad: Tensor) -> IndexedSlices:
    shape, reshape = get("Shape")(params), get("Reshape")
    if params.shape.rank is not None and indices.shape.is_fully_defined() and params.shape[1:].is_fully_defined():
        target: Any = [indices.shape.num_elements(), *params.shape[1:]]
    else:
        row = get("StridedSlice")(shape, [1], [0], [1], end_mask=1)
        target = get("ConcatV2")([reshape(get("Size")(indices), [1]), row], 0)
    return IndexedSlices(reshape(grad, target), reshape(indices, [-1]), shape)


@dispatches
def gather(
    params: Any, indices: Any, validate_indices: Any = None, axis: Any = None, batch_dims: int = 0, name: str | None = None
) -> Tensor:
    """The slices of `params` along `axis` at `indices`.

    Args:
        params: a tensor, or a variable (read sparsely where the gather is along its first axis).
        indices: integers of any shape.
        validate_indices: accepted and ignored.
        axis: an int scalar; `batch_dims` by default.
        batch_dims: the number of leading dimensions that `params` and `indices` share.
        name: a name for the node in a graph.
    """
    indices = convert_to_tensor(indices)
    if batch_dims < 0:
        batch_dims += len(indices.shape)
    position = batch_dims if axis is None else axis
    handle = getattr(params, "sparse_read", None)
    if handle is not None and batch_dims == 0 and isinstance(position, int) and position == 0:
        return handle(indices, name=name)  # type: ignore[no-any-return]
    return gather_v2(params, indices, position, batch_dims=batch_dims, name=name)


# Indices of several dimensions: the last dimension of `indices` holds coordinates.


def _coordinates(indices: Any, shape: Dims) -> tuple[Any, ...]:
    return tuple(_within(indices[..., i], shape[i]) for i in range(indices.shape[-1]))


def _check_depth(indices: Dims, shape: Dims) -> int:
    depth = indices[-1] if indices else 0
    if not indices or depth > len(shape):
        raise InvalidArgumentError(f"indices of shape {indices} do not address a tensor of shape {shape}")
    return depth


def _gathered_nd(params: Dims, indices: Dims, **_: Any) -> Dims:
    return (*indices[:-1], *params[_check_depth(indices, params) :])


@portable_op("GatherNd", "params: Tparams, indices: Tindices -> output: Tparams", Tindices=_NARROW, shape=_gathered_nd)
def gather_nd_op(params: Any, indices: Any, *, bad_indices_policy: str = "") -> Any:
    """The slices of `params` at the coordinates in the last dimension of `indices`."""
    depth = _check_depth(indices.shape, params.shape)
    if isinstance(params, np.ndarray) and isinstance(indices, np.ndarray):
        for axis in range(depth):
            _refuse_outside(indices[..., axis], params.shape[axis])
        if depth:
            return params[(*np.moveaxis(indices, -1, 0), ...)]
    if not depth:
        return namespace(params).broadcast_to(params, (*indices.shape[:-1], *params.shape))
    return jnp.asarray(params).at[_coordinates(indices, params.shape)].get(mode="fill", fill_value=0)


@gather_nd_op.gradient
def _gather_nd_gradient(record: Any, grad: Any) -> Any:
    params, indices = record.inputs
    return scatter_nd_op(indices, grad, get("Shape")(params, out_type=_shape_type(indices))), None


def _shape_type(indices: Tensor) -> Any:
    return indices.dtype if indices.dtype in INDEX else INDEX[0]


def gather_nd(params: Any, indices: Any, batch_dims: int = 0, name: str | None = None, bad_indices_policy: str = "") -> Tensor:
    """The slices of `params` at the coordinates in the last dimension of `indices`.

    Args:
        params: a tensor.
        indices: integers [..., depth].
        batch_dims: the number of leading dimensions that `params` and `indices` share.
        name: a name for the node in a graph.
        bad_indices_policy: passed on to the op.
    """
    if batch_dims == 0:
        return gather_nd_op(params, indices, bad_indices_policy=bad_indices_policy, name=name)
    indices = convert_to_tensor(indices)
    shape = get("Shape")(indices)
    parts = [indices]
    for axis in reversed(range(batch_dims)):
        line = get("Cast")(get("Range")(0, shape[axis], 1), DstT=indices.dtype)
        line = get("Reshape")(line, [-1, *[1] * (len(indices.shape) - 1 - axis)])
        whole = get("ConcatV2")([shape[:-1], [1]], 0)
        parts.insert(0, get("BroadcastTo")(line, whole))
    return gather_nd_op(params, get("ConcatV2")(parts, -1), bad_indices_policy=bad_indices_policy, name=name)


def _scattered(indices: Dims, updates: Dims, shape: Any, **_: Any) -> Dims:
    target = integers(shape)
    _check_depth(indices, target)
    return target


@op(
    "ScatterNd",
    "indices: Tindices, updates: T, shape: Tindices -> output: T",
    Tindices=_NARROW,
    unsized=sized_by(2),
    static=("shape",),
    shape=_scattered,
)
def scatter_nd_op(indices: Any, updates: Any, shape: Any, *, bad_indices_policy: str = "") -> Any:
    """Zeros of shape `shape` to which `updates` are added at the coordinates in `indices`."""
    return _scatter(jnp.zeros(integers(shape), updates.dtype), indices, updates, "max" if updates.dtype == bool else "add")


def _scatter(tensor: Any, indices: Any, updates: Any, how: str) -> Any:
    tensor, updates = jnp.asarray(tensor), jnp.asarray(updates)
    depth = _check_depth(indices.shape, tensor.shape)
    expected = (*indices.shape[:-1], *tensor.shape[depth:])
    if updates.shape != expected:
        raise InvalidArgumentError(f"updates have shape {updates.shape}; expected {expected} for indices of shape {indices.shape}")
    if not depth:  # every update is about the whole tensor: the only row of a tensor with one more dimension
        rows = updates.reshape(-1, *tensor.shape)
        return getattr(tensor[None].at[jnp.zeros(rows.shape[0], jnp.int32)], how)(rows)[0]
    return getattr(tensor.at[_coordinates(indices, tensor.shape)], how)(updates, mode="drop")


@scatter_nd_op.gradient
def _scatter_nd_gradient(record: Any, grad: Any) -> Any:
    return None, gather_nd_op(grad, record.inputs[0]), None


def scatter_nd(indices: Any, updates: Any, shape: Any, bad_indices_policy: str = "", name: str | None = None) -> Tensor:
    """Zeros of shape `shape` to which `updates` are added at the coordinates in the last dimension of `indices`."""
    return scatter_nd_op(indices, updates, shape, bad_indices_policy=bad_indices_policy, name=name)


def _tensor_scatter(name: str, how: str, doc: str, index_types: tuple[Any, ...]) -> OpDef:
    def kernel(tensor: Any, indices: Any, updates: Any, *, bad_indices_policy: str = "") -> Any:
        return _scatter(tensor, indices, updates, how)

    kernel.__doc__ = doc
    kernel.__name__ = f"tensor_scatter_{how}"
    spec = "tensor: T, indices: Tindices, updates: T -> output: T"
    return op(name, spec, Tindices=index_types, shape=lambda tensor, *_, **__: tensor)(kernel)


def _subtract_kernel(tensor: Any, indices: Any, updates: Any, *, bad_indices_policy: str = "") -> Any:
    """The tensor from which `updates` are subtracted at `indices`."""
    return _scatter(tensor, indices, -jnp.asarray(updates), "add")


tensor_scatter_update_op = _tensor_scatter(
    "TensorScatterUpdate", "set", "The tensor with `updates` in place of what is at `indices`.", (*_NARROW, uint16)
)
tensor_scatter_add_op = _tensor_scatter("TensorScatterAdd", "add", "The tensor to which `updates` are added at `indices`.", INDEX)
tensor_scatter_max_op = _tensor_scatter("TensorScatterMax", "max", "The larger of the tensor and `updates` at `indices`.", INDEX)
tensor_scatter_min_op = _tensor_scatter("TensorScatterMin", "min", "The smaller of the tensor and `updates` at `indices`.", INDEX)
tensor_scatter_sub_op = op(
    "TensorScatterSub",
    "tensor: T, indices: Tindices, updates: T -> output: T",
    Tindices=INDEX,
    shape=lambda tensor, *_, **__: tensor,
)(_subtract_kernel)


@tensor_scatter_update_op.gradient
def _tensor_scatter_update_gradient(record: Any, grad: Any) -> Any:
    _, indices, updates = record.inputs
    return tensor_scatter_update_op(grad, indices, get("ZerosLike")(updates)), None, gather_nd_op(grad, indices)


@tensor_scatter_add_op.gradient
def _tensor_scatter_add_gradient(record: Any, grad: Any) -> Any:
    return grad, None, gather_nd_op(grad, record.inputs[1])


@tensor_scatter_sub_op.gradient
def _tensor_scatter_sub_gradient(record: Any, grad: Any) -> Any:
    return grad, None, -gather_nd_op(grad, record.inputs[1])


@tensor_scatter_max_op.gradient
@tensor_scatter_min_op.gradient
def _tensor_scatter_extreme_gradient(record: Any, grad: Any) -> Any:
    """Elements that attain the extreme share its gradient equally."""
    tensor, indices, updates = record.inputs
    (output,) = record.outputs
    cast, equal = get("Cast"), get("Equal")
    kept = cast(equal(tensor, output), DstT=grad.dtype)
    attained = cast(equal(updates, gather_nd_op(output, indices)), DstT=grad.dtype)
    shape = get("Shape")(tensor, out_type=indices.dtype)
    share = grad / (kept + scatter_nd_op(indices, attained, shape))
    return share * kept, None, gather_nd_op(share, indices) * attained


def tensor_scatter_nd_update(tensor: Any, indices: Any, updates: Any, name: str | None = None) -> Tensor:
    """A copy of `tensor` with `updates` in place of what is at `indices`."""
    return tensor_scatter_update_op(tensor, indices, updates, name=name)


def tensor_scatter_nd_add(tensor: Any, indices: Any, updates: Any, bad_indices_policy: str = "", name: str | None = None) -> Tensor:
    """A copy of `tensor` to which `updates` are added at `indices`."""
    return tensor_scatter_add_op(tensor, indices, updates, bad_indices_policy=bad_indices_policy, name=name)


def tensor_scatter_nd_sub(tensor: Any, indices: Any, updates: Any, bad_indices_policy: str = "", name: str | None = None) -> Tensor:
    """A copy of `tensor` from which `updates` are subtracted at `indices`."""
    return tensor_scatter_sub_op(tensor, indices, updates, bad_indices_policy=bad_indices_policy, name=name)


def tensor_scatter_nd_max(tensor: Any, indices: Any, updates: Any, bad_indices_policy: str = "", name: str | None = None) -> Tensor:
    """A copy of `tensor` with the larger of what is at `indices` and `updates`."""
    return tensor_scatter_max_op(tensor, indices, updates, bad_indices_policy=bad_indices_policy, name=name)


def tensor_scatter_nd_min(tensor: Any, indices: Any, updates: Any, bad_indices_policy: str = "", name: str | None = None) -> Tensor:
    """A copy of `tensor` with the smaller of what is at `indices` and `updates`."""
    return tensor_scatter_min_op(tensor, indices, updates, bad_indices_policy=bad_indices_policy, name=name)


@dispatches
def boolean_mask(tensor: Any, mask: Any, axis: int | None = None, name: str | None = None) -> Tensor:
    """The slices of `tensor` where `mask` is True, in order.

    Args:
        tensor: a tensor.
        mask: booleans, of the shape of the tensor's dimensions from `axis` on.
        axis: the first dimension that the mask is about, 0 by default.
        name: a name for the node in a graph.

    Raises:
        ValueError: the mask is a scalar.
    """
    tensor, mask = convert_to_tensor(tensor), convert_to_tensor(mask)
    start = 0 if axis is None else resolve_axis(axis, len(tensor.shape))
    if not len(mask.shape):
        raise ValueError("the mask is a scalar; expected at least one dimension")
    tensor.shape[start : start + len(mask.shape)].assert_is_compatible_with(mask.shape)
    shape = shape_vector(tensor)
    rest = [shape[i] for i in range(len(tensor.shape)) if not start <= i < start + len(mask.shape)]
    flat = get("Reshape")(tensor, [*rest[:start], -1, *rest[start:]])
    chosen = get("Where")(get("Reshape")(mask, [-1]))
    return gather(flat, get("Reshape")(chosen, [-1]), axis=start, name=name)
