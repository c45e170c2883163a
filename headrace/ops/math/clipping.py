"""Clipping of values and norms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp

from headrace.core.dtypes import NUMERIC
from headrace.dispatch.composite import IndexedSlices
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import get, op
from headrace.dispatch.tensor import Tensor
from headrace.ops.math.elementwise import maximum, minimum, multiply
from headrace.ops.math.functions import reduce_sum


def _clipped_shape(t: tuple[int, ...], low: tuple[int, ...], high: tuple[int, ...]) -> tuple[int, ...]:
    return t


@op("ClipByValue", "t: T, clip_value_min: T, clip_value_max: T -> output: T", T=NUMERIC, shape=_clipped_shape)
def clip_by_value_op(t: Any, clip_value_min: Any, clip_value_max: Any) -> Any:
    """t limited to clip_value_min..clip_value_max."""
    return jnp.minimum(jnp.maximum(t, clip_value_min), clip_value_max)


@clip_by_value_op.gradient
def _clip_by_value_gradient(record: Any, grad: Any) -> Any:
    from_below = get("Less")(record.inputs[0], record.inputs[1])
    from_above = get("Greater")(record.inputs[0], record.inputs[2])
    zeros, select = get("ZerosLike")(grad), get("SelectV2")
    inside = select(get("LogicalOr")(from_below, from_above), zeros, grad)
    limits = [select(mask, grad, zeros) for mask in (from_below, from_above)]
    return inside, *(_narrowed(g, t) for g, t in zip(limits, record.inputs[1:], strict=True))


def _narrowed(grad: Tensor, target: Tensor) -> Tensor:
    from_shape = get("Shape")
    axes, _ = get("BroadcastGradientArgs").all(from_shape(target), from_shape(grad))
    return get("Reshape")(get("Sum")(grad, axes), from_shape(target))


def _map_values(t: Any, function: Any) -> Any:
    """`function` of a tensor, or of the rows of IndexedSlices."""
    if isinstance(t, IndexedSlices):
        return IndexedSlices(function(t.values), t.indices, t.dense_shape)
    return function(convert_to_tensor(t))


def clip_by_value(t: Any, clip_value_min: Any, clip_value_max: Any, name: str | None = None) -> Any:
    """t limited to clip_value_min..clip_value_max, which broadcast to its shape."""
    return _map_values(t, lambda v: maximum(minimum(v, clip_value_max), clip_value_min, name=name))


def clip_by_norm(t: Any, clip_norm: Any, axes: Any = None, name: str | None = None) -> Any:
    """t scaled down where its L2 norm over `axes` (all by default) exceeds `clip_norm`."""

    def clip(values: Tensor) -> Tensor:
        squares = reduce_sum(multiply(values, values), axes, keepdims=True)
        positive = get("Greater")(squares, 0)
        safe = get("SelectV2")(positive, squares, get("OnesLike")(squares))
        norm = get("SelectV2")(positive, get("Sqrt")(safe), squares)
        return get("RealDiv")(multiply(values, clip_norm), maximum(norm, clip_norm), name=name)

    return _map_values(t, clip)


def global_norm(t_list: Sequence[Any], name: str | None = None) -> Tensor:
    """The L2 norm of all elements of the tensors and IndexedSlices in a list; None entries are left out."""
    values = [t.values if isinstance(t, IndexedSlices) else convert_to_tensor(t) for t in t_list if t is not None]
    if not values:
        return convert_to_tensor(0.0)
    sums = [reduce_sum(get("Square")(v)) for v in values]
    return get("Sqrt")(sums[0] if len(sums) == 1 else get("AddN")(sums), name=name)


def clip_by_global_norm(
    t_list: Sequence[Any], clip_norm: Any, use_norm: Any = None, name: str | None = None
) -> tuple[list[Any], Tensor]:
    """The tensors scaled by one factor so that their global norm is at most `clip_norm`, and the norm before.

    When the norm is infinite or nan, every result is nan.
    """
    norm = global_norm(t_list) if use_norm is None else convert_to_tensor(use_norm)
    limit = convert_to_tensor(clip_norm, norm.dtype) if not isinstance(clip_norm, Tensor) else clip_norm
    scale = get("RealDiv")(limit, maximum(norm, limit))
    scale = get("SelectV2")(get("IsFinite")(norm), scale, get("Sub")(norm, norm))
    scale = get("SelectV2")(get("IsInf")(norm), get("Sub")(norm, norm), scale)
    return [None if t is None else _map_values(t, lambda v: multiply(v, get("Cast")(scale, DstT=v.dtype))) for t in t_list], norm
