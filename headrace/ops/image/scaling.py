"""Resampling by a filter of one's choice, scaled and moved: ScaleAndTranslate."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from headrace.core.dtypes import float32
from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.opdef import get, op
from headrace.dispatch.unsized import resized
from headrace.ops.image.resizing import IMAGE, check_images, filter_axis, sizes_of


def _lanczos(radius: float) -> Callable[[Any], Any]:
    def kernel(x: Any) -> Any:
        safe = jnp.where(x <= 1e-3, 1.0, x)
        wave = radius * jnp.sin(math.pi * safe) * jnp.sin(math.pi * safe / radius) / (math.pi**2 * safe * safe)
        return jnp.where(x > radius, 0.0, jnp.where(x <= 1e-3, 1.0, wave))

    return kernel


def _gaussian(x: Any) -> Any:
    deviation = 0.5
    return jnp.where(x >= 1.5, 0.0, jnp.exp(-x * x / (2 * deviation**2)))


def _box(x: Any) -> Any:
    return jnp.where(x < 0.5, 1.0, jnp.where(x == 0.5, 0.5, 0.0))


def _triangle(x: Any) -> Any:
    return jnp.maximum(1 - x, 0.0)


def _keys_cubic(x: Any) -> Any:
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    near = (1.5 * x - 2.5) * x * x + 1
    return jnp.where(x >= 2, 0.0, jnp.where(x >= 1, far, near))


def _mitchell_cubic(x: Any) -> Any:
    far = ((-7 / 18 * x + 2) * x - 10 / 3) * x + 16 / 9
    near = (7 / 6 * x - 2) * x * x + 8 / 9
    return jnp.where(x >= 2, 0.0, jnp.where(x >= 1, far, near))


_KERNELS: dict[str, tuple[float, Callable[[Any], Any]]] = {
    "lanczos1": (1.0, _lanczos(1.0)),
    "lanczos3": (3.0, _lanczos(3.0)),
    "lanczos5": (5.0, _lanczos(5.0)),
    "gaussian": (1.5, _gaussian),
    "box": (1.0, _box),
    "triangle": (1.0, _triangle),
    "keyscubic": (2.0, _keys_cubic),
    "mitchellcubic": (2.0, _mitchell_cubic),
}
"""Each filter's radius in pixels and its weight at a distance (Duchon 1979, Keys 1981, Mitchell and Netravali 1988)."""


def _weights(before: int, after: int, scale: Any, translation: Any, kernel_type: str, antialias: bool) -> Any:
    """The matrix [after, before] that resamples one axis."""
    radius, kernel = _KERNELS[kernel_type]
    inverse = 1.0 / scale
    stretch = jnp.maximum(inverse, 1.0) if antialias else jnp.float32(1.0)
    centre = (jnp.arange(after, dtype=jnp.float32) + 0.5) * inverse - inverse * translation
    first = jnp.ceil(centre - radius * stretch - 0.5)
    last = jnp.floor(centre + radius * stretch - 0.5)
    first, last = (jnp.clip(edge, 0, before - 1)[:, None] for edge in (first, last))
    pixel = jnp.arange(before, dtype=jnp.float32)
    weight = kernel(jnp.abs(pixel + 0.5 - centre[:, None]) * (1.0 / stretch))
    weight = jnp.where((pixel >= first) & (pixel <= last), weight, 0.0)
    total = jnp.sum(weight, 1, keepdims=True)
    usable = jnp.abs(total) >= 1000 * jnp.finfo(jnp.float32).tiny
    weight = jnp.where(usable, weight / jnp.where(usable, total, 1.0), weight)
    inside = (centre >= 0) & (centre <= before)
    return jnp.where(inside[:, None], weight, 0.0).astype(jnp.float32)


def _resample(images: Any, size: tuple[int, int], scale: Any, translation: Any, kernel_type: str, antialias: bool) -> Any:
    check_images(images.shape)
    if kernel_type not in _KERNELS:
        raise InvalidArgumentError(f"kernel_type is one of {', '.join(_KERNELS)}; got {kernel_type!r}")
    if scale.shape != (2,) or translation.shape != (2,):
        raise InvalidArgumentError(f"scale and translation are vectors of 2; got shapes {scale.shape} and {translation.shape}")
    x = jnp.asarray(images, jnp.float32)
    for axis, after in ((1, size[0]), (2, size[1])):
        matrix = _weights(x.shape[axis], after, scale[axis - 1], translation[axis - 1], kernel_type, antialias)
        x = filter_axis(x, matrix, axis)
    return x


def _scaled_shape(images: tuple[int, ...], size: Any, *_: Any, **__: Any) -> tuple[int, ...]:
    check_images(images)
    return (images[0], *sizes_of(size), images[3])


@op(
    "ScaleAndTranslate",
    "images: T, size: int32, scale: float, translation: float -> resized_images: float",
    T=IMAGE,
    unsized=resized,
    static=("size",),
    shape=_scaled_shape,
)
def scale_and_translate(
    images: Any, size: Any, scale: Any, translation: Any, *, kernel_type: str = "lanczos3", antialias: bool = True
) -> Any:
    """Images scaled, moved and cut to `size` by a resampling filter; what lies outside of the image is 0."""
    return _resample(images, sizes_of(size), scale, translation, kernel_type, antialias)


def _gradient_shape(grads: tuple[int, ...], image: tuple[int, ...], *_: Any, **__: Any) -> tuple[int, ...]:
    return image


@op(
    "ScaleAndTranslateGrad",
    "grads: T, original_image: T, scale: float, translation: float -> output: T",
    T=(float32,),
    shape=_gradient_shape,
)
def scale_and_translate_grad(
    grads: Any, original_image: Any, scale: Any, translation: Any, *, kernel_type: str = "lanczos3", antialias: bool = True
) -> Any:
    """The gradient of ScaleAndTranslate with respect to the images."""

    def forward(x: Any) -> Any:
        return _resample(x, grads.shape[1:3], scale, translation, kernel_type, antialias)

    return jax.linear_transpose(forward, original_image)(grads)[0]


@scale_and_translate.gradient
def _scale_gradient(record: Any, grad: Any) -> Any:
    images, _, scale, translation = record.inputs
    if images.dtype is not float32:
        return None, None, None, None
    return scale_and_translate_grad(grad, images, scale, translation, **record.attrs), None, None, None


@scale_and_translate_grad.gradient
def _scale_grad_gradient(record: Any, grad: Any) -> Any:
    grads, _, scale, translation = record.inputs
    size = get("Shape")(grads)[1:3]
    return scale_and_translate(grad, size, scale, translation, **record.attrs), None, None, None
