"""tf.make_tensor_proto and tf.make_ndarray: values as protocol buffer messages, and back."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from headrace.core.dtypes import as_dtype
from headrace.core.shapes import as_shape
from headrace.dispatch.convert import to_numpy
from headrace.proto.tensors import from_proto, to_proto


def make_tensor_proto(
    values: Any, dtype: Any = None, shape: Any = None, verify_shape: bool = False, allow_broadcast: bool = False
) -> Any:
    """A TensorProto of a number, a string, an array or a nested list.

    Args:
        values: the elements.
        dtype: their dtype, inferred by default.
        shape: the shape that they are given.
        verify_shape: refuses values that have another shape.
        allow_broadcast: repeats a single value until it has that shape.

    Raises:
        TypeError: the values cannot have that dtype, or another shape while `verify_shape`.
        ValueError: the number of elements does not fit the shape.
    """
    if verify_shape and allow_broadcast:
        raise ValueError("verify_shape and allow_broadcast exclude each other")
    array, found = to_numpy(values, None if dtype is None else as_dtype(dtype))
    if shape is not None:
        dims = as_shape(shape).concrete()
        if verify_shape and array.shape != dims:
            raise TypeError(f"expected values of shape {dims}; got shape {array.shape}")
        if array.size == math.prod(dims):
            array = array.reshape(dims)
        elif array.size == 1:
            array = np.full(dims, array.reshape(-1)[0], array.dtype)
        else:
            raise ValueError(f"{array.size} elements do not fit the shape {list(dims)}, which takes {math.prod(dims)}")
    return to_proto(array, found)


def make_ndarray(tensor: Any) -> np.ndarray[Any, Any]:
    """The array of a TensorProto; strings are objects that hold bytes.

    Raises:
        InvalidArgumentError: its content does not fit its shape, or Headrace has no such element type.
    """
    return from_proto(tensor)
