"""The protocol's names of element types."""

from __future__ import annotations

from typing import Any

from headrace.core import dtypes
from headrace.core.dtypes import DType
from headrace.core.errors import InvalidArgumentError

_OF_NAME = {
    "BOOL": dtypes.bool_,
    "UINT8": dtypes.uint8,
    "UINT16": dtypes.uint16,
    "UINT32": dtypes.uint32,
    "UINT64": dtypes.uint64,
    "INT8": dtypes.int8,
    "INT16": dtypes.int16,
    "INT32": dtypes.int32,
    "INT64": dtypes.int64,
    "FP16": dtypes.float16,
    "BF16": dtypes.bfloat16,
    "FP32": dtypes.float32,
    "FP64": dtypes.float64,
    "BYTES": dtypes.string,
}
_NAMES = {dtype: name for name, dtype in _OF_NAME.items()}


def of_name(name: Any) -> DType:
    """The type that a request names.

    Raises:
        InvalidArgumentError: the protocol has no such type.
    """
    dtype = _OF_NAME.get(name) if isinstance(name, str) else None
    if dtype is None:
        given = repr(name[:40]) if isinstance(name, str) else "no string"
        raise InvalidArgumentError(f'"datatype" is {given}; expected one of {", ".join(_OF_NAME)}')
    return dtype


def name_of(dtype: DType) -> str | None:
    """The protocol's name of a type; None when it has none."""
    return _NAMES.get(dtype)
