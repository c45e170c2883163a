"""tf.TensorArray: a Python list of tensors eagerly, a TensorList in a graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from headrace.core import dtypes
from headrace.core.errors import InvalidArgumentError, OutOfRangeError
from headrace.core.shapes import UNKNOWN, TensorShape, as_shape
from headrace.dispatch import context
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import get
from headrace.dispatch.tensor import Tensor
from headrace.ops.lists.tensor_list import (
    tensor_list_concat,
    tensor_list_from_tensor,
    tensor_list_gather,
    tensor_list_get_item,
    tensor_list_length,
    tensor_list_reserve,
    tensor_list_scatter_into,
    tensor_list_set_item,
    tensor_list_split,
    tensor_list_stack,
)


class TensorArray:
    """Tensors of one dtype by index: written one by one in a loop, read back as one tensor.

    Every method that changes the array returns a new one; use that from then on.

    Args:
        dtype: of the elements.
        size: the number of elements.
        dynamic_size: lets `write` go beyond `size`.
        clear_after_read: eagerly, forgets an element once it is read (default True).
        tensor_array_name: for nodes.
        infer_shape: takes the shape of the elements from the first one written.
        element_shape: their shape, where it is known.
    """

    def __init__(
        self,
        dtype: Any,
        size: Any = None,
        dynamic_size: bool | None = None,
        clear_after_read: bool | None = None,
        tensor_array_name: str | None = None,
        handle: Any = None,
        flow: Tensor | None = None,
        infer_shape: bool = True,
        element_shape: Any = None,
        colocate_with_first_write_call: bool = True,
        name: str | None = None,
    ) -> None:
        self.dtype = dtypes.as_dtype(dtype)
        self.dynamic_size = bool(dynamic_size)
        self.element_shape: TensorShape = UNKNOWN if element_shape is None else as_shape(element_shape)
        self._infer_shape = infer_shape
        self._clear_after_read = clear_after_read is None or clear_after_read
        self._size: int | None = None
        self._items: list[Tensor | None] = []
        self._cleared: set[int] = set()
        self.flow: Tensor
        if flow is not None:
            self.flow = flow
            return
        count = convert_to_tensor(0 if size is None else size, dtypes.int32)
        if context.executing_eagerly():
            self._items = [None] * int(count)  # type: ignore[call-overload]
            return
        self._size = None if not isinstance(size, int) or self.dynamic_size else size
        self.flow = tensor_list_reserve(self._shape_argument(), count, element_dtype=self.dtype)

    def _shape_argument(self) -> np.ndarray[Any, Any]:
        shape = self.element_shape
        return np.array(-1 if shape.rank is None else [-1 if d is None else d for d in shape], np.int32)

    @property
    def _eager(self) -> bool:
        return not hasattr(self, "flow")

    @property
    def handle(self) -> None:
        """None: kept for TensorFlow's interface."""
        return None

    def with_flow(self, flow: Tensor, like: TensorArray | None = None) -> TensorArray:
        """The array whose elements `flow` holds, with the element shape of `like`."""
        twin = TensorArray(self.dtype, dynamic_size=self.dynamic_size, flow=flow, infer_shape=self._infer_shape)
        twin.element_shape = (like or self).element_shape
        twin._size = self._size
        return twin

    def _checked(self, value: Any, skip: int = 0) -> Tensor:
        """`value` as a tensor that fits the elements; they take its shape where theirs is unknown."""
        tensor = convert_to_tensor(value, self.dtype)
        shape = tensor.shape if not skip or tensor.shape.rank is None else tensor.shape[skip:]
        if not self.element_shape.is_compatible_with(shape):
            raise ValueError(f"an element of shape {shape} does not fit the element shape {self.element_shape} of the TensorArray")
        if self._infer_shape:
            self.element_shape = self.element_shape.merge_with(shape)
        return tensor

    def identity(self) -> TensorArray:
        """The same array."""
        return self

    def read(self, index: Any, name: str | None = None) -> Tensor:
        """The element at `index`.

        Raises:
            OutOfRangeError: eagerly, there is no such element.
            InvalidArgumentError: eagerly, it was read and cleared before, or never written and its shape is unknown.
        """
        if not self._eager:
            position = convert_to_tensor(index, dtypes.int32)
            item = tensor_list_get_item(self.flow, position, self._shape_argument(), element_dtype=self.dtype, name=name)
            item.set_shape(self.element_shape)
            return item
        place = self._position(index)
        element = self._present(place)
        if self._clear_after_read:
            self._items[place] = None
            self._cleared.add(place)
        return element

    def _position(self, index: Any) -> int:
        position = int(index)
        if not 0 <= position < len(self._items):
            raise OutOfRangeError(f"index {position} is out of range of a TensorArray of size {len(self._items)}")
        return position

    def _present(self, position: int) -> Tensor:
        item = self._items[position]
        if item is not None:
            return item
        if position in self._cleared:
            raise InvalidArgumentError(
                f"element {position} was cleared when it was read before; pass clear_after_read=False to read it again"
            )
        if not self.element_shape.is_fully_defined():
            raise InvalidArgumentError(
                f"element {position} was never written, and the element shape {self.element_shape} is unknown"
            )
        return get("Fill")(list(self.element_shape.concrete()), convert_to_tensor(0, self.dtype))

    def write(self, index: Any, value: Any, name: str | None = None) -> TensorArray:
        """The array with `value` at `index`.

        Raises:
            OutOfRangeError: eagerly, the index is out of range and the size is fixed.
            ValueError: the value's shape does not fit.
        """
        tensor = self._checked(value)
        if not self._eager:
            position = convert_to_tensor(index, dtypes.int32)
            flow = tensor_list_set_item(self.flow, position, tensor, resize_if_index_out_of_bounds=self.dynamic_size, name=name)
            return self.with_flow(flow)
        place = int(index)
        if place >= len(self._items) and self.dynamic_size:
            self._items += [None] * (place + 1 - len(self._items))
        self._items[self._position(place)] = tensor
        self._cleared.discard(place)
        return self

    def stack(self, name: str | None = None) -> Tensor:
        """All elements along a new first axis."""
        if self._eager:
            elements = [self._present(i) for i in range(len(self._items))]
            return get("Pack")(elements) if elements else self._empty()
        stacked = tensor_list_stack(
            self.flow,
            self._shape_argument(),
            element_dtype=self.dtype,
            num_elements=-1 if self._size is None else self._size,
            name=name,
        )
        stacked.set_shape(TensorShape([self._size]).concatenate(self.element_shape))
        return stacked

    def _empty(self) -> Tensor:
        shape = self.element_shape.concrete() if self.element_shape.is_fully_defined() else ()
        return get("Fill")([0, *shape], convert_to_tensor(0, self.dtype))

    def gather(self, indices: Any, name: str | None = None) -> Tensor:
        """The elements at `indices` (int32 [n]) along a new first axis."""
        if self._eager:
            return get("Pack")([self._present(self._position(i)) for i in np.asarray(indices).tolist()])
        values = tensor_list_gather(
            self.flow, convert_to_tensor(indices, dtypes.int32), self._shape_argument(), element_dtype=self.dtype, name=name
        )
        values.set_shape(TensorShape([None]).concatenate(self.element_shape))
        return values

    def concat(self, name: str | None = None) -> Tensor:
        """The elements joined along their first axis."""
        if self._eager:
            return get("ConcatV2")([self._present(i) for i in range(len(self._items))], 0)
        empty = np.array([], np.int64)
        return tensor_list_concat.all(self.flow, self._shape_argument(), empty, element_dtype=self.dtype, name=name)[0]

    def unstack(self, value: Any, name: str | None = None) -> TensorArray:
        """The array of the rows of `value` [n, ...]."""
        tensor = self._checked(value, 1)
        if self._eager:
            return self._filled(get("Unpack").all(tensor, num=len(tensor)) if len(tensor) else ())
        twin = self.with_flow(tensor_list_from_tensor(tensor, self._shape_argument(), name=name))
        twin._size = tensor.shape[0] if tensor.shape.rank else None
        return twin

    def _filled(self, items: Sequence[Tensor]) -> TensorArray:
        if len(items) > len(self._items) and not self.dynamic_size and self._items:
            raise ValueError(f"{len(items)} elements do not fit a TensorArray of size {len(self._items)}; pass dynamic_size=True")
        self._items[: len(items)] = list(items)
        return self

    def scatter(self, indices: Any, value: Any, name: str | None = None) -> TensorArray:
        """The array with row i of `value` at `indices[i]`."""
        tensor = self._checked(value, 1)
        if self._eager:
            array = self
            for row, position in enumerate(np.asarray(indices).tolist()):
                array = array.write(position, tensor[row])
            return array
        positions = convert_to_tensor(indices, dtypes.int32)
        return self.with_flow(tensor_list_scatter_into(self.flow, tensor, positions, name=name))

    def split(self, value: Any, lengths: Any, name: str | None = None) -> TensorArray:
        """The array of consecutive pieces of `value` along its first axis; `lengths` int64 [n]."""
        tensor = convert_to_tensor(value, self.dtype)
        if self._eager:
            sizes = np.asarray(lengths).tolist()
            return self._filled(get("SplitV").all(tensor, sizes, 0, num_split=len(sizes)))
        return self.with_flow(
            tensor_list_split(tensor, self._shape_argument(), convert_to_tensor(lengths, dtypes.int64), name=name)
        )

    def size(self, name: str | None = None) -> Tensor:
        """The number of elements, int32 scalar."""
        return convert_to_tensor(len(self._items), dtypes.int32) if self._eager else tensor_list_length(self.flow, name=name)

    def close(self, name: str | None = None) -> None:
        """Does nothing: an array holds nothing outside of its tensors."""

    def __repr__(self) -> str:
        return f"<tf.TensorArray: dtype={self.dtype.name}, element_shape={self.element_shape}>"
