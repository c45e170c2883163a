"""The binary form of tensors: little-endian, row-major, strings each behind four bytes of length.

Nothing is allocated for a shape before the data is known to be as large as the shape says.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence

import numpy as np

from headrace.core import dtypes
from headrace.core.dtypes import DType
from headrace.core.errors import InvalidArgumentError
from headrace.serving.engines.base import Array

Block = bytes | memoryview
"""Binary data, as bytes or where an array has it."""

_MAX_RANK = 32
_MAX_ELEMENTS = 1 << 58
_LENGTH = struct.Struct("<I")


def check_shape(shape: Sequence[int]) -> tuple[int, ...]:
    """The shape that a request gives.

    Raises:
        InvalidArgumentError: no array can have it.
    """
    if any(size < 0 for size in shape):
        raise InvalidArgumentError('"shape" is not a list of integers from 0 up')
    if len(shape) > _MAX_RANK:
        raise InvalidArgumentError(f'"shape" has {len(shape)} dimensions; expected at most {_MAX_RANK}')
    if math.prod(max(size, 1) for size in shape) > _MAX_ELEMENTS:
        raise InvalidArgumentError('"shape" is larger than any tensor can be')
    return tuple(shape)


def from_binary(body: bytes, offset: int, size: int, dtype: DType, shape: tuple[int, ...]) -> Array:
    """A tensor from `size` bytes at `offset`: a read-only view of them where they are aligned, strings excepted.

    Raises:
        InvalidArgumentError: the bytes are not as many as `shape` takes, or no booleans, or no strings.
    """
    count = math.prod(shape)
    if dtype is dtypes.string:
        return _strings(memoryview(body)[offset : offset + size], count).reshape(shape)
    if size != count * dtype.size:
        raise InvalidArgumentError(f"{size} bytes of binary data; shape {list(shape)} of {dtype.name} takes {count * dtype.size}")
    if count == 0:
        return np.empty(shape, dtype.np_dtype)
    if dtype is dtypes.bool_ and np.frombuffer(body, np.uint8, count, offset).max() > 1:
        raise InvalidArgumentError("binary data of BOOL has bytes other than 0 and 1")
    array = np.frombuffer(body, dtype.np_dtype, count, offset)
    return (array if array.flags.aligned else array.copy()).reshape(shape)


def to_binary(value: Array) -> Block:
    """The elements of an output as bytes: a view of its memory where that is contiguous, strings excepted."""
    if value.dtype.kind in "OSU":
        return b"".join(part for item in value.ravel().tolist() for part in _counted(item))
    return np.ascontiguousarray(value).reshape(-1).view(np.uint8).data


def _strings(data: memoryview, count: int) -> Array:
    """Strings, each behind its length in four bytes."""
    if len(data) < count * _LENGTH.size:
        raise InvalidArgumentError(f"{len(data)} bytes of binary data are too few for {count} elements of BYTES")
    items = np.empty(count, object)
    position = 0
    for index in range(count):
        start = position + _LENGTH.size
        if start <= len(data):
            position = start + _LENGTH.unpack_from(data, position)[0]
        if not start <= position <= len(data):
            raise InvalidArgumentError(f"element {index} of BYTES goes beyond the {len(data)} bytes of its binary data")
        items[index] = data[start:position].tobytes()
    if position != len(data):
        raise InvalidArgumentError(f"{len(data) - position} bytes of binary data are left after {count} elements of BYTES")
    return items


def _counted(item: bytes | str) -> tuple[bytes, bytes]:
    data = item.encode() if isinstance(item, str) else item
    return _LENGTH.pack(len(data)), data
