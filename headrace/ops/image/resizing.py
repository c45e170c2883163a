"""Resizing by fixed filters: a filter is a table of source positions and weights for each output position.

Rows and columns are filtered one after the other, so each axis has a table of its own (`Taps`). Tables depend on sizes
alone and are made in numpy; the gradient is the transpose of the same sum.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from headrace.core.dtypes import FLOATING, bfloat16, float16, float32, float64, int8, int16, int32, int64, uint8, uint16
from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.opdef import get, op
from headrace.dispatch.unsized import resized
from headrace.native import images as native

IMAGE = (int8, uint8, int16, uint16, int32, int64, *FLOATING)
"""The dtypes of pixels."""
_FEW = 4
"""Up to so many taps are gathered one by one; more go through a matrix product."""
_STEPS = 1024
"""The cubic filter is tabulated at so many fractions of a pixel."""


class Taps(NamedTuple):
    """For each output position, the source positions [out, n] and their weights [out, n]."""

    places: np.ndarray[Any, Any]
    weight: np.ndarray[Any, Any]


def sizes_of(size: Any) -> tuple[int, int]:
    """A new height and width.

    Raises:
        InvalidArgumentError: `size` is not two positive numbers.
    """
    given = [int(s) for s in np.asarray(size).reshape(-1)]
    if len(given) != 2 or min(given) <= 0:
        raise InvalidArgumentError(f"the size of an image is its height and width, both above 0; got {given}")
    return given[0], given[1]


def check_images(shape: tuple[int, ...]) -> None:
    """Refuses what is no batch of images.

    Raises:
        InvalidArgumentError: the rank is not 4, or an image has no pixels.
    """
    if len(shape) != 4:
        raise InvalidArgumentError(f"images have the shape [batch, height, width, channels]; got {list(shape)}")
    if not shape[1] or not shape[2]:
        raise InvalidArgumentError(f"images need at least one pixel; got shape {list(shape)}")


def _resized_shape(images: tuple[int, ...], size: Any, *_: Any, **__: Any) -> tuple[int, ...]:
    check_images(images)
    return (images[0], *sizes_of(size), images[3])


def _positions(before: int, after: int, align_corners: bool, half_pixel: bool, offset: float = 0.5) -> np.ndarray[Any, Any]:
    """Where each output pixel lies in the source, float32 [after]."""
    if align_corners and half_pixel:
        raise InvalidArgumentError("half_pixel_centers and align_corners exclude each other; set one of them")
    one = np.float32
    scale = one(before - 1) / one(after - 1) if align_corners and after > 1 else one(before) / one(after)
    steps = np.arange(after, dtype=np.float32)
    return (steps + one(0.5)) * scale - one(offset) if half_pixel else steps * scale


def bilinear_taps(before: int, after: int, align_corners: bool, half_pixel_centers: bool) -> Taps:
    """The two neighbours, weighted by nearness."""
    place = _positions(before, after, align_corners, half_pixel_centers)
    floor = np.floor(place)
    upper = np.minimum(np.ceil(place).astype(np.int64), before - 1)
    lower = np.minimum(np.maximum(floor.astype(np.int64), 0), upper)
    share = place - floor
    return Taps(np.stack([lower, upper], 1), np.stack([1 - share, share], 1))


def nearest_taps(before: int, after: int, align_corners: bool, half_pixel_centers: bool) -> Taps:
    """The one nearest pixel (with aligned corners), or the one that the position falls into."""
    place = _positions(before, after, align_corners, half_pixel_centers, 0.0)
    near = np.floor(place + np.float32(0.5)) if align_corners else np.floor(place)
    return Taps(np.clip(near.astype(np.int64), 0, before - 1)[:, None], np.ones((after, 1), np.float32))


def _cubic(a: float) -> np.ndarray[Any, Any]:
    """The cubic filter at the distances 0 to 2 in steps of 1/1024, float32."""
    x = np.arange(2 * _STEPS + 1, dtype=np.float32) / np.float32(_STEPS)
    a = np.float32(a)  # type: ignore[assignment]
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    return np.where(np.arange(x.size) <= _STEPS, near, far).astype(np.float32)


def bicubic_taps(before: int, after: int, align_corners: bool, half_pixel_centers: bool) -> Taps:
    """Four neighbours by a cubic: Keys's where pixels have half-pixel centres, which leaves out what lies beyond the edge."""
    place = _positions(before, after, align_corners, half_pixel_centers)
    start = np.floor(place)
    step = np.rint((place - start) * _STEPS).astype(np.int64)
    table = _cubic(-0.5 if half_pixel_centers else -0.75)
    distance = np.stack([step + _STEPS, step, _STEPS - step, 2 * _STEPS - step], 1)
    weight = table[distance]
    index = start.astype(np.int64)[:, None] + np.arange(-1, 3)
    bounded = np.clip(index, 0, before - 1)
    if half_pixel_centers:
        weight = np.where(index == bounded, weight, np.float32(0))
        total = weight.sum(1, keepdims=True)
        weight = np.where(np.abs(total) > 1000 * np.finfo(np.float32).tiny, weight / np.where(total == 0, 1, total), weight)
    return Taps(bounded, weight.astype(np.float32))


def area_taps(before: int, after: int, align_corners: bool) -> Taps:
    """Every pixel that an output pixel covers, weighted by the covered part."""
    one = np.float32
    scale = one(before - 1) / one(after - 1) if align_corners and after > 1 else one(before) / one(after)
    start = np.arange(after, dtype=np.float32) * scale
    end = np.arange(1, after + 1, dtype=np.float32) * scale
    first = np.floor(start).astype(np.int64)
    most = int(np.max(np.ceil(end).astype(np.int64) - first))
    index = first[:, None] + np.arange(most)
    covered = np.minimum(index + 1, end[:, None]) - np.maximum(index, start[:, None])
    return Taps(np.minimum(index, before - 1), (np.maximum(covered, 0) / scale).astype(np.float32))


def apply_taps(x: Any, taps: Taps, axis: int) -> Any:
    """Filters one axis."""
    if taps.places.shape[1] <= _FEW:
        shape = [1] * x.ndim
        shape[axis] = -1
        parts = [jnp.take(x, i, axis) * w.reshape(shape) for i, w in zip(taps.places.T, taps.weight.T, strict=True)]
        return sum(parts[1:], parts[0])
    matrix = np.zeros((taps.places.shape[0], x.shape[axis]), np.float32)
    np.add.at(matrix, (np.arange(len(matrix))[:, None], taps.places), taps.weight)
    return filter_axis(x, matrix, axis)


def filter_axis(x: Any, matrix: Any, axis: int) -> Any:
    """Multiplies one axis by a matrix [out, in]."""
    product = jnp.tensordot(x, matrix, ((axis,), (1,)), precision=jax.lax.Precision.HIGHEST)
    return jnp.moveaxis(product, -1, axis)


def _filtered(images: Any, rows: Taps, columns: Taps) -> Any:
    return apply_taps(apply_taps(jnp.asarray(images, jnp.float32), columns, 2), rows, 1)


def _filter_on_host(x: Any, taps: Taps, axis: int) -> Any:
    """`apply_taps` in numpy."""
    shape = [1] * x.ndim
    shape[axis] = -1
    if taps.places.shape[1] <= _FEW:
        parts = [np.take(x, i, axis) * w.reshape(shape) for i, w in zip(taps.places.T, taps.weight.T, strict=True)]
        return sum(parts[1:], parts[0])
    first, last = taps.places[:, 0], taps.places[:, -1]
    sums = [np.tensordot(w, x.take(range(a, b + 1), axis), (0, axis)) for a, b, w in zip(first, last, _merged(taps), strict=True)]
    return np.stack(sums, axis)


def _between(x: Any, taps: Taps, axis: int) -> Any:
    """One axis of a bilinear filter, each step rounded as in headrace/native/resize.c."""
    lower, upper = (np.take(x, places, axis) for places in taps.places.T)
    shape = [1] * x.ndim
    shape[axis] = -1
    return lower + (upper - lower) * taps.weight[:, 1].reshape(shape)


def _merged(taps: Taps) -> list[np.ndarray[Any, Any]]:
    """The weights of the source positions from the first to the last of each output position, repeated ones added up."""
    offsets = taps.places - taps.places[:, :1]
    return [np.bincount(o, w).astype(np.float32) for o, w in zip(offsets, taps.weight, strict=True)]


_kept_taps = functools.lru_cache(512)(lambda make, *arguments: make(*arguments))


@functools.lru_cache(512)
def _kept_axis(before: int, after: int, *options: bool) -> native.Axis:
    taps = bilinear_taps(before, after, *options)
    return native.axis_of(taps.places, taps.weight[:, 1])


def _on_host(make: Callable[..., Taps]) -> Callable[..., Any]:
    """A resizing in numpy, or C, for images at hand: nothing is compiled for their size."""

    def resize(images: Any, size: Any, *, align_corners: bool = False, half_pixel_centers: bool = False) -> Any:
        check_images(images.shape)
        options = (align_corners,) if make is area_taps else (align_corners, half_pixel_centers)
        changes = list(zip(images.shape[1:3], sizes_of(size), strict=True))
        if make is bilinear_taps:
            found = native.resized(images, *[_kept_axis(*change, *options) for change in changes])
            if found is not None:
                return found
        rows, columns = (_kept_taps(make, *change, *options) for change in changes)
        if make is bilinear_taps:
            return _between(_between(images.astype(np.float32), columns, 2), rows, 1)
        return _filter_on_host(_filter_on_host(images.astype(np.float32), rows, 1), columns, 2)

    return resize


def _nearest_on_host(images: Any, size: Any, *, align_corners: bool = False, half_pixel_centers: bool = False) -> Any:
    check_images(images.shape)
    for axis, after in zip((1, 2), sizes_of(size), strict=True):
        taps = _kept_taps(nearest_taps, images.shape[axis], after, align_corners, half_pixel_centers)
        images = np.take(images, taps.places[:, 0], axis)
    return images


def _resize(images: Any, size: Any, taps: Callable[..., Taps], *options: bool) -> Any:
    check_images(images.shape)
    height, width = sizes_of(size)
    return _filtered(images, taps(images.shape[1], height, *options), taps(images.shape[2], width, *options))


def _resize_gradient(grads: Any, image: Any, taps: Callable[..., Taps], *options: bool) -> Any:
    """The transpose of `_resize`, in the dtype of the image."""
    source = jax.ShapeDtypeStruct(image.shape, jnp.float32)
    transposed = jax.linear_transpose(lambda x: _resize(x, grads.shape[1:3], taps, *options), source)
    return transposed(grads)[0].astype(image.dtype)


def _like_image(grads: tuple[int, ...], image: tuple[int, ...], *_: Any, **__: Any) -> tuple[int, ...]:
    return image


@op(
    "ResizeBilinear",
    "images: T, size: int32 -> resized_images: float",
    T=IMAGE,
    unsized=resized,
    static=("size",),
    host=_on_host(bilinear_taps),
    shape=_resized_shape,
)
def resize_bilinear(images: Any, size: Any, *, align_corners: bool = False, half_pixel_centers: bool = False) -> Any:
    """Images resized by bilinear interpolation."""
    return _resize(images, size, bilinear_taps, align_corners, half_pixel_centers)


@op(
    "ResizeBilinearGrad",
    "grads: float, original_image: T -> output: T",
    T=(float32, bfloat16, float16, float64),
    shape=_like_image,
)
def resize_bilinear_grad(grads: Any, original_image: Any, *, align_corners: bool = False, half_pixel_centers: bool = False) -> Any:
    """The gradient of ResizeBilinear."""
    return _resize_gradient(grads, original_image, bilinear_taps, align_corners, half_pixel_centers)


@op(
    "ResizeBicubic",
    "images: T, size: int32 -> resized_images: float",
    T=IMAGE,
    unsized=resized,
    static=("size",),
    host=_on_host(bicubic_taps),
    shape=_resized_shape,
)
def resize_bicubic(images: Any, size: Any, *, align_corners: bool = False, half_pixel_centers: bool = False) -> Any:
    """Images resized by cubic interpolation."""
    return _resize(images, size, bicubic_taps, align_corners, half_pixel_centers)


@op("ResizeBicubicGrad", "grads: float, original_image: T -> output: T", T=(float32, float64), shape=_like_image)
def resize_bicubic_grad(grads: Any, original_image: Any, *, align_corners: bool = False, half_pixel_centers: bool = False) -> Any:
    """The gradient of ResizeBicubic."""
    return _resize_gradient(grads, original_image, bicubic_taps, align_corners, half_pixel_centers)


@op(
    "ResizeNearestNeighbor",
    "images: T, size: int32 -> resized_images: T",
    T=IMAGE,
    unsized=resized,
    static=("size",),
    host=_nearest_on_host,
    shape=_resized_shape,
)
def resize_nearest_neighbor(images: Any, size: Any, *, align_corners: bool = False, half_pixel_centers: bool = False) -> Any:
    """Images resized by taking the nearest pixel."""
    check_images(images.shape)
    for axis, after in zip((1, 2), sizes_of(size), strict=True):
        index = nearest_taps(images.shape[axis], after, align_corners, half_pixel_centers).places[:, 0]
        images = jnp.take(images, index, axis)
    return images


@op(
    "ResizeNearestNeighborGrad",
    "grads: T, size: int32 -> output: T",
    T=(uint8, int8, int32, *FLOATING),
    unsized=resized,
    static=("size",),
    shape=_resized_shape,
)
def resize_nearest_neighbor_grad(grads: Any, size: Any, *, align_corners: bool = False, half_pixel_centers: bool = False) -> Any:
    """The gradient of ResizeNearestNeighbor: each pixel's sum over where it went."""
    for axis, before in zip((1, 2), sizes_of(size), strict=True):
        index = nearest_taps(before, grads.shape[axis], align_corners, half_pixel_centers).places[:, 0]
        shape = (*grads.shape[:axis], before, *grads.shape[axis + 1 :])
        place = (slice(None),) * axis + (index,)
        grads = jnp.zeros(shape, grads.dtype).at[place].add(grads)
    return grads


@op(
    "ResizeArea",
    "images: T, size: int32 -> resized_images: float",
    T=IMAGE,
    unsized=resized,
    static=("size",),
    host=_on_host(area_taps),
    shape=_resized_shape,
)
def resize_area(images: Any, size: Any, *, align_corners: bool = False) -> Any:
    """Images resized by averaging the pixels that each new pixel covers."""
    return _resize(images, size, area_taps, align_corners)


def _linear_gradient(name: str, differentiable: tuple[Any, ...]) -> Callable[[Any, Any], Any]:
    def rule(record: Any, grad: Any) -> Any:
        images = record.inputs[0]
        return (get(name)(grad, images, **record.attrs) if images.dtype in differentiable else None), None

    return rule


resize_bilinear.gradient(_linear_gradient("ResizeBilinearGrad", (float32, bfloat16, float16, float64)))
resize_bicubic.gradient(_linear_gradient("ResizeBicubicGrad", (float32, float64)))


@resize_nearest_neighbor.gradient
def _nearest_gradient(record: Any, grad: Any) -> Any:
    images = record.inputs[0]
    return get("ResizeNearestNeighborGrad")(grad, get("Shape")(images)[1:3], **record.attrs), None


@resize_nearest_neighbor_grad.gradient
def _nearest_grad_gradient(record: Any, grad: Any) -> Any:
    size = get("Shape")(record.inputs[0])[1:3]
    return resize_nearest_neighbor(grad, size, **record.attrs), None


def _transposed_gradient(name: str) -> Callable[[Any, Any], Any]:
    """The gradient of a gradient op: the resizing itself; the image counts by its shape alone."""

    def rule(record: Any, grad: Any) -> Any:
        size = get("Shape")(record.inputs[0])[1:3]
        return get(name)(grad, size, **record.attrs), None

    return rule


resize_bilinear_grad.gradient(_transposed_gradient("ResizeBilinear"))
resize_bicubic_grad.gradient(_transposed_gradient("ResizeBicubic"))
