"""Boxes cut out of images: CropAndResize and ExtractGlimpse."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from headrace.core.dtypes import DType, float16, float32, float64, int8, int16, int32, int64, uint8, uint16
from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.opdef import get, op
from headrace.dispatch.unsized import sized_by
from headrace.ops.image.resizing import check_images, sizes_of

_PIXELS = (uint8, uint16, int8, int16, int32, int64, float16, float32, float64)


def _places(low: Any, high: Any, before: int, after: int) -> Any:
    """Positions in the image [boxes, after] of the pixels of each crop."""
    low, high = low[:, None], high[:, None]
    if after == 1:
        return 0.5 * (low + high) * (before - 1)
    steps = jnp.arange(after, dtype=jnp.float32)
    return low * (before - 1) + steps * ((high - low) * (before - 1) / (after - 1))


def _crop(image: Any, boxes: Any, box_ind: Any, size: tuple[int, int], method: str, outside_value: float) -> Any:
    check_images(image.shape)
    if boxes.ndim != 2 or boxes.shape[1] != 4 or box_ind.shape != boxes.shape[:1]:
        raise InvalidArgumentError(
            f"boxes have the shape [n, 4] and their image numbers [n]; got {list(boxes.shape)} and {list(box_ind.shape)}"
        )
    if method not in ("bilinear", "nearest"):
        raise InvalidArgumentError(f"method is bilinear or nearest; got {method!r}")
    batch, height, width = image.shape[:3]
    y, x = _places(boxes[:, 0], boxes[:, 2], height, size[0]), _places(boxes[:, 1], boxes[:, 3], width, size[1])
    inside_y, inside_x = (y >= 0) & (y <= height - 1), (x >= 0) & (x <= width - 1)
    inside = (inside_y[:, :, None] & inside_x[:, None, :])[..., None]
    which = box_ind[:, None, None]

    def pixels(rows: Any, columns: Any) -> Any:
        rows, columns = jnp.clip(rows, 0, height - 1)[:, :, None], jnp.clip(columns, 0, width - 1)[:, None, :]
        return image[which, rows.astype(jnp.int32), columns.astype(jnp.int32)].astype(jnp.float32)

    if method == "nearest":
        # Halves are rounded away from 0, and positions are not negative.
        value = pixels(jnp.floor(y + 0.5), jnp.floor(x + 0.5))
    else:
        (top, bottom), (left, right) = ((jnp.floor(p), jnp.ceil(p)) for p in (y, x))
        down, across = (y - top)[:, :, None, None], (x - left)[:, None, :, None]
        upper = pixels(top, left) * (1 - across) + pixels(top, right) * across
        lower = pixels(bottom, left) * (1 - across) + pixels(bottom, right) * across
        value = upper * (1 - down) + lower * down
    there = ((box_ind >= 0) & (box_ind < batch))[:, None, None, None]
    return jnp.where(there, jnp.where(inside, value, jnp.float32(outside_value)), jnp.float32(0))


def _check_indices(image: Any, boxes: Any, box_ind: Any, crop_size: Any, **_: Any) -> Any:
    """Refuses image numbers out of range where they are at hand; the kernel does the rest."""
    if isinstance(box_ind, np.ndarray) and box_ind.size and not (box_ind.min() >= 0 and box_ind.max() < image.shape[0]):
        raise InvalidArgumentError(f"box_indices must be 0 to {image.shape[0] - 1}, for a batch of {image.shape[0]}; got {box_ind}")
    return NotImplemented


def _crop_shape(image: tuple[int, ...], boxes: tuple[int, ...], box_ind: tuple[int, ...], crop_size: Any, **_: Any) -> Any:
    check_images(image)
    return (boxes[0], *sizes_of(crop_size), image[3])


@op(
    "CropAndResize",
    "image: T, boxes: float, box_ind: int32, crop_size: int32 -> crops: float",
    T=_PIXELS,
    unsized=lambda image, boxes, *_, **__: (boxes.shape[0], None, None, image.shape[3]),
    static=("crop_size",),
    shape=_crop_shape,
    eager=_check_indices,
)
def crop_and_resize_op(
    image: Any, boxes: Any, box_ind: Any, crop_size: Any, *, method: str = "bilinear", extrapolation_value: float = 0.0
) -> Any:
    """Boxes [n, 4] in relative corners (y1, x1, y2, x2), each cut out of its image and resized to `crop_size`."""
    return _crop(image, boxes, box_ind, sizes_of(crop_size), method, extrapolation_value)


def _image_shape(grads: Any, boxes: Any, box_ind: Any, image_size: Any, **_: Any) -> tuple[int, ...]:
    return tuple(int(d) for d in image_size)


@op(
    "CropAndResizeGradImage",
    "grads: float, boxes: float, box_ind: int32, image_size: int32 -> output: T",
    T=(float32, float16, float64),
    unsized=sized_by(3),
    static=("image_size",),
    shape=_image_shape,
)
def crop_and_resize_grad_image(grads: Any, boxes: Any, box_ind: Any, image_size: Any, *, T: DType, method: str = "bilinear") -> Any:
    """The gradient of CropAndResize with respect to the images."""
    source = jax.ShapeDtypeStruct(tuple(int(d) for d in image_size), jnp.float32)
    transposed = jax.linear_transpose(lambda x: _crop(x, boxes, box_ind, grads.shape[1:3], method, 0.0), source)
    return transposed(grads)[0].astype(T.np_dtype)


def _boxes_shape(grads: Any, image: Any, boxes: tuple[int, ...], *_: Any, **__: Any) -> tuple[int, ...]:
    return boxes


@op(
    "CropAndResizeGradBoxes",
    "grads: float, image: T, boxes: float, box_ind: int32 -> output: float",
    T=_PIXELS,
    shape=_boxes_shape,
    differentiable=False,
)
def crop_and_resize_grad_boxes(grads: Any, image: Any, boxes: Any, box_ind: Any, *, method: str = "bilinear") -> Any:
    """The gradient of CropAndResize with respect to the boxes."""
    _, pull = jax.vjp(lambda b: _crop(image, b, box_ind, grads.shape[1:3], method, 0.0), boxes)
    return pull(grads)[0]


@crop_and_resize_op.gradient
def _crop_gradient(record: Any, grad: Any) -> Any:
    image, boxes, box_ind, _ = record.inputs
    of_image = None
    if image.dtype in (float16, float32, float64):
        size = get("Shape")(image)
        of_image = crop_and_resize_grad_image(grad, boxes, box_ind, size, T=image.dtype, method=record.attrs["method"])
    return of_image, crop_and_resize_grad_boxes(grad, image, boxes, box_ind), None, None


@crop_and_resize_grad_image.gradient
def _grad_image_gradient(record: Any, grad: Any) -> Any:
    grads, boxes, box_ind, _ = record.inputs
    size = get("Shape")(grads)[1:3]
    return crop_and_resize_op(grad, boxes, box_ind, size, method=record.attrs["method"]), None, None, None
