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


def in_two(key: Any, is_symbolic: Callable[[Any], bool]) -> tuple[Any, Any] | None:
    """A subscript as two, one after the other: the indices that are symbolic tensors, then everything else.

    The first keeps its size whatever the indices are, so only the second needs to know its bounds.

    Returns:
        Both keys; None where there is nothing to take apart.
    """
    entries = key if isinstance(key, tuple) else (key,)
    symbolic = [not isinstance(entry, slice) and is_symbolic(entry) for entry in entries]
    bounded = any(isinstance(e, slice) and not (e.start is None and e.stop is None and e.step is None) for e in entries)
    if not any(symbolic) or not bounded:
        return None
    first = [
        entry if alone or entry is Ellipsis else slice(None)
        for entry, alone in zip(entries, symbolic, strict=True)
        if entry is not None
    ]
    return tuple(first), tuple(entry for entry, alone in zip(entries, symbolic, strict=True) if not alone)


def _index(entry: Any) -> Any:
    if hasattr(entry, "__index__") and not isinstance(entry, bool):
        dtype = getattr(entry, "dtype", None)
        if dtype is None or getattr(dtype, "is_integer", True):
            return entry
    raise TypeError(f"{entry!r} cannot index a tensor; use integers, slices, '...', tf.newaxis, or a boolean mask")
