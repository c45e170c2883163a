"""Fake quantization: values rounded to what an integer of few bits can hold, for training that minds quantization.

The range is moved so that 0 is one of its steps (Jacob and others, 2018, section 3.1).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax.numpy as jnp

from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.opdef import op
from headrace.dispatch.tensor import Tensor


def _nudged(low: Any, high: Any, num_bits: int, narrow_range: bool) -> tuple[Any, Any, Any]:
    """The moved range, and the size of a step."""
    if not 2 <= num_bits <= 16:
        raise InvalidArgumentError(f"num_bits is 2 to 16; got {num_bits}")
    least, most = float(narrow_range), float(2**num_bits - 1)
    step = (high - low) / (most - least)
    safe = jnp.where(step == 0, 1, step)
    zero = jnp.clip(jnp.floor(least - low / safe + 0.5), least, most)
    return (least - zero) * step, (most - zero) * step, step


def _quantized(x: Any, low: Any, high: Any, num_bits: int, narrow_range: bool) -> Any:
    bottom, top, step = _nudged(low, high, num_bits, narrow_range)
    safe = jnp.where(step == 0, 1, step)
    zero = jnp.floor(-bottom / safe + 0.5)
    steps = jnp.floor((jnp.clip(x, bottom, top) - bottom) / safe - zero + 0.5)
    return jnp.where((low == 0) & (high == 0), 0, steps * step).astype(x.dtype)


def _parts(gradients: Any, x: Any, low: Any, high: Any, num_bits: int, narrow_range: bool) -> tuple[Any, Any, Any]:
    """The gradient of each element: within the range, below it, above it."""
    bottom, top, _ = _nudged(low, high, num_bits, narrow_range)
    empty = (low == 0) & (high == 0)
    below, above = (x < bottom) & ~empty, (x > top) & ~empty
    return tuple(jnp.where(where, gradients, 0) for where in (~(below | above), below, above))  # type: ignore[return-value]


def _check_scalar_range(low: Any, high: Any) -> None:
    if low.shape or high.shape:
        raise InvalidArgumentError(f"min and max are scalars; got shapes {low.shape} and {high.shape}")


def _check_channel_range(x: Any, low: Any, high: Any) -> None:
    wanted = x.shape[-1:]
    if not x.ndim or low.shape != wanted or high.shape != wanted:
        raise InvalidArgumentError(f"min and max have one element a channel, {wanted}; got shapes {low.shape} and {high.shape}")


@op("FakeQuantWithMinMaxArgs", "inputs: float -> outputs: float")
def fake_quant_with_min_max_args(
    inputs: Any, *, min: float = -6.0, max: float = 6.0, num_bits: int = 8, narrow_range: bool = False
) -> Any:
    """Values rounded to the steps of a fixed range."""
    if min >= max:
        raise InvalidArgumentError(f"min must be less than max; got {min} and {max}")
    return _quantized(inputs, jnp.float32(min), jnp.float32(max), num_bits, narrow_range)


@op("FakeQuantWithMinMaxArgsGradient", "gradients: float, inputs: float -> backprops: float")
def fake_quant_with_min_max_args_gradient(
    gradients: Any, inputs: Any, *, min: float = -6.0, max: float = 6.0, num_bits: int = 8, narrow_range: bool = False
) -> Any:
    """The gradient of FakeQuantWithMinMaxArgs: that of the identity within the range."""
    return _parts(gradients, inputs, jnp.float32(min), jnp.float32(max), num_bits, narrow_range)[0]


@fake_quant_with_min_max_args.gradient
def _args_rule(record: Any, grad: Any) -> Any:
    return fake_quant_with_min_max_args_gradient(grad, record.inputs[0], **record.attrs)


@op("FakeQuantWithMinMaxVars", "inputs: float, min: float, max: float -> outputs: float")
def fake_quant_with_min_max_vars(inputs: Any, min: Any, max: Any, *, num_bits: int = 8, narrow_range: bool = False) -> Any:
    """Values rounded to the steps of a range given as scalar tensors."""
    _check_scalar_range(min, max)
    return _quantized(inputs, min, max, num_bits, narrow_range)


@op(
    "FakeQuantWithMinMaxVarsGradient",
    "gradients: float, inputs: float, min: float, max: float"
    " -> backprops_wrt_input: float, backprop_wrt_min: float, backprop_wrt_max: float",
)
def vars_gradient_op(gradients: Any, inputs: Any, min: Any, max: Any, *, num_bits: int = 8, narrow_range: bool = False) -> Any:
    """The gradients of FakeQuantWithMinMaxVars: beyond the range they go to its ends."""
    _check_scalar_range(min, max)
    within, below, above = _parts(gradients, inputs, min, max, num_bits, narrow_range)
    return within, jnp.sum(below), jnp.sum(above)


@fake_quant_with_min_max_vars.gradient
def _vars_rule(record: Any, grad: Any) -> Any:
    return vars_gradient_op.all(grad, *record.inputs, **record.attrs)


@op("FakeQuantWithMinMaxVarsPerChannel", "inputs: float, min: float, max: float -> outputs: float")
def fake_quant_with_min_max_vars_per_channel(
    inputs: Any, min: Any, max: Any, *, num_bits: int = 8, narrow_range: bool = False
) -> Any:
    """Values rounded to the steps of a range of each channel (the last axis)."""
    _check_channel_range(inputs, min, max)
    return _quantized(inputs, min, max, num_bits, narrow_range)


@op(
    "FakeQuantWithMinMaxVarsPerChannelGradient",
    "gradients: float, inputs: float, min: float, max: float"
    " -> backprops_wrt_input: float, backprop_wrt_min: float, backprop_wrt_max: float",
)
def per_channel_gradient_op(
    gradients: Any, inputs: Any, min: Any, max: Any, *, num_bits: int = 8, narrow_range: bool = False
) -> Any:
    """The gradients of FakeQuantWithMinMaxVarsPerChannel."""
    _check_channel_range(inputs, min, max)
    within, below, above = _parts(gradients, inputs, min, max, num_bits, narrow_range)
    axes = tuple(range(inputs.ndim - 1))
    return within, jnp.sum(below, axes), jnp.sum(above, axes)


@fake_quant_with_min_max_vars_per_channel.gradient
def _per_channel_rule(record: Any, grad: Any) -> Any:
    return per_channel_gradient_op.all(grad, *record.inputs, **record.attrs)


class RangeGradients(NamedTuple):
    """The gradients for the values and for both ends of their range."""

    backprops_wrt_input: Tensor
    backprop_wrt_min: Tensor
    backprop_wrt_max: Tensor


def fake_quant_with_min_max_vars_gradient(
    gradients: Any, inputs: Any, min: Any, max: Any, num_bits: int = 8, narrow_range: bool = False, name: str | None = None
) -> RangeGradients:
    """The gradients of `fake_quant_with_min_max_vars`, of which the output's gradient is `gradients`."""
    definition = vars_gradient_op
    return RangeGradients(*definition.all(gradients, inputs, min, max, num_bits=num_bits, narrow_range=narrow_range, name=name))


def fake_quant_with_min_max_vars_per_channel_gradient(
    gradients: Any, inputs: Any, min: Any, max: Any, num_bits: int = 8, narrow_range: bool = False, name: str | None = None
) -> RangeGradients:
    """The gradients of `fake_quant_with_min_max_vars_per_channel`."""
    definition = per_channel_gradient_op
    return RangeGradients(*definition.all(gradients, inputs, min, max, num_bits=num_bits, narrow_range=narrow_range, name=name))
