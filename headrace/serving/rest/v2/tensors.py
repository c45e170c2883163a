"""The JSON form of tensors: lists to numpy arrays, and back."""

from __future__ import annotations

import math
from typing import Any

import orjson

from headrace.core.dtypes import DType
from headrace.core.errors import InvalidArgumentError
from headrace.serving.engines.base import Array
from headrace.serving.rest import decode, encode
from headrace.serving.v2.tensors import check_shape


def shape_of(value: Any) -> tuple[int, ...]:
    """The shape that a request gives.

    Raises:
        InvalidArgumentError: it is no list of sizes, or no array can have it.
    """
    if not isinstance(value, list) or any(type(size) is not int for size in value):
        raise InvalidArgumentError('"shape" is not a list of integers from 0 up')
    return check_shape(value)


def from_json(data: Any, dtype: DType, shape: tuple[int, ...]) -> Array:
    """A tensor whose elements stand in a list, flat or nested, in row-major order.

    Raises:
        InvalidArgumentError: the list is not rectangular, has not as many elements as `shape`, or other ones than `dtype`.
    """
    if not isinstance(data, list):
        raise InvalidArgumentError('"data" is not a list; expected the elements, flat or nested')
    array = decode.to_tensor(data, dtype)
    if array.size != math.prod(shape):
        raise InvalidArgumentError(f'"data" has {array.size} elements; shape {list(shape)} takes {math.prod(shape)}')
    return array.reshape(shape)


def to_json(name: str, value: Array) -> orjson.Fragment:
    """The elements of an output as a flat JSON list in row-major order.

    Raises:
        InvalidArgumentError: a string is not UTF-8.
    """
    if value.dtype.kind in "OSU":
        return orjson.Fragment(orjson.dumps([_text(name, item) for item in value.ravel().tolist()]))
    return encode.fragment(name, value.reshape(-1))


def _text(name: str, item: bytes | str) -> str:
    try:
        return item if isinstance(item, str) else item.decode()
    except UnicodeDecodeError:
        raise InvalidArgumentError(
            f'output "{name}" holds bytes that are not UTF-8; ask for it with the parameter "binary_data" true'
        ) from None
