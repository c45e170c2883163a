"""What the string kernels share: arrays of bytes made element by element."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from headrace.core.errors import InvalidArgumentError

Dims = tuple[int, ...]
UNITS = ("BYTE", "UTF8_CHAR")
TRAILING = bytes(range(0x80, 0xC0))
"""The bytes that continue a UTF-8 character; all others begin one."""


def same_shape(shape: Dims, *_: Any, **__: Any) -> Dims:
    """The shape rule of ops that take each element of their first input by itself."""
    return shape


def strings(items: Iterable[bytes], shape: Any = None) -> np.ndarray[Any, Any]:
    """An array of `object` that holds `items`, in `shape` (a vector by default)."""
    listed = list(items)
    array = np.empty(len(listed), object)
    array[:] = listed
    return array if shape is None else array.reshape(shape)


def mapped(function: Callable[[bytes], bytes], array: Any) -> np.ndarray[Any, Any]:
    """`function` of every string."""
    return strings(map(function, array.ravel().tolist()), array.shape)


def numbers(function: Callable[[bytes], Any], array: Any, dtype: Any) -> np.ndarray[Any, Any]:
    """`function` of every string as an array of numbers."""
    return np.array([function(item) for item in array.ravel().tolist()], dtype).reshape(array.shape)


def encoded(value: str) -> bytes:
    """A string attribute as bytes."""
    return value.encode("utf-8", "surrogateescape")


def scalar(array: Any, what: str) -> Any:
    """The one element of an input that must be a scalar.

    Raises:
        InvalidArgumentError: it has another shape.
    """
    if array.ndim:
        raise InvalidArgumentError(f"{what} must be a scalar; got shape {list(array.shape)}")
    return array.item()


def one_of(value: str, allowed: Sequence[str], what: str) -> str:
    """`value`, checked.

    Raises:
        InvalidArgumentError: it is none of `allowed`.
    """
    if value not in allowed:
        raise InvalidArgumentError(f"{what} must be one of {', '.join(map(repr, allowed))}; got {value!r}")
    return value


def check_splits(splits: Any, size: int) -> list[int]:
    """Row splits as a list: from 0, never falling, up to `size`.

    Raises:
        InvalidArgumentError: they are not.
    """
    listed: list[int] = splits.tolist()
    if splits.ndim != 1 or (listed and (listed[0] != 0 or listed[-1] != size or bool(np.any(np.diff(splits) < 0)))):
        raise InvalidArgumentError(f"row splits must rise from 0 to the number of values, {size}; got {listed[:20]}")
    return listed
