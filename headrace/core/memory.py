"""Arrays that lie in memory where XLA can use them without a copy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

_ALIGNMENT = 64
"""Bytes; memory that begins at a multiple of it XLA uses without a copy."""

LARGE = 1 << 16
"""Bytes; what is smaller is copied as quickly."""


class _Aligned(np.ndarray[Any, Any]):
    """The memory of an array that `empty` made."""


def empty(shape: tuple[int, ...], dtype: Any) -> Any:
    """An array to be filled once; a large one lies where XLA can use it as it is.

    Args:
        shape: its shape.
        dtype: a numpy dtype.
    """
    size = math.prod(shape) * dtype.itemsize
    if size < LARGE or dtype.kind == "O":
        return np.empty(shape, dtype)
    whole = _Aligned((size + _ALIGNMENT,), np.uint8)
    start = -whole.ctypes.data % _ALIGNMENT
    return whole[start : start + size].view(np.ndarray).view(dtype).reshape(shape)


def is_aligned(array: Any) -> bool:
    """True for arrays that `empty` made, which nobody changes once they are filled."""
    base = array.base
    while type(base) is np.ndarray:
        base = base.base
    return type(base) is _Aligned and bool(array.flags.c_contiguous) and array.ctypes.data % _ALIGNMENT == 0
