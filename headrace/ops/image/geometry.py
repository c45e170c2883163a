"""tf.image: flipping, turning, cropping, padding and resizing."""

from __future__ import annotations

from typing import Any, SupportsIndex

from headrace.core.dtypes import float32, float64, int32
from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import get
from headrace.dispatch.tensor import GraphTensor, Tensor

METHODS = ("bilinear", "nearest", "bicubic", "area", "lanczos3", "lanczos5", "gaussian", "mitchellcubic")


class ResizeMethod:
    """The names of the ways to resize."""

    BILINEAR = "bilinear"
    NEAREST_NEIGHBOR = "nearest"
    BICUBIC = "bicubic"
    AREA = "area"
    LANCZOS3 = "lanczos3"
    LANCZOS5 = "lanczos5"
    GAUSSIAN = "gaussian"
    MITCHELLCUBIC = "mitchellcubic"


def require(condition: Any, message: str) -> None:
    """Refuses where a condition is known not to hold; one that is a tensor in a graph cannot be told.

    Raises:
        InvalidArgumentError: with the message.
    """
    if not isinstance(condition, GraphTensor) and not bool(condition):
        raise InvalidArgumentError(message)


def as_batch(image: Any) -> tuple[Tensor, bool]:
    """Images [batch, height, width, channels], and whether one image was given.

    Raises:
        InvalidArgumentError: the rank is neither 3 nor 4.
    """
    x = convert_to_tensor(image)
    if x.shape.rank not in (3, 4):
        raise InvalidArgumentError(
            f"an image has the shape [height, width, channels], images [batch, height, width, channels]; got {x.shape}"
        )
    return (get("ExpandDims")(x, 0), True) if x.shape.rank == 3 else (x, False)


def _unbatched(x: Tensor, single: bool) -> Tensor:
    return get("Squeeze")(x, squeeze_dims=[0]) if single else x


def height_and_width(x: Tensor) -> tuple[Any, Any]:
    """Of images [..., height, width, channels]: ints where known, else tensors."""
    dynamic = get("Shape")(x)
    known = x.shape[-3:-1]
    return tuple(dynamic[i - 3] if d is None else d for i, d in enumerate(known))  # type: ignore[return-value]


def _flip(image: Any, axis: int) -> Tensor:
    x = convert_to_tensor(image)
    if x.shape.rank is not None and x.shape.rank < 3:
        raise InvalidArgumentError(f"images have at least the dimensions height, width and channels; got shape {x.shape}")
    rank = get("Rank")(x) if x.shape.rank is None else x.shape.rank
    flipped: Tensor = get("ReverseV2")(x, [rank + axis])
    return flipped


def flip_left_right(image: Any) -> Tensor:
    """Images [..., height, width, channels] mirrored at the vertical middle."""
    return _flip(image, -2)


def flip_up_down(image: Any) -> Tensor:
    """Images [..., height, width, channels] mirrored at the horizontal middle."""
    return _flip(image, -3)


def transpose(image: Any, name: str | None = None) -> Tensor:
    """Images with rows and columns exchanged."""
    x, single = as_batch(image)
    return _unbatched(get("Transpose")(x, [0, 2, 1, 3], name=name), single)


def rot90(image: Any, k: SupportsIndex = 1, name: str | None = None) -> Tensor:
    """Images turned by k times 90 degrees against the clock.

    Args:
        image: [height, width, channels] or [batch, height, width, channels].
        k: an int, or a scalar tensor that is known when the function is called.
    """
    x, single = as_batch(image)
    turns = k.__index__() % 4
    if turns in (1, 3):
        x = get("Transpose")(x, [0, 2, 1, 3])
    axes = {1: [1], 2: [1, 2], 3: [2]}.get(turns)
    return _unbatched(get("ReverseV2")(x, axes, name=name) if axes else x, single)


def crop_to_bounding_box(image: Any, offset_height: Any, offset_width: Any, target_height: Any, target_width: Any) -> Tensor:
    """The window of `target_height` by `target_width` pixels whose upper left corner is at the offsets.

    Raises:
        InvalidArgumentError: the window is not within the image.
    """
    x, single = as_batch(image)
    height, width = height_and_width(x)
    for offset, target, size, what in (
        (offset_height, target_height, height, "height"),
        (offset_width, target_width, width, "width"),
    ):
        require(offset >= 0, f"offset_{what} must be 0 or more; got {offset}")
        require(target > 0, f"target_{what} must be above 0; got {target}")
        require(target + offset <= size, f"{what} {size} is less than the window's offset {offset} and target {target} together")
    shape = get("Shape")(x)
    cropped = get("Slice")(x, [0, offset_height, offset_width, 0], [shape[0], target_height, target_width, shape[3]])
    return _unbatched(_of_size(cropped, x, target_height, target_width), single)


def pad_to_bounding_box(image: Any, offset_height: Any, offset_width: Any, target_height: Any, target_width: Any) -> Tensor:
    """The image within zeros: its upper left corner at the offsets of a frame of `target_height` by `target_width`.

    Raises:
        InvalidArgumentError: the image does not fit into the frame.
    """
    x, single = as_batch(image)
    height, width = height_and_width(x)
    below, right = target_height - offset_height - height, target_width - offset_width - width
    for offset, rest, target, what in (
        (offset_height, below, target_height, "height"),
        (offset_width, right, target_width, "width"),
    ):
        require(offset >= 0, f"offset_{what} must be 0 or more; got {offset}")
        require(rest >= 0, f"the image of shape {x.shape} at offset {offset} exceeds target_{what} {target}")
    padded = get("Pad")(x, [[0, 0], [offset_height, below], [offset_width, right], [0, 0]])
    return _unbatched(_of_size(padded, x, target_height, target_width), single)


def _of_size(made: Tensor, source: Tensor, height: Any, width: Any) -> Tensor:
    """Images made of others, with what is known of their shape beforehand."""
    known = [None if isinstance(size, Tensor) else int(size) for size in (height, width)]
    made.set_shape([source.shape[0], *known, source.shape[3]])
    return made


def _greater(a: Any, b: Any) -> Any:
    return get("Maximum")(a, b) if isinstance(a, Tensor) or isinstance(b, Tensor) else max(a, b)


def _smaller(a: Any, b: Any) -> Any:
    return get("Minimum")(a, b) if isinstance(a, Tensor) or isinstance(b, Tensor) else min(a, b)


def resize_with_crop_or_pad(image: Any, target_height: Any, target_width: Any) -> Tensor:
    """The middle of the image, cut or put within zeros to the size asked for.

    Raises:
        InvalidArgumentError: a size is not above 0.
    """
    x, single = as_batch(image)
    require(target_height > 0, f"target_height must be above 0; got {target_height}")
    require(target_width > 0, f"target_width must be above 0; got {target_width}")
    height, width = height_and_width(x)
    wider, higher = target_width - width, target_height - height
    cropped = crop_to_bounding_box(
        x,
        _greater(-higher // 2, 0),
        _greater(-wider // 2, 0),
        _smaller(target_height, height),
        _smaller(target_width, width),
    )
    padded = pad_to_bounding_box(cropped, _greater(higher // 2, 0), _greater(wider // 2, 0), target_height, target_width)
    return _unbatched(padded, single)


def central_crop(image: Any, central_fraction: Any) -> Tensor:
    """The middle of the image: `central_fraction` (above 0, up to 1) of its height and width.

    Raises:
        ValueError: the fraction is out of range.
    """
    x, single = as_batch(image)
    if not isinstance(central_fraction, Tensor):
        if not 0.0 < central_fraction <= 1.0:
            raise ValueError(f"central_fraction is above 0 and at most 1; got {central_fraction}")
        if central_fraction == 1.0:
            return convert_to_tensor(image)

    def start(size: Any) -> Any:
        if not isinstance(size, Tensor) and not isinstance(central_fraction, Tensor):
            return int((size - size * central_fraction) / 2)
        cast = get("Cast")
        wide = cast(size, DstT=float64)
        return cast((wide - wide * cast(central_fraction, DstT=float64)) / 2, DstT=int32)

    height, width = height_and_width(x)
    top, left = start(height), start(width)
    return _unbatched(crop_to_bounding_box(x, top, left, height - top * 2, width - left * 2), single)


def _fitting(size: Any, x: Tensor) -> Any:
    """The greatest size within `size` that keeps the shape of the images."""
    cast, wanted = get("Cast"), get("Cast")(size, DstT=float32)
    present = cast(get("Shape")(x)[1:3], DstT=float32)
    scale = wanted / present
    return cast(get("Rint")(get("Minimum")(scale[0], scale[1]) * present), DstT=int32)


def resize(
    images: Any,
    size: Any,
    method: str = "bilinear",
    preserve_aspect_ratio: bool = False,
    antialias: bool = False,
    name: str | None = None,
) -> Tensor:
    """Images of another size.

    Args:
        images: [height, width, channels] or [batch, height, width, channels].
        size: the new height and width.
        method: one of `ResizeMethod`.
        preserve_aspect_ratio: `size` is then the most that height and width may be.
        antialias: smooths before making smaller; without effect for `nearest` and `area`.

    Returns:
        float32, or the dtype of the images for `nearest`.

    Raises:
        ValueError: the method has no such name.
    """
    if method not in METHODS:
        raise ValueError(f"method is one of {', '.join(METHODS)}; got {method!r}")
    x, single = as_batch(images)
    wanted = convert_to_tensor(size, int32)
    if wanted.shape.rank is not None and wanted.shape != (2,):
        raise ValueError(f"size is a vector of two integers, the new height and width; got shape {wanted.shape}")
    if preserve_aspect_ratio:
        wanted = _fitting(wanted, x)
    if method == "nearest":
        return _unbatched(get("ResizeNearestNeighbor")(x, wanted, half_pixel_centers=True, name=name), single)
    if method == "area":
        return _unbatched(get("ResizeArea")(x, wanted, name=name), single)
    if method in ("bilinear", "bicubic") and not antialias:
        fixed = get("ResizeBilinear" if method == "bilinear" else "ResizeBicubic")
        return _unbatched(fixed(x, wanted, half_pixel_centers=True, name=name), single)
    cast = get("Cast")
    scale = cast(wanted, DstT=float32) / cast(get("Shape")(x)[1:3], DstT=float32)
    kernel = {"bilinear": "triangle", "bicubic": "keyscubic"}.get(method, method)
    resampled = get("ScaleAndTranslate")(x, wanted, scale, [0.0, 0.0], kernel_type=kernel, antialias=antialias, name=name)
    return _unbatched(resampled, single)


def resize_with_pad(image: Any, target_height: Any, target_width: Any, method: str = "bilinear", antialias: bool = False) -> Tensor:
    """The image resized to fit, its shape kept, in the middle of a frame of zeros.

    Raises:
        InvalidArgumentError: a size is not above 0.
    """
    x, single = as_batch(image)
    require(target_height > 0, f"target_height must be above 0; got {target_height}")
    require(target_width > 0, f"target_width must be above 0; got {target_width}")
    cast = get("Cast")
    present = cast(get("Shape")(x)[1:3], DstT=float32)
    target = cast(get("Pack")([target_height, target_width]), DstT=float32)
    ratios = present / target
    fitted = present / get("Maximum")(ratios[0], ratios[1])
    offsets = get("Maximum")(cast(get("Floor")((target - fitted) / 2), DstT=int32), 0)
    resized = resize(x, cast(get("Floor")(fitted), DstT=int32), method, antialias=antialias)
    return _unbatched(pad_to_bounding_box(resized, offsets[0], offsets[1], target_height, target_width), single)
