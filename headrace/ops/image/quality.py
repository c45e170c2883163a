"""tf.image: how alike two images are, and how much they vary."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from headrace.core.dtypes import float32
from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import get
from headrace.dispatch.tensor import Tensor
from headrace.ops.image.adjusting import convert_image_dtype
from headrace.ops.math.functions import abs as absolute
from headrace.ops.math.functions import cast, reduce_mean, reduce_prod, reduce_sum

_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""The weights of five scales: Wang, Simoncelli and Bovik, 2003."""
_SOBEL = np.array([[[-1, -2, -1], [0, 0, 0], [1, 2, 1]], [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]])


def _pair(a: Any, b: Any, max_val: Any) -> tuple[Tensor, Tensor, Tensor]:
    """Two images and the greatest value as float32.

    Raises:
        ValueError: the shapes do not fit.
    """
    x, y = convert_to_tensor(a), convert_to_tensor(b)
    for one in (x, y):
        if one.shape.rank is not None and one.shape.rank < 3:
            raise ValueError(f"images have at least the dimensions height, width and channels; got shape {one.shape}")
    if not x.shape[-3:].is_compatible_with(y.shape[-3:]):
        raise ValueError(f"both images must have one height, width and number of channels; got shapes {x.shape} and {y.shape}")
    limit = cast(max_val, x.dtype)
    return tuple(convert_image_dtype(v, float32) for v in (x, y, limit))  # type: ignore[return-value]


def psnr(a: Any, b: Any, max_val: Any, name: str | None = None) -> Tensor:
    """The peak signal-to-noise ratio of images, in decibels: one number an image.

    Args:
        a, b: images [..., height, width, channels].
        max_val: the difference between the greatest and the least value that pixels can have.
    """
    x, y, limit = _pair(a, b, max_val)
    error = reduce_mean(get("SquaredDifference")(x, y), [-3, -2, -1])
    log = get("Log")
    return get("Sub")(20 * log(limit) / math.log(10.0), np.float32(10 / math.log(10)) * log(error), name=name)


def _gaussian(size: int, sigma: float) -> Any:
    """A round filter whose weights add up to 1, float32 [size, size]."""
    steps = np.arange(size) - (size - 1) / 2
    weight = np.exp(-0.5 * (steps / sigma) ** 2)
    square = np.outer(weight, weight)
    return (square / square.sum()).astype(np.float32)


def _blurred(x: Tensor, kernel: Any) -> Tensor:
    """Every channel of [..., height, width, channels] filtered, without padding."""
    shape = get("Shape")(x)
    flat = get("Reshape")(x, get("ConcatV2")([[-1], shape[-3:]], 0))
    filters = get("Tile")(kernel[:, :, None, None], get("Pack")([1, 1, shape[-1], 1]))
    y = get("DepthwiseConv2dNative")(flat, filters, strides=[1, 1, 1, 1], padding="VALID")
    blurred: Tensor = get("Reshape")(y, get("ConcatV2")([shape[:-3], get("Shape")(y)[1:]], 0))
    return blurred


def _similarity(x: Tensor, y: Tensor, limit: Any, size: int, sigma: float, k1: float, k2: float) -> tuple[Tensor, Tensor]:
    """The index of each pixel, and its part by contrast and structure."""
    for one in (x, y):
        known = [d for d in one.shape[-3:-1] if d is not None]
        if known and min(known) < size:
            raise InvalidArgumentError(f"images of shape {one.shape} are smaller than the filter of {size} x {size} pixels")
    kernel = _gaussian(size, sigma)
    c1, c2 = (k1 * limit) ** 2, (k2 * limit) ** 2
    mean_x, mean_y = _blurred(x, kernel), _blurred(y, kernel)
    square = get("Square")
    product, squares = mean_x * mean_y * 2.0, square(mean_x) + square(mean_y)
    luminance = (product + c1) / (squares + c1)
    both = _blurred(x * y, kernel) * 2.0
    each = _blurred(square(x) + square(y), kernel)
    structure = (both - product + c2) / (each - squares + c2)
    return luminance * structure, structure


def ssim(
    img1: Any,
    img2: Any,
    max_val: Any,
    filter_size: int = 11,
    filter_sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
    return_index_map: bool = False,
) -> Tensor:
    """The structural similarity of images (Wang and others, 2004): one number an image, 1 for equal images.

    Args:
        img1, img2: images [..., height, width, channels].
        max_val: the difference between the greatest and the least value that pixels can have.
        filter_size: pixels of the Gaussian window.
        filter_sigma: its deviation in pixels.
        k1, k2: the constants of the paper.
        return_index_map: gives the index of every window instead of their mean.
    """
    x, y, limit = _pair(img1, img2, max_val)
    index, _ = _similarity(x, y, limit, filter_size, filter_sigma, k1, k2)
    return reduce_mean(index if return_index_map else reduce_mean(index, [-3, -2]), [-1])


def _halved(x: Tensor) -> Tensor:
    """Half the size; odd sizes are made even by repeating the last row or column."""
    shape = get("Shape")(x)
    flat = get("Reshape")(x, get("ConcatV2")([[-1], shape[-3:]], 0))
    odd = shape[-3:-1] % 2
    flat = get("MirrorPad")(flat, [[0, 0], [0, odd[0]], [0, odd[1]], [0, 0]], mode="SYMMETRIC")
    y = get("AvgPool")(flat, ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding="VALID")
    halved: Tensor = get("Reshape")(y, get("ConcatV2")([shape[:-3], get("Shape")(y)[1:]], 0))
    return halved


def ssim_multiscale(
    img1: Any,
    img2: Any,
    max_val: Any,
    power_factors: Sequence[float] = _WEIGHTS,
    filter_size: int = 11,
    filter_sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
) -> Tensor:
    """The structural similarity over several scales (Wang, Simoncelli and Bovik, 2003): one number an image."""
    x, y, limit = _pair(img1, img2, max_val)
    parts = []
    for scale in range(len(power_factors)):
        if scale:
            x, y = _halved(x), _halved(y)
        index, structure = _similarity(x, y, limit, filter_size, filter_sigma, k1, k2)
        last = scale == len(power_factors) - 1
        parts.append(get("Relu")(reduce_mean(index if last else structure, [-3, -2])))
    powers = get("Pow")(get("Pack")(parts, axis=-1), np.array(power_factors, np.float32))
    return reduce_mean(reduce_prod(powers, [-1]), [-1])


def total_variation(images: Any, name: str | None = None) -> Tensor:
    """The sum of the differences between neighbouring pixels of each image.

    Raises:
        ValueError: the rank is neither 3 nor 4.
    """
    x = convert_to_tensor(images)
    if x.shape.rank not in (3, 4):
        raise ValueError(f"images have 3 or 4 dimensions; got shape {x.shape}")
    axes = None if x.shape.rank == 3 else [1, 2, 3]
    down, across = x[..., 1:, :, :] - x[..., :-1, :, :], x[..., 1:, :] - x[..., :-1, :]
    return reduce_sum(absolute(down), axes) + reduce_sum(absolute(across), axes)


def image_gradients(image: Any) -> tuple[Tensor, Tensor]:
    """The differences to the next row and to the next column; 0 in the last.

    Args:
        image: [batch, height, width, channels].

    Raises:
        ValueError: the rank is not 4.
    """
    x = convert_to_tensor(image)
    if x.shape.rank != 4:
        raise ValueError(f"images have the shape [batch, height, width, channels]; got {x.shape}")
    down, across = x[:, 1:] - x[:, :-1], x[:, :, 1:] - x[:, :, :-1]
    pad = get("Pad")
    return pad(down, [[0, 0], [0, 1], [0, 0], [0, 0]]), pad(across, [[0, 0], [0, 0], [0, 1], [0, 0]])


def sobel_edges(image: Any) -> Tensor:
    """The vertical and horizontal edges of images [batch, height, width, channels]: [batch, height, width, channels, 2]."""
    x = convert_to_tensor(image)
    if x.shape.rank != 4:
        raise ValueError(f"images have the shape [batch, height, width, channels]; got {x.shape}")
    shape = get("Shape")(x)
    kernels = np.transpose(_SOBEL, (1, 2, 0))[:, :, None, :].astype(x.dtype.np_dtype)
    filters = get("Tile")(kernels, get("Pack")([1, 1, shape[-1], 1]))
    padded = get("MirrorPad")(x, [[0, 0], [1, 1], [1, 1], [0, 0]], mode="REFLECT")
    edges = get("DepthwiseConv2dNative")(padded, filters, strides=[1, 1, 1, 1], padding="VALID")
    result: Tensor = get("Reshape")(edges, get("ConcatV2")([shape, [2]], 0))
    return result
