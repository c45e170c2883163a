"""NumPy's functions that make arrays, and arrange and multiply them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from headrace.arrays import promotion
from headrace.arrays.promotion import array, promoted, wanted
from headrace.dispatch.opdef import get
from headrace.dispatch.tensor import Tensor
from headrace.ops.array import creation, joining, padding
from headrace.ops.array.diagonal import band_part
from headrace.ops.array.sorting import argsort as tensor_argsort
from headrace.ops.array.sorting import sort as tensor_sort
from headrace.ops.math import contraction


def zeros(shape: Any, dtype: Any = float) -> Tensor:
    """Zeros, float64 by default."""
    return creation.zeros(shape, wanted(dtype))


def ones(shape: Any, dtype: Any = float) -> Tensor:
    """Ones, float64 by default."""
    return creation.ones(shape, wanted(dtype))


def zeros_like(a: Any, dtype: Any = None) -> Tensor:
    """Zeros of the shape of a."""
    return get("ZerosLike")(array(a, dtype))


def ones_like(a: Any, dtype: Any = None) -> Tensor:
    """Ones of the shape of a."""
    return get("OnesLike")(array(a, dtype))


def full(shape: Any, fill_value: Any, dtype: Any = None) -> Tensor:
    """An array with one value everywhere."""
    return joining.broadcast_to(array(fill_value, dtype), shape)


def eye(N: int, M: int | None = None, k: int = 0, dtype: Any = float) -> Tensor:
    """Ones on the k-th diagonal."""
    return array(np.eye(N, M, k), dtype)


def identity(n: int, dtype: Any = float) -> Tensor:
    """The identity matrix."""
    return eye(n, dtype=dtype)


def arange(start: Any, stop: Any = None, step: Any = 1, dtype: Any = None) -> Tensor:
    """Numbers from `start` (0 by default) to before `stop`."""
    begin, end = (0, start) if stop is None else (start, stop)
    return array(np.arange(begin, end, step), dtype)


def linspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, retstep: bool = False, dtype: Any = float, axis: int = 0
) -> Any:
    """`num` numbers at equal distances, float64 by default."""
    values, step = np.linspace(start, stop, num, endpoint, retstep=True, axis=axis)
    made = array(values, dtype)
    return (made, array(step)) if retstep else made


def reshape(a: Any, newshape: Any, order: str = "C") -> Tensor:
    """The elements in another shape."""
    if order != "C":
        raise ValueError(f"only the order 'C' is supported; got {order!r}")
    return get("Reshape")(array(a), [newshape] if isinstance(newshape, int) else newshape)


def ravel(a: Any) -> Tensor:
    """The elements in one row."""
    return reshape(a, -1)


def transpose(a: Any, axes: Any = None) -> Tensor:
    """The axes in another order, reversed by default."""
    tensor = array(a)
    return get("Transpose")(tensor, list(range(len(tensor.shape)))[::-1] if axes is None else list(axes))


def swapaxes(a: Any, axis1: int, axis2: int) -> Tensor:
    """Two axes exchanged."""
    tensor = array(a)
    order = list(range(len(tensor.shape)))
    order[axis1], order[axis2] = order[axis2], order[axis1]
    return get("Transpose")(tensor, order)


def moveaxis(a: Any, source: Any, destination: Any) -> Tensor:
    """Axes moved to other places; the rest keep their order."""
    tensor = array(a)
    rank = len(tensor.shape)
    given = [places if isinstance(places, list | tuple) else [places] for places in (source, destination)]
    pairs = [[int(i) % rank for i in places] for places in given]
    order = [i for i in range(rank) if i not in pairs[0]]
    for place, axis in sorted(zip(pairs[1], pairs[0], strict=True)):
        order.insert(place, axis)
    return get("Transpose")(tensor, order)


def expand_dims(a: Any, axis: int) -> Tensor:
    """With a dimension of size 1."""
    return get("ExpandDims")(array(a), axis)


def squeeze(a: Any, axis: Any = None) -> Tensor:
    """Without dimensions of size 1, or without those at `axis`."""
    return get("Squeeze")(array(a), squeeze_dims=[] if axis is None else [axis] if isinstance(axis, int) else list(axis))


def concatenate(arys: Sequence[Any], axis: int | None = 0) -> Tensor:
    """Arrays one after the other along an axis; None flattens them first."""
    parts = promoted(*arys)
    return joining.concat([ravel(part) for part in parts] if axis is None else parts, axis or 0)


def stack(arrays: Sequence[Any], axis: int = 0) -> Tensor:
    """Arrays of one shape along a new axis."""
    return joining.stack(promoted(*arrays), axis)


def _raised(parts: Sequence[Any], rank: int) -> list[Tensor]:
    raised = []
    for part in promoted(*parts):
        while len(part.shape) < rank:
            part = get("ExpandDims")(part, 0)
        raised.append(part)
    return raised


def vstack(tup: Sequence[Any]) -> Tensor:
    """Arrays below one another."""
    return joining.concat(_raised(tup, 2), 0)


def hstack(tup: Sequence[Any]) -> Tensor:
    """Arrays beside one another."""
    parts = _raised(tup, 1)
    return joining.concat(parts, 0 if len(parts[0].shape) == 1 else 1)


def split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Tensor]:
    """Equal parts of an array, or those between places along an axis."""
    tensor = array(ary)
    if isinstance(indices_or_sections, int):
        return joining.split(tensor, indices_or_sections, axis)
    places = [0, *indices_or_sections, tensor.shape[axis]]
    return joining.split(tensor, [b - a for a, b in pairwise(places)], axis)


def tile(a: Any, reps: Any) -> Tensor:
    """The array repeated along each axis."""
    tensor = array(a)
    counts = [reps] if isinstance(reps, int) else list(reps)
    while len(tensor.shape) < len(counts):
        tensor = get("ExpandDims")(tensor, 0)
    return joining.tile(tensor, [1] * (len(tensor.shape) - len(counts)) + counts)


def repeat(a: Any, repeats: Any, axis: int | None = None) -> Tensor:
    """Each element repeated, along an axis or of the flattened array."""
    return joining.repeat(array(a), repeats, axis)


def flip(m: Any, axis: Any = None) -> Tensor:
    """The elements in reverse order along axes, all by default."""
    tensor = array(m)
    axes = list(range(len(tensor.shape))) if axis is None else [axis] if isinstance(axis, int) else list(axis)
    return padding.reverse(tensor, axes)


def broadcast_to(array: Any, shape: Any) -> Tensor:
    """The array repeated until it has a shape."""
    return joining.broadcast_to(promotion.array(array), shape)


def take(a: Any, indices: Any, axis: int | None = None, out: Any = None, mode: str = "clip") -> Tensor:
    """The elements, or slices along an axis, at some places; those out of range are brought to the ends, or go round ("wrap").

    Raises:
        ValueError: another mode.
    """
    tensor = ravel(a) if axis is None else array(a)
    place = 0 if axis is None else axis
    picks = array(indices)
    size = get("Cast")(get("Shape")(tensor)[place], DstT=picks.dtype)
    if mode == "clip":
        picks = get("Minimum")(get("Maximum")(picks, 0), size - 1)
    elif mode == "wrap":
        picks = get("FloorMod")(picks, size)
    else:
        raise ValueError(f"mode must be clip or wrap; got {mode!r}")
    return get("GatherV2")(tensor, picks, place)


def matmul(x1: Any, x2: Any) -> Tensor:
    """The product of matrices, or of a matrix and a vector."""
    left, right = promoted(x1, x2)
    if len(right.shape) == 1:
        if len(left.shape) == 1:
            return contraction.tensordot(left, right, 1)
        return contraction.matvec(left, right)
    if len(left.shape) == 1:
        return get("Squeeze")(contraction.matmul(get("ExpandDims")(left, -2), right), squeeze_dims=[-2])
    return contraction.matmul(left, right)


def dot(a: Any, b: Any) -> Tensor:
    """The sum of products over the last axis of a and the last but one of b."""
    left, right = promoted(a, b)
    if not len(left.shape) or not len(right.shape):
        return left * right
    return contraction.tensordot(left, right, [[-1], [-1 if len(right.shape) == 1 else -2]])


def tensordot(a: Any, b: Any, axes: Any = 2) -> Tensor:
    """The sum of products over pairs of axes."""
    left, right = promoted(a, b)
    return contraction.tensordot(left, right, axes)


def outer(a: Any, b: Any) -> Tensor:
    """Each product of two elements."""
    left, right = promoted(a, b)
    return get("Reshape")(left, [-1, 1]) * get("Reshape")(right, [1, -1])


def triu(m: Any, k: int = 0) -> Tensor:
    """The elements on and above the k-th diagonal (k of 0 or below 0)."""
    tensor = array(m)
    return tensor - band_part(tensor, -1, k - 1) if k > 0 else band_part(tensor, -k, -1)


def tril(m: Any, k: int = 0) -> Tensor:
    """The elements on and below the k-th diagonal."""
    tensor = array(m)
    return tensor - band_part(tensor, -k - 1, -1) if k < 0 else band_part(tensor, -1, k)


def sort(a: Any, axis: int | None = -1, kind: str = "quicksort", order: Any = None) -> Tensor:
    """The elements in order along an axis, or of the flattened array."""
    return tensor_sort(ravel(a), 0) if axis is None else tensor_sort(array(a), axis)


def argsort(a: Any, axis: int | None = -1, kind: str = "quicksort", order: Any = None) -> Tensor:
    """The places of the elements in order."""
    order = tensor_argsort(ravel(a), 0, stable=True) if axis is None else tensor_argsort(array(a), axis, stable=True)
    return get("Cast")(order, DstT="int64")


def shape(a: Any) -> tuple[int | None, ...]:
    """The shape of an array."""
    return array(a).shape.as_tuple()


def ndim(a: Any) -> int:
    """The number of dimensions."""
    return len(array(a).shape)
