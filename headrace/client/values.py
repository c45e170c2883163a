"""What callers give as inputs, as arrays that are sent as they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from headrace.core import dtypes
from headrace.core.errors import InvalidArgumentError
from headrace.proto.tensors import Array

_INT32 = np.iinfo(np.int32)


def to_arrays(inputs: Mapping[str, Any]) -> dict[str, Array]:
    """The inputs of a call as arrays.

    What has a dtype keeps it. Python's numbers, and lists of them, become float32 and int32 (int64 where needed), as in TensorFlow;
    strings become objects.

    Raises:
        InvalidArgumentError: an input is ragged, or of a kind that tensors do not have.
    """
    if not isinstance(inputs, Mapping):
        raise InvalidArgumentError(f"inputs are a {type(inputs).__name__}; expected a dict from names to arrays")
    return {name: _to_array(name, value) for name, value in inputs.items()}


def _to_array(name: str, value: Any) -> Array:
    first = _first(value)
    try:
        # numpy's own strings lose zero bytes at their ends.
        array = np.array(value, object) if type(first) in (bytes, str) else np.asarray(value)
        if not hasattr(first, "dtype"):
            array = _python_numbers(array)
        if not array.dtype.isnative:
            array = array.astype(array.dtype.newbyteorder("="))
        dtypes.from_numpy(array.dtype)
    except (TypeError, ValueError) as error:
        raise InvalidArgumentError(
            f"input {name!r} is no tensor: {error}; expected an array, or nested lists of one shape"
        ) from None
    if array.dtype == object and not all(isinstance(item, bytes | str) for item in array.ravel().tolist()):
        raise InvalidArgumentError(f"input {name!r} holds objects that are no strings; expected numbers, bytes or str")
    return array


def _first(value: Any) -> Any:
    """The first element of nested lists."""
    while isinstance(value, list | tuple) and value:
        value = value[0]
    return value


def _python_numbers(array: Array) -> Array:
    """Python's numbers with the dtypes that TensorFlow gives them."""
    if array.dtype == np.float64:
        return array.astype(np.float32)
    if array.dtype == np.int64 and (not array.size or (array.min() >= _INT32.min and array.max() <= _INT32.max)):
        return array.astype(np.int32)
    return array
