"""Python's subscript as the arguments of StridedSlice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def strided_slice_arguments(key: Any, pack: Callable[[list[Any]], Any]) -> tuple[Any, Any, Any, dict[str, int]]:
    """Begin, end and strides vectors and the masks for `x[key]`.

    Args:
        key: an index, a slice, an ellipsis, None (a new axis), or a tuple of these. Bounds may be integer tensors.
        pack: makes a vector of a list of ints and scalar tensors.

    Raises:
        TypeError: an entry is none of these.
        IndexError: more than one ellipsis.
    """
    entries = key if isinstance(key, tuple) else tuple(key) if isinstance(key, list) else (key,)
    if sum(entry is Ellipsis for entry in entries) > 1:
        raise IndexError("a subscript can hold one ellipsis ('...') only")
    begin: list[Any] = []
    end: list[Any] = []
    strides: list[Any] = []
    masks = dict.fromkeys(("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask"), 0)
    for position, entry in enumerate(entries):
        bit = 1 << position
        start, stop, step = 0, 0, 1
        if entry is Ellipsis:
            masks["ellipsis_mask"] |= bit
        elif entry is None:
            masks["new_axis_mask"] |= bit
            stop = 1
        elif isinstance(entry, slice):
            if entry.start is None:
                masks["begin_mask"] |= bit
            if entry.stop is None:
                masks["end_mask"] |= bit
            start = 0 if entry.start is None else entry.start
            stop = 0 if entry.stop is None else entry.stop
            step = 1 if entry.step is None else entry.step
        else:
            start = _index(entry)
            stop = start + 1
            masks["shrink_axis_mask"] |= bit
        begin.append(start)
        end.append(stop)
        strides.append(step)
    return pack(begin), pack(end), pack(strides), masks


def _index(entry: Any) -> Any:
    if hasattr(entry, "__index__") and not isinstance(entry, bool):
        dtype = getattr(entry, "dtype", None)
        if dtype is None or getattr(dtype, "is_integer", True):
            return entry
    raise TypeError(f"{entry!r} cannot index a tensor; use integers, slices, '...', tf.newaxis, or a boolean mask")
