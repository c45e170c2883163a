"""Images resized in one call."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from headrace.core.memory import empty
from headrace.native import library

Array = np.ndarray[Any, Any]

_FUNCTIONS = {np.dtype(np.uint8): "headrace_resize_bytes", np.dtype(np.float32): "headrace_resize_floats"}


class Axis(NamedTuple):
    """How the rows, or the columns, of a new image lie in the old one; made by `axis_of`.

    Attributes:
        size: how many there are.
        addresses: of `kept`.
        kept: the arguments of `axis_of`.
    """

    size: int
    addresses: tuple[int, int]
    kept: tuple[Array, Array]


def axis_of(places: Array, shares: Array) -> Axis:
    """An axis as the library takes it, to be used for many images.

    Args:
        places: int64 [size, 2]: the two old positions that each new one lies between, each within the image.
        shares: float32 [size]: how far it lies from the first to the second, 0 to 1.
    """
    kept = np.ascontiguousarray(places, np.int64), np.ascontiguousarray(shares, np.float32)
    return Axis(len(places), (kept[0].ctypes.data, kept[1].ctypes.data), kept)


def resized(images: Array, rows: Axis, columns: Axis) -> Array | None:
    """Images whose pixels lie between four, as TensorFlow computes them, bit for bit.

    Args:
        images: uint8 or float32 [batch, height, width, channels].
        rows: those of the new images.
        columns: likewise.

    Returns:
        float32 [batch, new height, new width, channels]; None where there is no library, or the pixels have another dtype.
    """
    call, name = library.load(), _FUNCTIONS.get(images.dtype)
    if call is None or name is None:
        return None
    pixels = np.ascontiguousarray(images)
    out: Array = empty((images.shape[0], rows.size, columns.size, images.shape[3]), np.dtype(np.float32))
    tables = (*rows.addresses, *columns.addresses)
    getattr(call, name)(pixels.ctypes.data, *images.shape, rows.size, columns.size, *tables, out.ctypes.data)
    return out
