"""Images resized in one call."""

from __future__ import annotations

from typing import Any

import numpy as np

from headrace.native import library

Array = np.ndarray[Any, Any]

_FUNCTIONS = {np.dtype(np.uint8): "headrace_resize_bytes", np.dtype(np.float32): "headrace_resize_floats"}


def resized(images: Array, rows: Array, row_weights: Array, columns: Array, column_weights: Array) -> Array | None:
    """Images whose pixels are sums of four.

    Args:
        images: uint8 or float32 [batch, height, width, channels].
        rows: int64 [new height, 2]: the two rows that each new row is made of, each below the height.
        row_weights: float32 [new height, 2].
        columns: int64 [new width, 2], likewise.
        column_weights: float32 [new width, 2].

    Returns:
        float32 [batch, new height, new width, channels]; None where there is no library, or the pixels have another dtype.
    """
    call, name = library.load(), _FUNCTIONS.get(images.dtype)
    if call is None or name is None:
        return None
    given = [np.ascontiguousarray(part) for part in (images, rows, row_weights, columns, column_weights)]
    batch, _, _, channels = images.shape
    out = np.empty((batch, len(rows), len(columns), channels), np.float32)
    pixels, *tables = [part.ctypes.data for part in given]
    getattr(call, name)(pixels, *images.shape, len(rows), len(columns), *tables, out.ctypes.data)
    return out
