"""The TensorList ops.

Their kernels call the methods of dispatch/lists.py, on the form for compiled code or the one for the host. Element shapes
are given with -1 for unknown dimensions; -1 alone stands for an unknown rank.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from headrace.core.dtypes import DType, float32, int32, int64
from headrace.core.errors import NotCompilable
from headrace.dispatch.lists import HostList, StackedList, Undefined
from headrace.dispatch.opdef import get, op

SHAPES = (int32, int64)


def _static_shape(shape: Any) -> tuple[int, ...] | None:
    """An element shape where all of it is known, else None."""
    if not isinstance(shape, np.ndarray) or not shape.ndim or (shape < 0).any():
        return None
    return tuple(int(d) for d in shape)


def _scalar(*shapes: Any, **_: Any) -> tuple[int, ...]:
    """The shape rule of handles and counts."""
    return ()


def _scalar_and_element(handle: Any, element_shape: Any, **_: Any) -> list[tuple[int, ...] | None]:
    return [(), _static_shape(element_shape)]


@op(
    "EmptyTensorList",
    "element_shape: shape_type, max_num_elements: int32 -> handle: variant",
    shape_type=SHAPES,
    shape=_scalar,
    differentiable=False,
)
def empty_tensor_list(element_shape: Any, max_num_elements: Any, *, element_dtype: DType) -> Any:
    """A list without elements; the loop that it enters gives it room."""
    return StackedList(None, 0, None)


@op(
    "TensorListReserve",
    "element_shape: shape_type, num_elements: int32 -> handle: variant",
    shape_type=SHAPES,
    known=("element_shape", "num_elements"),
    shape=_scalar,
    differentiable=False,
)
def tensor_list_reserve(element_shape: Any, num_elements: Any, *, element_dtype: DType) -> Any:
    """A list of `num_elements` elements that are not set yet."""
    if isinstance(num_elements, jax.core.Tracer):
        raise NotCompilable("the number of elements of a list depends on data")
    count = int(num_elements)
    shape = _static_shape(element_shape)
    items = jnp.zeros((count, *shape), element_dtype.np_dtype) if shape is not None and element_dtype.is_numeric and count else None
    return StackedList(items, count, count or None)


@op("TensorListPushBack", "input_handle: variant, tensor: element_dtype -> output_handle: variant", shape=_scalar)
def tensor_list_push_back(input_handle: Any, tensor: Any) -> Any:
    """The list with one more element at its end."""
    return input_handle.push(tensor)


@tensor_list_push_back.gradient
def _push_back_gradient(record: Any, grad: Any) -> Any:
    element = record.inputs[1]
    return tensor_list_pop_back.all(grad, element_shape_of(element), element_dtype=element.dtype)


@op(
    "TensorListPopBack",
    "input_handle: variant, element_shape: int32 -> output_handle: variant, tensor: element_dtype",
    known=("element_shape",),
    shape=_scalar_and_element,
)
def tensor_list_pop_back(input_handle: Any, element_shape: Any, *, element_dtype: DType) -> Any:
    """The list without its last element, and that element."""
    return input_handle.pop(_static_shape(element_shape), element_dtype.np_dtype)


@tensor_list_pop_back.gradient
def _pop_back_gradient(record: Any, rest: Any, element: Any) -> Any:
    handle = list_zeros(record.outputs[0]) if rest is None else rest
    value = get("ZerosLike")(record.outputs[1]) if element is None else element
    return tensor_list_push_back(handle, value), None


@op("TensorListLength", "input_handle: variant -> length: int32", shape=_scalar, differentiable=False)
def tensor_list_length(input_handle: Any) -> Any:
    """The number of elements."""
    length = input_handle.length
    return np.int32(length) if isinstance(length, int) else jnp.asarray(length, jnp.int32)


@op(
    "TensorListGetItem",
    "input_handle: variant, index: int32, element_shape: Tshape -> item: element_dtype",
    Tshape=SHAPES,
    known=("element_shape",),
    shape=lambda handle, index, element_shape, **_: _static_shape(element_shape),
)
def tensor_list_get_item(input_handle: Any, index: Any, element_shape: Any, *, element_dtype: DType) -> Any:
    """One element; zeros where it was never set. Compiled code takes the nearest element for an index out of range."""
    return input_handle.get(index, _static_shape(element_shape), element_dtype.np_dtype)


@tensor_list_get_item.gradient
def _get_item_gradient(record: Any, grad: Any) -> Any:
    handle, index, _ = record.inputs
    return tensor_list_set_item(list_zeros(handle), index, grad), None, None


@op(
    "TensorListSetItem",
    "input_handle: variant, index: int32, item: element_dtype -> output_handle: variant",
    known=("index",),
    shape=_scalar,
)
def tensor_list_set_item(input_handle: Any, index: Any, item: Any, *, resize_if_index_out_of_bounds: bool = False) -> Any:
    """The list with another element at `index`."""
    return (input_handle.reaching(index) if resize_if_index_out_of_bounds else input_handle).set(index, item)


@tensor_list_set_item.gradient
def _set_item_gradient(record: Any, grad: Any) -> Any:
    _, index, item = record.inputs
    value = tensor_list_get_item(grad, index, element_shape_of(item), element_dtype=item.dtype)
    value.set_shape(item.shape)
    return tensor_list_set_item(grad, index, get("ZerosLike")(item)), None, value


@op(
    "TensorListStack",
    "input_handle: variant, element_shape: int32 -> tensor: element_dtype",
    known=("element_shape",),
    shape=lambda handle, element_shape, **_: None,
)
def tensor_list_stack(input_handle: Any, element_shape: Any, *, element_dtype: DType, num_elements: int = -1) -> Any:
    """All elements along a new first axis."""
    return input_handle.stack(_static_shape(element_shape), element_dtype.np_dtype)


@tensor_list_stack.gradient
def _stack_gradient(record: Any, grad: Any) -> Any:
    return tensor_list_from_tensor(grad, record.inputs[1]), None


@op(
    "TensorListFromTensor",
    "tensor: element_dtype, element_shape: shape_type -> output_handle: variant",
    shape_type=SHAPES,
    shape=_scalar,
)
def tensor_list_from_tensor(tensor: Any, element_shape: Any) -> Any:
    """A list of the rows of a tensor."""
    if tensor.dtype.kind == "O":
        return HostList([tensor[row, ...] for row in range(len(tensor))])
    return StackedList(tensor, int(tensor.shape[0]), int(tensor.shape[0]) or None)


@tensor_list_from_tensor.gradient
def _from_tensor_gradient(record: Any, grad: Any) -> Any:
    tensor = record.inputs[0]
    rows = tensor_list_stack(grad, element_shape_of(tensor, 1), element_dtype=tensor.dtype)
    rows.set_shape(tensor.shape)
    return rows, None


@op(
    "TensorListElementShape",
    "input_handle: variant -> element_shape: shape_type",
    shape=lambda handle, **_: None,
    differentiable=False,
    shape_type=SHAPES,
)
def tensor_list_element_shape(input_handle: Any, *, shape_type: DType) -> Any:
    """The shape of the elements, -1 where it is unknown."""
    if isinstance(input_handle, HostList):
        present = [np.shape(item) for item in input_handle.items if item is not None]
        known = present[0] if present else None
    else:
        known = None if input_handle.items is None else input_handle.items.shape[1:]
    return np.array(-1 if known is None else known, shape_type.np_dtype)


@op("TensorListResize", "input_handle: variant, size: int32 -> output_handle: variant", known=("size",), shape=_scalar)
def tensor_list_resize(input_handle: Any, size: Any) -> Any:
    """The list with `size` elements: the first ones, then some that are not set."""
    return input_handle.resize(size)


@tensor_list_resize.gradient
def _resize_gradient(record: Any, grad: Any) -> Any:
    return tensor_list_resize(grad, tensor_list_length(record.inputs[0])), None


@op(
    "TensorListGather",
    "input_handle: variant, indices: int32, element_shape: int32 -> values: element_dtype",
    known=("element_shape",),
    shape=lambda handle, indices, element_shape, **_: (
        None if _static_shape(element_shape) is None else (*indices, *(_static_shape(element_shape) or ()))
    ),
)
def tensor_list_gather(input_handle: Any, indices: Any, element_shape: Any, *, element_dtype: DType) -> Any:
    """The elements at `indices` along a new first axis."""
    shape, dtype = _static_shape(element_shape), element_dtype.np_dtype
    if isinstance(input_handle, HostList):
        rows = [np.asarray(input_handle.get(i, shape, dtype)) for i in np.asarray(indices).tolist()]
        return np.stack(rows) if rows else np.zeros((0, *(shape or ())), dtype)
    if input_handle.items is None:
        return jnp.zeros((indices.shape[0], *(shape or ())), dtype)
    return input_handle.items[indices]


@tensor_list_gather.gradient
def _gather_gradient(record: Any, grad: Any) -> Any:
    handle, indices, shape = record.inputs
    return tensor_list_scatter(grad, indices, shape, tensor_list_length(handle)), None, None


@op(
    "TensorListScatterV2",
    "tensor: element_dtype, indices: int32, element_shape: shape_type, num_elements: int32 -> output_handle: variant",
    shape_type=SHAPES,
    known=("num_elements",),
    shape=_scalar,
)
def tensor_list_scatter(tensor: Any, indices: Any, element_shape: Any, num_elements: Any) -> Any:
    """A list in which row i of `tensor` is the element at `indices[i]`, with at least `num_elements` elements."""
    if isinstance(num_elements, jax.core.Tracer):
        raise NotCompilable("the number of elements of a list depends on data")
    count = int(num_elements)
    if not isinstance(indices, jax.core.Tracer):
        count = max(count, int(np.max(np.asarray(indices), initial=-1)) + 1)
    elif count < 0:
        raise NotCompilable("the number of elements of a list depends on data")
    buffer = jnp.zeros((max(count, 1), *tensor.shape[1:]), tensor.dtype)
    return StackedList(buffer.at[jnp.asarray(indices)].set(tensor), count, max(count, 1))


@tensor_list_scatter.gradient
def _scatter_gradient(record: Any, grad: Any) -> Any:
    tensor, indices, _, _ = record.inputs
    values = tensor_list_gather(grad, indices, element_shape_of(tensor, 1), element_dtype=tensor.dtype)
    values.set_shape(tensor.shape)
    return values, None, None, None


@op(
    "TensorListScatterIntoExistingList",
    "input_handle: variant, tensor: element_dtype, indices: int32 -> output_handle: variant",
    shape=_scalar,
)
def tensor_list_scatter_into(input_handle: Any, tensor: Any, indices: Any) -> Any:
    """The list with row i of `tensor` as the element at `indices[i]`."""
    for row in range(int(tensor.shape[0])):
        input_handle = input_handle.set(indices[row], tensor[row])
    return input_handle


@tensor_list_scatter_into.gradient
def _scatter_into_gradient(record: Any, grad: Any) -> Any:
    _, tensor, indices = record.inputs
    values = tensor_list_gather(grad, indices, element_shape_of(tensor, 1), element_dtype=tensor.dtype)
    values.set_shape(tensor.shape)
    return tensor_list_scatter_into(grad, get("ZerosLike")(tensor), indices), values, None


@op(
    "TensorListConcatV2",
    "input_handle: variant, element_shape: shape_type, leading_dims: int64 -> tensor: element_dtype, lengths: int64",
    shape_type=SHAPES,
    shape=lambda *_, **__: [None, None],
)
def tensor_list_concat(input_handle: Any, element_shape: Any, leading_dims: Any, *, element_dtype: DType) -> Any:
    """The elements joined along their first axis, and the length of each."""
    if isinstance(input_handle, HostList):
        parts = [np.asarray(input_handle.get(i, None, element_dtype.np_dtype)) for i in range(input_handle.length)]
        joined = np.concatenate(parts) if parts else np.zeros((0,), element_dtype.np_dtype)
        return joined, np.array([len(part) for part in parts], np.int64)
    rows = input_handle.stack(None, element_dtype.np_dtype)
    return rows.reshape(-1, *rows.shape[2:]), np.full(rows.shape[0], rows.shape[1], np.int64)


@tensor_list_concat.gradient
def _concat_gradient(record: Any, grad: Any, _: Any) -> Any:
    return tensor_list_split(grad, record.inputs[1], record.outputs[1]), None, None


@op(
    "TensorListSplit",
    "tensor: element_dtype, element_shape: shape_type, lengths: int64 -> output_handle: variant",
    shape_type=SHAPES,
    known=("lengths",),
    shape=_scalar,
)
def tensor_list_split(tensor: Any, element_shape: Any, lengths: Any) -> Any:
    """A list of consecutive pieces of `tensor` along its first axis."""
    if isinstance(lengths, jax.core.Tracer):
        raise NotCompilable("the lengths of a list's elements depend on data")
    ends = np.cumsum(np.asarray(lengths)).tolist()
    pieces = [tensor[end - length : end] for end, length in zip(ends, np.asarray(lengths).tolist(), strict=True)]
    if isinstance(tensor, jax.core.Tracer):
        if any(piece.shape != pieces[0].shape for piece in pieces):
            raise NotCompilable("the elements of a list differ in shape")
        return StackedList(jnp.stack(pieces), len(pieces), len(pieces)) if pieces else StackedList(None, 0, None)
    return HostList(pieces)


@tensor_list_split.gradient
def _split_gradient(record: Any, grad: Any) -> Any:
    tensor, shape, lengths = record.inputs
    values, _ = tensor_list_concat.all(grad, shape, lengths, element_dtype=tensor.dtype)
    values.set_shape(tensor.shape)
    return values, None, None


@op("_TensorListZeros", "x: variant -> y: variant", shape=_scalar, differentiable=False, exportable=False)
def list_zeros(x: Any) -> Any:
    """A list of as many zeros of the same shapes: TensorFlow's ZerosLike of a list."""
    return x.zeros()


@op("_TensorListAdd", "x: variant, y: variant -> z: variant", shape=_scalar, exportable=False)
def list_add(x: Any, y: Any) -> Any:
    """The sum of two lists element by element: TensorFlow's AddN of lists."""
    return x.add(y)


@list_add.gradient
def _list_add_gradient(record: Any, grad: Any) -> Any:
    return grad, grad


@op("_Undefined", "-> output: dtype", shape=lambda **_: None, differentiable=False, exportable=False)
def undefined(*, dtype: DType = float32) -> Any:
    """The output of a branch that only another branch gives; nothing reads it when this one ran."""
    return Undefined()


def element_shape_of(tensor: Any, skip: int = 0) -> Any:
    """The static shape of a list's elements, without the first `skip` dimensions of `tensor`, as the ops take it."""
    if tensor.shape.rank is None:
        return np.array(-1, np.int32)
    return np.array([-1 if d is None else d for d in tensor.shape[skip:]], np.int32)
