"""The typed lists of a tensor's elements: InferTensorContents to numpy arrays, and back."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from headrace.core import dtypes
from headrace.core.dtypes import DType
from headrace.core.errors import InvalidArgumentError
from headrace.serving.engines.base import Array

_LISTS = {
    dtypes.bool_: "bool_contents",
    dtypes.int8: "int_contents",
    dtypes.int16: "int_contents",
    dtypes.int32: "int_contents",
    dtypes.int64: "int64_contents",
    dtypes.uint8: "uint_contents",
    dtypes.uint16: "uint_contents",
    dtypes.uint32: "uint_contents",
    dtypes.uint64: "uint64_contents",
    dtypes.float32: "fp32_contents",
    dtypes.float64: "fp64_contents",
    dtypes.string: "bytes_contents",
}


def has_list(dtype: DType) -> bool:
    """False for the types that travel only raw: FP16 and BF16."""
    return dtype in _LISTS


def to_array(contents: Any, dtype: DType, shape: tuple[int, ...]) -> Array:
    """A tensor from its typed list.

    Raises:
        InvalidArgumentError: the elements are in another list, or are not as many as `shape` takes, or out of range.
    """
    name = _LISTS.get(dtype)
    if name is None:
        raise InvalidArgumentError(f"{dtype.name} has no typed contents; send it in raw_input_contents")
    others = [field.name for field, _ in contents.ListFields() if field.name != name]
    if others:
        raise InvalidArgumentError(f"contents has {', '.join(others)}; the elements of {dtype.name} belong in {name}")
    values = getattr(contents, name)
    if len(values) != math.prod(shape):
        raise InvalidArgumentError(f"contents has {len(values)} elements; shape {list(shape)} takes {math.prod(shape)}")
    if dtype is dtypes.string:
        items = np.empty(len(values), object)
        items[:] = list(values)
        return items.reshape(shape)
    wide = np.array(values, _WIDE.get(name, dtype.np_dtype))
    array = wide.astype(dtype.np_dtype, copy=False)
    if name in _WIDE and not np.array_equal(array, wide):
        raise InvalidArgumentError(f"contents has integers that {dtype.name} cannot hold")
    return array.reshape(shape)


_WIDE: dict[str, Any] = {"int_contents": np.int32, "uint_contents": np.uint32}
"""Lists that hold narrower types too."""


def fill(contents: Any, value: Array, dtype: DType) -> None:
    """Puts the elements of an output in the list of their type; `has_list` says that there is one."""
    items = value.ravel().tolist()
    if dtype is dtypes.string:
        items = [item.encode() if isinstance(item, str) else item for item in items]
    getattr(contents, _LISTS[dtype]).extend(items)
