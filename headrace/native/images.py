"""Images resized in one call."""

from __future__ import annotations

from typing import Any

import numpy as np

from headrace.core.memory import empty
from headrace.native import library

Array = np.ndarray[Any, Any]

_FUNCTIONS = {np.dtype(np.uint8): "headrace_resize_bytes", np.dtype(np.float32): "headrace_resize_floats"}


def resized(images: Array, rows: Array, row_shares: Array, columns: Array, column_shares: Array) -> Array | None:
    """Images whose pixels lie between four, as TensorFlow computes them, bit for bit.

    Args:
        images: uint8 or float32 [batch, height, width, channels].
        rows: int64 [new height, 2]: the two rows that each new row is made of, each below the height.
        row_shares: float32 [new height]: how far it lies from the first to the second, 0 to 1.
        columns: int64 [new width, 2], likewise.
        column_shares: float32 [new width].

    Returns:
        float32 [batch, new height, new width, channels]; None where there is no library, or the pixels have another dtype.
    """
    call, name = library.load(), _FUNCTIONS.get(images.dtype)
    if call is None or name is None:
        return None
    given = [np.ascontiguousarray(part) for part in (images, rows, row_shares, columns, column_shares)]
    batch, _, _, channels = images.shape
    out: Array = empty((batch, len(rows), len(columns), channels), np.dtype(np.float32))
    pixels, *tables = [part.ctypes.data for part in given]
    getattr(call, name)(pixels, *images.shape, len(rows), len(columns), *tables, out.ctypes.data)
    return out
