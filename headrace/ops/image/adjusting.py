"""tf.image: dtypes, brightness, contrast, gamma, hue, saturation, grey and other colour spaces."""

from __future__ import annotations

from typing import Any

import numpy as np

from headrace.core.dtypes import as_dtype, float16, float32, int32, uint8
from headrace.core.errors import InvalidArgumentError
from headrace.dispatch import context
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import OpDef, get
from headrace.dispatch.tensor import Tensor
from headrace.ops.math.functions import cast, reduce_mean, reduce_prod, reduce_std, saturate_cast

_GREY = np.array([[0.2989], [0.587], [0.114]])
_TO_YIQ = np.array([[0.299, 0.59590059, 0.2115], [0.587, -0.27455667, -0.52273617], [0.114, -0.32134392, 0.31119955]])
_FROM_YIQ = np.array([[1, 1, 1], [0.95598634, -0.27201283, -1.10674021], [0.6208248, -0.64720424, 1.70423049]])
_TO_YUV = np.array([[0.299, -0.14714119, 0.61497538], [0.587, -0.28886916, -0.51496512], [0.114, 0.43601035, -0.10001026]])
_FROM_YUV = np.array([[1, 1, 1], [0, -0.394642334, 2.03206185], [1.13988303, -0.58062185, 0]])


def convert_image_dtype(image: Any, dtype: Any, saturate: bool = False, name: str | None = None) -> Tensor:
    """Images in another dtype, their values scaled: floats are 0 to 1, integers 0 to their greatest.

    Args:
        image: any real dtype.
        dtype: the dtype wanted.
        saturate: values out of range become the nearest in range.
    """
    x, wanted = convert_to_tensor(image), as_dtype(dtype)
    for kind in (x.dtype, wanted):
        if not (kind.is_floating or kind.is_integer):
            raise TypeError(f"images are floating or integer; got {kind.name}")
    if x.dtype is wanted:
        return get("Identity")(x, name=name)
    change = saturate_cast if saturate else cast
    if x.dtype.is_floating:
        return cast(x, wanted) if wanted.is_floating else change(get("Mul")(x, wanted.max + 0.5), wanted)
    if wanted.is_floating:
        return get("Mul")(cast(x, wanted), 1.0 / x.dtype.max)
    if x.dtype.max > wanted.max:
        return change(get("FloorDiv")(x, (x.dtype.max + 1) // (wanted.max + 1)), wanted)
    return get("Mul")(change(x, wanted), (wanted.max + 1) // (x.dtype.max + 1))


def _as_float(image: Any) -> tuple[Tensor, Tensor]:
    """The image, and the same as float16 or float32."""
    x = convert_to_tensor(image)
    return x, x if x.dtype in (float16, float32) else convert_image_dtype(x, float32)


def adjust_brightness(image: Any, delta: Any) -> Tensor:
    """Adds `delta` (as a share of the full range) to every pixel."""
    x, y = _as_float(image)
    return convert_image_dtype(y + cast(delta, y.dtype), x.dtype, saturate=True)


def adjust_contrast(images: Any, contrast_factor: Any) -> Tensor:
    """Moves every pixel from its channel's mean by a factor."""
    x, y = _as_float(images)
    return convert_image_dtype(get("AdjustContrastv2")(y, contrast_factor), x.dtype, saturate=True)


def adjust_gamma(image: Any, gamma: Any = 1, gain: Any = 1) -> Tensor:
    """gain * image ** gamma, of pixels as 0 to 1.

    Raises:
        ValueError: gamma is negative.
    """
    if not isinstance(gamma, Tensor) and gamma < 0:
        raise ValueError(f"gamma is 0 or more; got {gamma}")
    x, y = _as_float(image)
    return convert_image_dtype(gain * y**gamma, x.dtype, saturate=True)


def _adjust(definition: OpDef, image: Any, amount: Any, name: str | None) -> Tensor:
    x, y = _as_float(image)
    return convert_image_dtype(definition(y, amount, name=name), x.dtype)


def adjust_hue(image: Any, delta: Any, name: str | None = None) -> Tensor:
    """Turns the hue by a share of the circle, -1 to 1.

    Raises:
        ValueError: `delta` is out of range.
    """
    if context.executing_eagerly() and not -1 <= float(delta) <= 1:
        raise ValueError(f"delta is between -1 and 1; got {float(delta):g}")
    return _adjust(get("AdjustHue"), image, delta, name)


def adjust_saturation(image: Any, saturation_factor: Any, name: str | None = None) -> Tensor:
    """Multiplies the saturation."""
    return _adjust(get("AdjustSaturation"), image, saturation_factor, name)


def adjust_jpeg_quality(image: Any, jpeg_quality: Any, dct_method: str = "", name: str | None = None) -> Tensor:
    """The image as it looks after JPEG encoding of a quality, 0 to 100."""
    x = convert_to_tensor(image)
    encoded = get("EncodeJpegVariableQuality")(convert_image_dtype(x, uint8, saturate=True), convert_to_tensor(jpeg_quality, int32))
    decoded = get("DecodeJpeg")(encoded, channels=x.shape[-1] or 0, dct_method=dct_method, name=name)
    return convert_image_dtype(decoded, x.dtype, saturate=True)


def rgb_to_grayscale(images: Any, name: str | None = None) -> Tensor:
    """The brightness of RGB images, [..., 1]."""
    x = convert_to_tensor(images)
    if x.shape.rank is not None and (not x.shape.rank or x.shape[-1] not in (3, None)):
        raise InvalidArgumentError(f"the last dimension of colour images is 3; got shape {x.shape}")
    grey = _mixed(convert_image_dtype(x, float32), _GREY)
    return convert_image_dtype(grey, x.dtype, name=name)


def grayscale_to_rgb(images: Any, name: str | None = None) -> Tensor:
    """Grey images [..., 1] with their channel repeated to [..., 3].

    Raises:
        ValueError: the last dimension is not 1.
    """
    x = convert_to_tensor(images)
    if x.shape.rank is None or not x.shape.rank or x.shape[-1] not in (1, None):
        raise ValueError(f"the last dimension of grey images is 1; got shape {x.shape}")
    return get("Tile")(x, [1] * (x.shape.rank - 1) + [3], name=name)


def _mixed(images: Tensor, matrix: Any) -> Tensor:
    """Channels multiplied by a matrix [channels, new channels]."""
    kernel = convert_to_tensor(matrix.astype(images.dtype.np_dtype))
    if images.shape.rank == 2:
        return get("MatMul")(images, kernel)
    shape = get("Shape")(images)
    flat = get("MatMul")(get("Reshape")(images, [-1, matrix.shape[0]]), kernel)
    mixed: Tensor = get("Reshape")(flat, get("ConcatV2")([shape[:-1], [matrix.shape[1]]], 0))
    return mixed


def rgb_to_yiq(images: Any) -> Tensor:
    """Brightness and two colour axes of the NTSC system from RGB images."""
    return _mixed(convert_to_tensor(images), _TO_YIQ)


def yiq_to_rgb(images: Any) -> Tensor:
    """RGB from images in YIQ."""
    return _mixed(convert_to_tensor(images), _FROM_YIQ)


def rgb_to_yuv(images: Any) -> Tensor:
    """Brightness and two colour differences from RGB images."""
    return _mixed(convert_to_tensor(images), _TO_YUV)


def yuv_to_rgb(images: Any) -> Tensor:
    """RGB from images in YUV."""
    return _mixed(convert_to_tensor(images), _FROM_YUV)


def per_image_standardization(image: Any) -> Tensor:
    """Every image [height, width, channels] with mean 0 and variance 1, float32; the deviation counts as at least n ** -0.5."""
    x = cast(image, float32)
    if x.shape.rank is not None and x.shape.rank < 3:
        raise InvalidArgumentError(f"images have at least the dimensions height, width and channels; got shape {x.shape}")
    axes = [-1, -2, -3]
    least = get("Rsqrt")(cast(reduce_prod(get("Shape")(x)[-3:]), float32))
    deviation = get("Maximum")(reduce_std(x, axes, keepdims=True), least)
    return get("RealDiv")(x - reduce_mean(x, axes, keepdims=True), deviation)
