"""What the kernels of sparse ops share: checks, flat positions and order of coordinates (numpy)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from headrace.core.errors import InvalidArgumentError


def check(indices: Any, values: Any, shape: Any) -> tuple[int, ...]:
    """The shape as a tuple, after checking that the three parts of a sparse tensor fit together.

    Raises:
        InvalidArgumentError: they do not.
    """
    if indices.ndim != 2 or values.ndim != 1 or shape.ndim != 1:
        raise InvalidArgumentError(
            "a sparse tensor needs indices of shape [n, rank], values [n] and a shape [rank]; got the shapes"
            f" {list(indices.shape)}, {list(values.shape)} and {list(shape.shape)}"
        )
    if len(indices) != len(values) or indices.shape[1] != len(shape):
        raise InvalidArgumentError(
            f"the parts do not fit: indices {list(indices.shape)}, values {list(values.shape)}, rank {len(shape)}"
        )
    dims = tuple(int(d) for d in shape)
    if any(d < 0 for d in dims):
        raise InvalidArgumentError(f"the shape of a sparse tensor must not be negative; got {list(dims)}")
    if len(indices):
        outside = ((indices < 0) | (indices >= np.array(dims, np.int64))).any(1)
        if outside.any():
            first = int(np.flatnonzero(outside)[0])
            raise InvalidArgumentError(
                f"indices[{first}] = {indices[first].tolist()} is out of bounds: need 0 <= index < {list(dims)}"
            )
    return dims


def flat(indices: Any, dims: tuple[int, ...]) -> Any:
    """The position of each coordinate in row-major order, int64."""
    if not dims:
        return np.zeros(len(indices), np.int64)
    return np.ravel_multi_index(tuple(indices.T), dims).astype(np.int64) if len(indices) else np.zeros(0, np.int64)


def unflat(positions: Any, dims: tuple[int, ...]) -> Any:
    """The inverse of `flat`: int64 [n, rank]."""
    if not len(positions) or not dims:
        return np.zeros((len(positions), len(dims)), np.int64)
    return np.stack(np.unravel_index(positions, dims), 1).astype(np.int64)


def order(indices: Any) -> Any:
    """The stable permutation that sorts coordinates in row-major order."""
    return np.lexsort(indices.T[::-1]) if indices.shape[1] else np.arange(len(indices))


def check_order(indices: Any) -> None:
    """Raises InvalidArgumentError unless coordinates ascend without repetition."""
    if len(indices) < 2:
        return
    steps = np.diff(indices, axis=0)
    first = np.argmax(steps != 0, axis=1)
    rising = np.take_along_axis(steps, first[:, None], 1)[:, 0]
    if (rising <= 0).any():
        place = int(np.flatnonzero(rising <= 0)[0]) + 1
        raise InvalidArgumentError(
            f"indices[{place}] = {indices[place].tolist()} is out of order or repeated; put them in order with tf.sparse.reorder"
        )


def axes(given: Any, rank: int) -> list[int]:
    """Axes counted from the front, without repetition."""
    found = []
    for axis in np.atleast_1d(given).tolist():
        if not -rank <= axis < rank:
            raise InvalidArgumentError(f"axis {axis} is out of range for a tensor of rank {rank}")
        found.append(axis % rank)
    return sorted(set(found))


def dense(indices: Any, values: Any, dims: tuple[int, ...], default: Any) -> Any:
    """The whole tensor; later values at one place replace earlier ones."""
    if values.dtype.kind == "O":
        out = np.empty(dims, object)
        out[...] = np.asarray(default, object)
    else:
        out = np.full(dims, default, values.dtype)
    if math.prod(dims):
        out[tuple(indices.T)] = values
    return out
