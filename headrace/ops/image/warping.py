"""Images seen through a projective transform."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

from headrace.core.dtypes import FLOATING, int32, int64, uint8
from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.opdef import get, op
from headrace.dispatch.unsized import resized
from headrace.ops.image.resizing import check_images, sizes_of

_PIXELS = (uint8, int32, int64, *FLOATING)


def _reflect(place: Any, length: int) -> Any:
    if length <= 1:
        return jnp.zeros_like(place)
    period = 2.0 * length
    below = jnp.where(place < period, period * jnp.trunc(-place / period) + place, place)
    below = jnp.where(below < -length, below + period, -below - 1)
    above = place - period * jnp.trunc(place / period)
    above = jnp.where(above >= length, period - above - 1, above)
    moved = jnp.where(place < 0, below, jnp.where(place > length - 1, above, place))
    return jnp.clip(moved, 0, length - 1)


def _wrap(place: Any, length: int) -> Any:
    if length <= 1:
        return jnp.zeros_like(place)
    steps = length - 1.0
    below = place + length * (jnp.trunc(-place / steps) + 1)
    above = place - length * jnp.trunc(place / steps)
    moved = jnp.where(place < 0, below, jnp.where(place > length - 1, above, place))
    return jnp.clip(moved, 0, length - 1)


_FILLS: dict[str, Callable[[Any, int], Any]] = {
    "CONSTANT": lambda place, length: place,
    "NEAREST": lambda place, length: jnp.clip(place, 0, length - 1),
    "REFLECT": _reflect,
    "WRAP": _wrap,
}


def _sample(images: Any, y: Any, x: Any, interpolation: str, fill_value: Any) -> Any:
    """The values at positions [batch, rows, columns]."""
    height, width = images.shape[1:3]
    batch = jnp.arange(images.shape[0])[:, None, None]
    wide = jnp.float64 if images.dtype == jnp.float64 else jnp.float32
    fill = jnp.asarray(fill_value, wide)

    def pixels(rows: Any, columns: Any) -> Any:
        there = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
        found = images[batch, jnp.clip(rows, 0, height - 1).astype(int), jnp.clip(columns, 0, width - 1).astype(int)]
        return jnp.where(there[..., None], found.astype(wide), fill)

    if interpolation == "NEAREST":
        return pixels(*(jnp.trunc(p + jnp.copysign(0.5, p)) for p in (y, x)))
    top, left = jnp.floor(y), jnp.floor(x)
    down, across = (y - top)[..., None], (x - left)[..., None]
    upper = (1 - across) * pixels(top, left) + across * pixels(top, left + 1)
    lower = (1 - across) * pixels(top + 1, left) + across * pixels(top + 1, left + 1)
    return (1 - down) * upper + down * lower


def _transform(images: Any, transforms: Any, output_shape: Any, fill_value: Any, interpolation: str, fill_mode: str) -> Any:
    check_images(images.shape)
    rows = transforms.shape[0] if transforms.ndim == 2 else 0
    if transforms.ndim != 2 or transforms.shape[1] != 8 or rows not in (1, images.shape[0]):
        raise InvalidArgumentError(
            f"transforms have the shape [batch or 1, 8] for a batch of {images.shape[0]}; got {list(transforms.shape)}"
        )
    fill, kind = fill_mode.upper(), interpolation.upper()
    if fill not in _FILLS or kind not in ("NEAREST", "BILINEAR"):
        raise InvalidArgumentError(
            f"fill_mode is one of {', '.join(_FILLS)}, interpolation NEAREST or BILINEAR; got {fill_mode!r}, {interpolation!r}"
        )
    height, width = sizes_of(output_shape)
    y = jnp.arange(height, dtype=jnp.float32)[None, :, None]
    x = jnp.arange(width, dtype=jnp.float32)[None, None, :]
    t = [transforms[:, i][:, None, None] for i in range(8)]
    projection = t[6] * x + t[7] * y + 1
    safe = jnp.where(projection == 0, 1, projection)
    across, down = (t[0] * x + t[1] * y + t[2]) / safe, (t[3] * x + t[4] * y + t[5]) / safe
    shape = (images.shape[0], height, width)
    across = jnp.broadcast_to(_FILLS[fill](across, images.shape[2]), shape)
    down = jnp.broadcast_to(_FILLS[fill](down, images.shape[1]), shape)
    value = _sample(images, down, across, kind, fill_value)
    value = jnp.where(jnp.broadcast_to(projection == 0, shape)[..., None], jnp.asarray(fill_value, value.dtype), value)
    return value.astype(images.dtype)


def _transformed_shape(images: tuple[int, ...], transforms: Any, output_shape: Any, *_: Any, **__: Any) -> tuple[int, ...]:
    check_images(images)
    return (images[0], *sizes_of(output_shape), images[3])


@op(
    "ImageProjectiveTransformV2",
    "images: dtype, transforms: float, output_shape: int32 -> transformed_images: dtype",
    dtype=_PIXELS,
    unsized=resized,
    static=("output_shape",),
    shape=_transformed_shape,
)
def image_projective_transform_v2(
    images: Any, transforms: Any, output_shape: Any, *, interpolation: str, fill_mode: str = "CONSTANT"
) -> Any:
    """Images whose pixel (x, y) is the source's at ((ax + by + c) / k, (dx + ey + f) / k), k = gx + hy + 1; 0 outside."""
    return _transform(images, transforms, output_shape, 0.0, interpolation, fill_mode)


@op(
    "ImageProjectiveTransformV3",
    "images: dtype, transforms: float, output_shape: int32, fill_value: float -> transformed_images: dtype",
    dtype=_PIXELS,
    unsized=resized,
    static=("output_shape",),
    shape=_transformed_shape,
)
def image_projective_transform_v3(
    images: Any, transforms: Any, output_shape: Any, fill_value: Any, *, interpolation: str, fill_mode: str = "CONSTANT"
) -> Any:
    """The same with `fill_value` outside."""
    return _transform(images, transforms, output_shape, fill_value, interpolation, fill_mode)


def _inverted(transforms: Any) -> Any:
    """The transforms of the way back, as TensorFlow's gradient has it."""
    ones = get("OnesLike")(transforms[:, :1])
    matrices = get("Reshape")(get("ConcatV2")([transforms, ones], 1), [-1, 3, 3])
    flat = get("Reshape")(get("MatrixInverse")(matrices), [-1, 9])
    return (flat / flat[:, 8:9])[:, :8]


@image_projective_transform_v2.gradient
def _transform_v2_gradient(record: Any, grad: Any) -> Any:
    images, transforms, _ = record.inputs
    size = get("Shape")(images)[1:3]
    return image_projective_transform_v2(grad, _inverted(transforms), size, **record.attrs), None, None


@image_projective_transform_v3.gradient
def _transform_v3_gradient(record: Any, grad: Any) -> Any:
    images, transforms, _, _ = record.inputs
    size = get("Shape")(images)[1:3]
    return image_projective_transform_v3(grad, _inverted(transforms), size, 0.0, **record.attrs), None, None, None
