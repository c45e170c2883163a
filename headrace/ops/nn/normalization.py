"""Batch normalization, moments and other normalizations."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from headrace.core.dtypes import FLOATING, bfloat16, float16, float32
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import get, op
from headrace.dispatch.tensor import Tensor

MIXED = (float16, bfloat16, float32)


def _axes_and_shape(x: Any, data_format: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    channel = data_format.index("C")
    axes = tuple(i for i in range(x.ndim) if i != channel)
    return axes, tuple(-1 if i == channel else 1 for i in range(x.ndim))


def normalize_batch(
    x: Any, scale: Any, offset: Any, mean: Any, variance: Any, epsilon: float, factor: float, data_format: str, is_training: bool
) -> tuple[Any, Any, Any, Any, Any]:
    """y, running mean and variance, and the batch's mean and variance, in the dtype of `scale` but for y."""
    axes, shape = _axes_and_shape(x, data_format)
    wide = x.astype(scale.dtype)
    if is_training:
        batch_mean = jnp.mean(wide, axes)
        batch_variance = jnp.mean(jnp.square(wide - batch_mean.reshape(shape)), axes)
        count = x.size // max(scale.size, 1)
        unbiased = batch_variance * (count / max(count - 1, 1))
        if factor == 1.0:
            running = batch_mean, unbiased
        else:
            running = (1 - factor) * mean + factor * batch_mean, (1 - factor) * variance + factor * unbiased
    else:
        batch_mean, batch_variance = mean, variance
        running = mean, variance
    slope = scale / jnp.sqrt(batch_variance + jnp.asarray(epsilon, scale.dtype))
    y = (wide - batch_mean.reshape(shape)) * slope.reshape(shape) + offset.reshape(shape)
    return y.astype(x.dtype), *running, batch_mean, batch_variance


@op(
    "FusedBatchNormV3",
    "x: T, scale: U, offset: U, mean: U, variance: U -> y: T, batch_mean: U, batch_variance: U, reserve_space_1: U,"
    " reserve_space_2: U, reserve_space_3: U",
    T=MIXED,
    U=(bfloat16, float32),
)
def fused_batch_norm_v3(
    x: Any,
    scale: Any,
    offset: Any,
    mean: Any,
    variance: Any,
    *,
    epsilon: float = 0.0001,
    exponential_avg_factor: float = 1.0,
    data_format: str = "NHWC",
    is_training: bool = True,
) -> Any:
    """Batch normalization over everything but channels; reserve spaces hold the mean and variance that were used."""
    y, running_mean, running_variance, used_mean, used_variance = normalize_batch(
        x, scale, offset, mean, variance, epsilon, exponential_avg_factor, data_format, is_training
    )
    return y, running_mean, running_variance, used_mean, used_variance, jnp.zeros((0,), scale.dtype)


@fused_batch_norm_v3.gradient
def _fused_batch_norm_gradient(record: Any, grad: Any, *_: Any) -> Any:
    x, scale, _offset, mean, variance = record.inputs
    saved_mean, saved_variance, reserve = record.outputs[3:]
    training = record.attrs["is_training"]
    used_mean, used_variance = (saved_mean, saved_variance) if training else (mean, variance)
    of_x, of_scale, of_offset, *_rest = fused_batch_norm_grad_v3.all(
        grad,
        x,
        get("Cast")(scale, DstT=float32),
        used_mean,
        used_variance,
        reserve,
        epsilon=record.attrs["epsilon"],
        data_format=record.attrs["data_format"],
        is_training=training,
    )
    return of_x, of_scale, of_offset, None, None


@op(
    "FusedBatchNormGradV3",
    "y_backprop: T, x: T, scale: float32, reserve_space_1: U, reserve_space_2: U, reserve_space_3: U -> x_backprop: T,"
    " scale_backprop: U, offset_backprop: U, reserve_space_4: U, reserve_space_5: U",
    T=MIXED,
    U=(float32,),
)
def fused_batch_norm_grad_v3(
    y_backprop: Any,
    x: Any,
    scale: Any,
    reserve_space_1: Any,
    reserve_space_2: Any,
    reserve_space_3: Any,
    *,
    epsilon: float = 0.0001,
    data_format: str = "NHWC",
    is_training: bool = True,
) -> Any:
    """The gradient of FusedBatchNormV3 from the mean (reserve 1) and variance (reserve 2) that it used."""
    axes, shape = _axes_and_shape(x, data_format)
    kind = reserve_space_1.dtype
    upstream, wide = y_backprop.astype(kind), x.astype(kind)
    inverse = 1 / jnp.sqrt(reserve_space_2 + jnp.asarray(epsilon, kind))
    centered = wide - reserve_space_1.reshape(shape)
    of_offset = jnp.sum(upstream, axes)
    of_scale = jnp.sum(upstream * centered, axes) * inverse
    slope = (scale * inverse).reshape(shape)
    if is_training:
        count = x.size // max(scale.size, 1)
        shared = of_offset.reshape(shape) + centered * (inverse * of_scale).reshape(shape)
        of_x = slope * (upstream - shared / count)
    else:
        of_x = slope * upstream
    empty = jnp.zeros((0,), kind)
    return of_x.astype(x.dtype), of_scale, of_offset, empty, empty


@op("L2Loss", "t: T -> output: T", T=FLOATING)
def l2_loss(t: Any) -> Any:
    """sum(t ** 2) / 2."""
    return (jnp.sum(jnp.square(t)) / 2).astype(t.dtype)


@l2_loss.gradient
def _l2_loss_gradient(record: Any, grad: Any) -> Any:
    return record.inputs[0] * grad


def moments(x: Any, axes: Any, shift: Any = None, keepdims: bool = False, name: str | None = None) -> tuple[Tensor, Tensor]:
    """Mean and variance over `axes`; computed in float32 for narrower types. `shift` is ignored, as in TensorFlow."""
    tensor = convert_to_tensor(x)
    wide = get("Cast")(tensor, DstT=float32) if tensor.dtype in (float16, bfloat16) else tensor
    mean = get("Mean")(wide, axes, keep_dims=True)
    variance = get("Mean")(get("SquaredDifference")(wide, get("StopGradient")(mean)), axes, keep_dims=True)
    if not keepdims:
        mean, variance = get("Squeeze")(mean, axis=axes), get("Squeeze")(variance, axis=axes)
    if wide is not tensor:
        mean, variance = get("Cast")(mean, DstT=tensor.dtype), get("Cast")(variance, DstT=tensor.dtype)
    return mean, variance


def batch_normalization(
    x: Any, mean: Any, variance: Any, offset: Any, scale: Any, variance_epsilon: float, name: str | None = None
) -> Tensor:
    """(x - mean) * scale / sqrt(variance + epsilon) + offset; scale and offset may be None."""
    inverse = get("Rsqrt")(variance + variance_epsilon)
    if scale is not None:
        inverse = inverse * scale
    shifted = -mean * inverse if offset is None else offset - mean * inverse
    y: Tensor = convert_to_tensor(x) * inverse + shifted
    return y
