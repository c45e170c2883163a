"""Boxes drawn on images."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from headrace.core.dtypes import float16, float32
from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.opdef import op
from headrace.ops.image.resizing import check_images

_COLOURS = np.array(
    [
        [1, 1, 0, 1],
        [0, 0, 1, 1],
        [1, 0, 0, 1],
        [0, 1, 0, 1],
        [0.5, 0, 0.5, 1],
        [0.5, 0.5, 0, 1],
        [0.5, 0, 0, 1],
        [0, 0, 0.5, 1],
        [0, 1, 1, 1],
        [1, 0, 1, 1],
    ],
    np.float32,
)
"""The colours (RGBA) of boxes when none are given, in turn."""


def _check(images: Any, boxes: Any, colors: Any) -> None:
    check_images(images)
    if len(boxes) != 3 or boxes[2] != 4 or boxes[0] != images[0]:
        raise InvalidArgumentError(f"boxes have the shape [batch, n, 4]; got {list(boxes)} for images {list(images)}")
    if images[3] not in (1, 3, 4) or (len(colors) == 2 and colors[0] and colors[1] < images[3]):
        raise InvalidArgumentError(
            f"images have 1, 3 or 4 channels and colors as many; got images {list(images)} and colors {list(colors)}"
        )


def _draw(images: Any, boxes: Any, colors: Any) -> Any:
    _check(images.shape, boxes.shape, colors.shape)
    height, width, depth = images.shape[1:]
    row, column = jnp.arange(height)[None, :, None], jnp.arange(width)[None, None, :]
    ends = jnp.trunc(boxes.astype(jnp.float32) * jnp.float32([height - 1, width - 1, height - 1, width - 1])).astype(jnp.int64)

    def one(number: Any, canvas: Any) -> Any:
        top, left, bottom, right = (ends[:, number, i][:, None, None] for i in range(4))
        seen = (top <= bottom) & (left <= right) & (top < height) & (bottom >= 0) & (left < width) & (right >= 0)
        within = (row >= top) & (row <= bottom) & (column >= left) & (column <= right)
        edge = (row == top) | (row == bottom) | (column == left) | (column == right)
        colour = colors[number % colors.shape[0], :depth].astype(canvas.dtype)
        return jnp.where((seen & within & edge)[..., None], colour, canvas)

    return jax.lax.fori_loop(0, boxes.shape[1], one, images)


def _drawn_shape(images: tuple[int, ...], boxes: tuple[int, ...], colors: tuple[int, ...] = (), **_: Any) -> tuple[int, ...]:
    _check(images, boxes, colors)
    return images


def _default_colours(depth: int) -> Any:
    table = _COLOURS.copy()
    if depth == 1:
        table[:, 0] = 1
    return jnp.asarray(table)


@op("DrawBoundingBoxes", "images: T, boxes: float -> output: T", T=(float32, float16), shape=_drawn_shape, differentiable=False)
def draw_bounding_boxes_v1(images: Any, boxes: Any) -> Any:
    """Images with the edges of boxes (relative corners y1, x1, y2, x2) drawn in ten colours in turn."""
    return _draw(images, boxes, _default_colours(images.shape[-1]))


@op(
    "DrawBoundingBoxesV2",
    "images: T, boxes: float, colors: float -> output: T",
    T=(float32, float16),
    shape=_drawn_shape,
    differentiable=False,
)
def draw_bounding_boxes_v2(images: Any, boxes: Any, colors: Any) -> Any:
    """Images with the edges of boxes drawn in the given colours [n, channels] in turn."""
    given = colors if colors.ndim == 2 and colors.shape[0] else _default_colours(images.shape[-1])
    return _draw(images, boxes, given)
