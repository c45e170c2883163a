"""The gradient of broadcasting: summing over the axes along which an input was repeated."""

from __future__ import annotations

from typing import Any

import numpy as np

from headrace.core.dtypes import INDEX
from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.opdef import get, op
from headrace.dispatch.tensor import Tensor


def _broadcast_axes(s0: Any, s1: Any) -> tuple[Any, Any]:
    rank = max(len(s0), len(s1))
    left, right = ([1] * (rank - len(s)) + [int(d) for d in s] for s in (s0, s1))
    for a, b in zip(left, right, strict=True):
        if a != b and a != 1 and b != 1:
            raise InvalidArgumentError(f"shapes {list(s0)} and {list(s1)} do not broadcast: {a} and {b} differ, neither is 1")
    offsets = rank - len(s0), rank - len(s1)
    first = [i for i in range(rank) if i < offsets[0] or left[i] == 1 != right[i]]
    second = [i for i in range(rank) if i < offsets[1] or right[i] == 1 != left[i]]
    return np.array(first, s0.dtype), np.array(second, s1.dtype)


@op("BroadcastGradientArgs", "s0: T, s1: T -> r0: T, r1: T", T=INDEX, host=_broadcast_axes, host_only=True, differentiable=False)
def broadcast_gradient_args(s0: Any, s1: Any) -> Any:
    """The axes to sum over in gradients of two inputs of shapes `s0` and `s1` that were broadcast together."""
    return _broadcast_axes(s0, s1)


def reduce_to(gradient: Tensor, target: Tensor) -> Tensor:
    """`gradient` summed to the shape of `target`, which was broadcast to the gradient's shape."""
    wide, narrow = gradient.shape, target.shape
    if wide.is_fully_defined() and narrow.is_fully_defined():
        if wide == narrow:
            return gradient
        return _reduce_to_known(gradient, list(wide), list(narrow))
    shape_of = get("Shape")
    narrow_shape = shape_of(target)
    axes, _ = broadcast_gradient_args.all(narrow_shape, shape_of(gradient))
    return get("Reshape")(get("Sum")(gradient, axes), narrow_shape)


def _reduce_to_known(gradient: Tensor, wide: list[Any], narrow: list[Any]) -> Tensor:
    extra = len(wide) - len(narrow)
    repeated = [i for i in range(extra, len(wide)) if narrow[i - extra] == 1 != wide[i]]
    axes = np.array([*range(extra), *repeated], np.int32)
    summed = get("Sum")(gradient, axes, keep_dims=extra == 0)
    return get("Reshape")(summed, np.array(narrow, np.int32)) if extra and repeated else summed
