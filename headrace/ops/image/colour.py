"""Colour: between RGB and HSV, and the adjustments of contrast, hue and saturation."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from headrace.core.dtypes import FLOATING, float16, float32
from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.opdef import op


def _check_rgb(shape: tuple[int, ...]) -> None:
    if not shape or shape[-1] != 3:
        raise InvalidArgumentError(f"the last dimension of colour images is 3; got shape {list(shape)}")


def _colour_shape(images: tuple[int, ...], *_: Any, **__: Any) -> tuple[int, ...]:
    _check_rgb(images)
    return images


def _to_hsv(images: Any) -> Any:
    red, green, blue = (images[..., i] for i in range(3))
    value, least = jnp.max(images, -1), jnp.min(images, -1)
    spread = value - least
    saturation = jnp.where(value > 0, spread / jnp.where(value > 0, value, 1), 0)
    unit = 1 / (6 * jnp.where(spread > 0, spread, 1))
    by_green = unit * (blue - red) + 2 / 6
    by_blue = unit * (red - green) + 4 / 6
    hue = jnp.where(red == value, unit * (green - blue), jnp.where(green == value, by_green, by_blue))
    hue = jnp.where(spread > 0, hue, 0)
    return jnp.stack([jnp.where(hue < 0, hue + 1, hue), saturation, value], -1).astype(images.dtype)


def _to_rgb(images: Any) -> Any:
    hue, saturation, value = (images[..., i] for i in range(3))
    turn = hue * 6
    parts = (jnp.abs(turn - 3) - 1, 2 - jnp.abs(turn - 2), 2 - jnp.abs(turn - 4))
    channels = [(1 - saturation + saturation * jnp.clip(part, 0, 1)) * value for part in parts]
    return jnp.stack(channels, -1).astype(images.dtype)


@op("RGBToHSV", "images: T -> output: T", T=FLOATING, shape=_colour_shape)
def rgb_to_hsv(images: Any) -> Any:
    """Hue, saturation and value (each 0 to 1) of RGB images."""
    _check_rgb(images.shape)
    return _to_hsv(images)


@op("HSVToRGB", "images: T -> output: T", T=FLOATING, shape=_colour_shape)
def hsv_to_rgb(images: Any) -> Any:
    """RGB of images in hue, saturation and value."""
    _check_rgb(images.shape)
    return _to_rgb(images)


def _contrast_shape(images: tuple[int, ...], factor: tuple[int, ...], **_: Any) -> tuple[int, ...]:
    if len(images) < 3:
        raise InvalidArgumentError(f"images have the shape [..., height, width, channels]; got {list(images)}")
    return images


@op("AdjustContrastv2", "images: T, contrast_factor: float -> output: T", T=(float16, float32), shape=_contrast_shape)
def adjust_contrast_op(images: Any, contrast_factor: Any) -> Any:
    """Moves every pixel from its channel's mean by a factor."""
    _contrast_shape(images.shape, contrast_factor.shape)
    x = images.astype(jnp.float32)
    mean = jnp.mean(x, (-3, -2), keepdims=True)
    return ((x - mean) * contrast_factor + mean).astype(images.dtype)


@op("AdjustHue", "images: T, delta: float -> output: T", T=(float16, float32), shape=_colour_shape)
def adjust_hue_op(images: Any, delta: Any) -> Any:
    """Turns the hue of RGB images by a share of the circle."""
    _check_rgb(images.shape)
    hsv = _to_hsv(images.astype(jnp.float32))
    hue = jnp.mod(hsv[..., :1] + delta, 1.0)
    return _to_rgb(jnp.concatenate([hue, hsv[..., 1:]], -1)).astype(images.dtype)


@op("AdjustSaturation", "images: T, scale: float -> output: T", T=(float16, float32), shape=_colour_shape)
def adjust_saturation_op(images: Any, scale: Any) -> Any:
    """Multiplies the saturation of RGB images, kept within 0 and 1."""
    _check_rgb(images.shape)
    hsv = _to_hsv(images.astype(jnp.float32))
    saturation = jnp.clip(hsv[..., 1:2] * scale, 0, 1)
    return _to_rgb(jnp.concatenate([hsv[..., :1], saturation, hsv[..., 2:]], -1)).astype(images.dtype)
