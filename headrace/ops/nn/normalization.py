"""Batch normalization and other normalizations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from headrace.core.dtypes import FLOATING, bfloat16, float16, float32
from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.opdef import OpDef, get, op
from headrace.ops.nn.layout import check_layout

MIXED = (float16, bfloat16, float32)


def _axes_and_shape(x: Any, data_format: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    check_layout(data_format)
    if x.ndim != len(data_format):
        raise InvalidArgumentError(
            f"batch normalization in {data_format} takes {len(data_format)} dimensions; got shape {list(x.shape)}"
        )
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
    used = (saved_mean, saved_variance) if record.attrs["is_training"] else (mean, variance)
    # The gradient op works in float32, whatever the moments are.
    wide = [v if v.dtype is float32 else get("Cast")(v, DstT=float32) for v in (scale, *used, reserve)]
    of_x, of_scale, of_offset, *_rest = fused_batch_norm_grad_v3.all(grad, x, *wide, **_grad_attrs(record.attrs))
    if scale.dtype is not float32:
        of_scale, of_offset = (get("Cast")(g, DstT=scale.dtype) for g in (of_scale, of_offset))
    return of_x, of_scale, of_offset, None, None


def _grad_attrs(attrs: Any) -> dict[str, Any]:
    return {key: attrs[key] for key in ("epsilon", "data_format", "is_training")}


def normalize_batch_grad(
    y_backprop: Any, x: Any, scale: Any, mean: Any, variance: Any, epsilon: float, data_format: str, is_training: bool
) -> tuple[Any, Any, Any, Any, Any]:
    """The gradients for x, scale and offset from the mean and variance that were used, and two empty arrays."""
    axes, shape = _axes_and_shape(x, data_format)
    kind = mean.dtype
    upstream, wide = y_backprop.astype(kind), x.astype(kind)
    inverse = 1 / jnp.sqrt(variance + jnp.asarray(epsilon, kind))
    centered = wide - mean.reshape(shape)
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
    return normalize_batch_grad(y_backprop, x, scale, reserve_space_1, reserve_space_2, epsilon, data_format, is_training)


_FORWARD = "x: T, scale: {U}, offset: {U}, mean: {U}, variance: {U} -> y: T, batch_mean: {U}, batch_variance: {U},"
_FORWARD += " reserve_space_1: {U}, reserve_space_2: {U}"
_BACKWARD = "y_backprop: T, x: T, scale: {S}, reserve_space_1: {U}, reserve_space_2: {U} -> x_backprop: T, scale_backprop: {U},"
_BACKWARD += " offset_backprop: {U}, reserve_space_3: {U}, reserve_space_4: {U}"


@op("FusedBatchNorm", _FORWARD.format(U="T"), T=(float32,))
def fused_batch_norm(
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
    """Batch normalization over everything but channels, of float32."""
    return normalize_batch(x, scale, offset, mean, variance, epsilon, exponential_avg_factor, data_format, is_training)


@op("FusedBatchNormV2", _FORWARD.format(U="U"), T=MIXED, U=(float32,))
def fused_batch_norm_v2(
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
    """Batch normalization over everything but channels."""
    return normalize_batch(x, scale, offset, mean, variance, epsilon, exponential_avg_factor, data_format, is_training)


@op("FusedBatchNormGrad", _BACKWARD.format(S="T", U="T"), T=(float32,))
def fused_batch_norm_grad(
    y_backprop: Any,
    x: Any,
    scale: Any,
    reserve_space_1: Any,
    reserve_space_2: Any,
    *,
    epsilon: float = 0.0001,
    data_format: str = "NHWC",
    is_training: bool = True,
) -> Any:
    """The gradient of FusedBatchNorm from the mean (reserve 1) and variance (reserve 2) that it used."""
    return normalize_batch_grad(y_backprop, x, scale, reserve_space_1, reserve_space_2, epsilon, data_format, is_training)


@op("FusedBatchNormGradV2", _BACKWARD.format(S="float32", U="U"), T=MIXED, U=(float32,))
def fused_batch_norm_grad_v2(
    y_backprop: Any,
    x: Any,
    scale: Any,
    reserve_space_1: Any,
    reserve_space_2: Any,
    *,
    epsilon: float = 0.0001,
    data_format: str = "NHWC",
    is_training: bool = True,
) -> Any:
    """The gradient of FusedBatchNormV2 from the mean (reserve 1) and variance (reserve 2) that it used."""
    return normalize_batch_grad(y_backprop, x, scale, reserve_space_1, reserve_space_2, epsilon, data_format, is_training)


def _older_gradient(backward: OpDef) -> Callable[..., Any]:
    def rule(record: Any, grad: Any, *_: Any) -> Any:
        x, scale, _offset, mean, variance = record.inputs
        used = record.outputs[3:] if record.attrs["is_training"] else (mean, variance)
        of_x, of_scale, of_offset, *_rest = backward.all(grad, x, scale, *used, **_grad_attrs(record.attrs))
        return of_x, of_scale, of_offset, None, None

    return rule


fused_batch_norm.gradient(_older_gradient(fused_batch_norm_grad))
fused_batch_norm_v2.gradient(_older_gradient(fused_batch_norm_grad_v2))


def _lrn(x: Any, radius: int, bias: float, alpha: float, beta: float) -> Any:
    if x.ndim != 4:
        raise InvalidArgumentError(
            f"local response normalization takes [batch, height, width, channels]; got shape {list(x.shape)}"
        )
    wide = x.astype(jnp.float32)
    window, pads = (1, 1, 1, 2 * radius + 1), [(0, 0)] * 3 + [(radius, radius)]
    total = jax.lax.reduce_window(jnp.square(wide), np.float32(0), jax.lax.add, window, (1, 1, 1, 1), pads)
    return (wide * jnp.power(bias + alpha * total, -beta)).astype(x.dtype)


@op("LRN", "input: T -> output: T", T=MIXED)
def local_response_normalization(
    input: Any, *, depth_radius: int = 5, bias: float = 1.0, alpha: float = 1.0, beta: float = 0.5
) -> Any:
    """input / (bias + alpha * the sum of squares of the channels up to `depth_radius` away) ** beta."""
    return _lrn(input, depth_radius, bias, alpha, beta)


@local_response_normalization.gradient
def _lrn_gradient(record: Any, grad: Any) -> Any:
    return lrn_grad(grad, record.inputs[0], record.outputs[0], **record.attrs)


@op("LRNGrad", "input_grads: T, input_image: T, output_image: T -> output: T", T=MIXED)
def lrn_grad(
    input_grads: Any,
    input_image: Any,
    output_image: Any,
    *,
    depth_radius: int = 5,
    bias: float = 1.0,
    alpha: float = 1.0,
    beta: float = 0.5,
) -> Any:
    """The gradient of LRN."""
    return jax.vjp(lambda x: _lrn(x, depth_radius, bias, alpha, beta), input_image)[1](input_grads)[0]


@op("L2Loss", "t: T -> output: T", T=FLOATING)
def l2_loss(t: Any) -> Any:
    """sum(t ** 2) / 2."""
    return (jnp.sum(jnp.square(t)) / 2).astype(t.dtype)


@l2_loss.gradient
def _l2_loss_gradient(record: Any, grad: Any) -> Any:
    return record.inputs[0] * grad
