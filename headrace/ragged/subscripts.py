"""Subscripts of ragged tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from headrace.dispatch.opdef import get
from headrace.dispatch.tensor import Tensor
from headrace.ops.ragged import kernels
from headrace.ragged import partitions


def subscript(kind: Any, tensor: Any, key: Any) -> Any:
    """`tensor[key]`: integers, slices, '...', None and boolean masks of the rows.

    Raises:
        ValueError: an integer stands for a ragged dimension inside.
        TypeError: the key is none of these.
    """
    keys = key if isinstance(key, tuple) else (key,)
    if sum(k is Ellipsis for k in keys) > 1:
        raise ValueError("a subscript can hold one ellipsis ('...') only")
    return _outer(kind, tensor, keys)


def pick(kind: Any, values: Any, starts: Any, limits: Any, step: int = 1) -> Any:
    """The rows `values[start:limit:step]`, one for each start and limit."""
    splits, places = kernels.ragged_range.all(starts, limits, np.array(step, starts.dtype.np_dtype), Tsplits=starts.dtype)
    return kind(rows(kind, values, places), splits)


def rows(kind: Any, tensor: Any, places: Tensor) -> Any:
    """The rows at `places` (a vector) of a dense or ragged tensor."""
    if not isinstance(tensor, kind):
        return get("GatherV2")(tensor, places, 0)
    starts, limits = (get("GatherV2")(x, places, 0) for x in (tensor.row_starts(), tensor.row_limits()))
    return pick(kind, tensor.values, starts, limits)


def _outer(kind: Any, tensor: Any, keys: tuple[Any, ...]) -> Any:
    if not keys:
        return tensor
    if not isinstance(tensor, kind):
        return tensor[keys]
    key, rest = keys[0], keys[1:]
    if key is Ellipsis:
        return _outer(kind, tensor, _expanded(tensor, rest, tensor.shape.rank))
    if key is None:
        inner = _outer(kind, tensor, rest)
        if not isinstance(inner, kind):
            return get("ExpandDims")(inner, 0)
        return kind(inner, get("Pack")([np.array(0, inner.row_splits.dtype.np_dtype), inner.nrows()]), inner.shape[0])
    if isinstance(key, slice):
        chosen = tensor
        if key != slice(None):
            starts, limits = tensor.row_starts()[key], tensor.row_limits()[key]
            chosen = pick(kind, tensor.values, starts, limits)
        return _inner(kind, chosen, rest)
    if not hasattr(key, "__index__"):
        raise TypeError(f"{key!r} cannot index a ragged tensor; use integers, slices, '...' or tf.newaxis")
    return _outer(kind, _row(kind, tensor, key), rest)


def _row(kind: Any, tensor: Any, key: Any) -> Any:
    start, limit = tensor.row_starts()[key], tensor.row_limits()[key]
    return rows(kind, tensor.values, partitions.positions(start, limit, np.array(1, start.dtype.np_dtype)))


def _expanded(tensor: Any, rest: tuple[Any, ...], rank: int) -> tuple[Any, ...]:
    """The ellipsis as slices."""
    taken = sum(k is not None for k in rest)
    return (*[slice(None)] * max(rank - taken, 0), *rest)


def _inner(kind: Any, tensor: Any, keys: tuple[Any, ...]) -> Any:
    """The keys applied to the dimensions after the first."""
    if not keys:
        return tensor
    key, rest = keys[0], keys[1:]
    if key is Ellipsis:
        return _inner(kind, tensor, _expanded(tensor, rest, tensor.shape.rank - 1))
    if key is None:
        inner = _inner(kind, tensor, rest)
        one = np.array(1, tensor.row_splits.dtype.np_dtype)
        return kind(inner, partitions.positions(one * 0, get("AddV2")(tensor.nrows(), one), one), 1)
    if isinstance(key, slice):
        chosen = tensor if key == slice(None) else _columns(kind, tensor, key)
        values = chosen.values
        return chosen.with_values(_inner(kind, values, rest) if isinstance(values, kind) else values[(slice(None), *rest)])
    if tensor.uniform_row_length is None:
        raise ValueError("an integer cannot index a ragged dimension inside a ragged tensor: rows may be too short; use a slice")
    starts = tensor.row_starts() if int(key) >= 0 else tensor.row_limits()
    picked = rows(kind, tensor.values, get("AddV2")(starts, np.array(int(key), starts.dtype.np_dtype)))
    return _inner(kind, picked, rest) if isinstance(picked, kind) else picked[(slice(None), *rest)]


def _columns(kind: Any, tensor: Any, key: slice) -> Any:
    """`tensor[:, start:stop:step]`."""
    lengths, starts = tensor.row_lengths(), tensor.row_starts()
    number = starts.dtype.np_dtype.type
    step = 1 if key.step is None else int(key.step)
    if step == 0:
        raise ValueError("a slice needs a step other than 0")
    low, high = (0, lengths) if step > 0 else (-1, get("Sub")(lengths, number(1)))

    def bound(given: Any, default: Any) -> Any:
        if given is None:
            return get("AddV2")(get("ZerosLike")(lengths), number(default) if isinstance(default, int) else default)
        place = get("Cast")(given, DstT=starts.dtype) if isinstance(given, Tensor) else number(int(given))
        negative = get("Less")(place, number(0))
        place = get("SelectV2")(negative, get("AddV2")(lengths, place), get("AddV2")(get("ZerosLike")(lengths), place))
        return get("Minimum")(get("Maximum")(place, number(low)), high)

    begin = bound(key.start, low if step > 0 else high)
    end = bound(key.stop, high if step > 0 else low)
    return pick(kind, tensor.values, get("AddV2")(starts, begin), get("AddV2")(starts, end), step)
