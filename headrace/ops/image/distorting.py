"""tf.image: random flips, crops and colours, from the global generator or decided by a seed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from headrace.core.dtypes import float32, int32
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import get
from headrace.dispatch.tensor import Tensor
from headrace.ops.image import adjusting
from headrace.ops.image.geometry import flip_left_right, flip_up_down, require
from headrace.ops.math.functions import cast, reduce_all
from headrace.ops.random.functions import stateless_uniform, uniform

Draw = Callable[..., Tensor]


def _free(seed: int | None) -> Draw:
    """Uniform numbers that differ from call to call."""
    return lambda shape, low, high, dtype=float32: uniform(shape, low, high, dtype, seed=seed)


def _decided(seed: Any) -> Draw:
    """Uniform numbers that the seed decides."""
    return lambda shape, low, high, dtype=float32: stateless_uniform(shape, seed, low, high, dtype)


def _amount(draw: Draw, low: float, high: float) -> Tensor:
    return draw([], low, high)


def _factor(draw: Draw, lower: float, upper: float) -> Tensor:
    """A factor between `lower` and `upper`.

    Raises:
        ValueError: the range is empty or below 0.
    """
    if upper <= lower or lower < 0:
        raise ValueError(f"lower is 0 or more and upper above it; got lower {lower} and upper {upper}")
    return _amount(draw, lower, upper)


def _delta(draw: Draw, max_delta: float, most: float = float("inf")) -> Tensor:
    if not 0 <= max_delta <= most:
        raise ValueError(f"max_delta is between 0 and {most}; got {max_delta}")
    return _amount(draw, -max_delta, max_delta)


def _flipped(image: Any, flip: Callable[[Any], Tensor], draw: Draw) -> Tensor:
    """One image, or each of a batch, flipped with probability one half."""
    x = convert_to_tensor(image)
    if x.shape.rank not in (3, 4):
        raise ValueError(f"images have 3 or 4 dimensions; got shape {x.shape}")
    if x.shape.rank == 3:
        return get("SelectV2")(get("Less")(draw([], 0, 1.0), 0.5), flip(x), x)
    chosen = get("Round")(draw(get("Shape")(x)[:1], 0, 1.0))
    return get("SelectV2")(get("Equal")(chosen, 1.0)[:, None, None, None], flip(x), x)


def random_flip_left_right(image: Any, seed: int | None = None) -> Tensor:
    """Images mirrored left to right with probability one half, each for itself."""
    return _flipped(image, flip_left_right, _free(seed))


def random_flip_up_down(image: Any, seed: int | None = None) -> Tensor:
    """Images mirrored top to bottom with probability one half, each for itself."""
    return _flipped(image, flip_up_down, _free(seed))


def stateless_random_flip_left_right(image: Any, seed: Any) -> Tensor:
    """The same as the seed decides."""
    return _flipped(image, flip_left_right, _decided(seed))


def stateless_random_flip_up_down(image: Any, seed: Any) -> Tensor:
    """The same as the seed decides."""
    return _flipped(image, flip_up_down, _decided(seed))


def random_brightness(image: Any, max_delta: float, seed: int | None = None) -> Tensor:
    """`adjust_brightness` by -max_delta to max_delta."""
    return adjusting.adjust_brightness(image, _delta(_free(seed), max_delta))


def stateless_random_brightness(image: Any, max_delta: float, seed: Any) -> Tensor:
    """The same as the seed decides."""
    return adjusting.adjust_brightness(image, _delta(_decided(seed), max_delta))


def random_contrast(image: Any, lower: float, upper: float, seed: int | None = None) -> Tensor:
    """`adjust_contrast` by lower to upper."""
    return adjusting.adjust_contrast(image, _factor(_free(seed), lower, upper))


def stateless_random_contrast(image: Any, lower: float, upper: float, seed: Any) -> Tensor:
    """The same as the seed decides."""
    return adjusting.adjust_contrast(image, _factor(_decided(seed), lower, upper))


def random_hue(image: Any, max_delta: float, seed: int | None = None) -> Tensor:
    """`adjust_hue` by -max_delta to max_delta, which is at most one half."""
    return adjusting.adjust_hue(image, _delta(_free(seed), max_delta, 0.5))


def stateless_random_hue(image: Any, max_delta: float, seed: Any) -> Tensor:
    """The same as the seed decides."""
    return adjusting.adjust_hue(image, _delta(_decided(seed), max_delta, 0.5))


def random_saturation(image: Any, lower: float, upper: float, seed: int | None = None) -> Tensor:
    """`adjust_saturation` by lower to upper."""
    return adjusting.adjust_saturation(image, _factor(_free(seed), lower, upper))


def stateless_random_saturation(image: Any, lower: float, upper: float, seed: Any = None) -> Tensor:
    """The same as the seed decides."""
    return adjusting.adjust_saturation(image, _factor(_decided(seed), lower, upper))


def _jpeg(image: Any, low: int, high: int, draw: Draw) -> Tensor:
    if not 0 <= low < high <= 100:
        raise ValueError(f"qualities are 0 to 100, the least below the greatest; got {low} and {high}")
    return adjusting.adjust_jpeg_quality(image, draw([], low, high, int32))


def random_jpeg_quality(image: Any, min_jpeg_quality: int, max_jpeg_quality: int, seed: int | None = None) -> Tensor:
    """`adjust_jpeg_quality` by a quality from the least up to below the greatest."""
    return _jpeg(image, min_jpeg_quality, max_jpeg_quality, _free(seed))


def stateless_random_jpeg_quality(image: Any, min_jpeg_quality: int, max_jpeg_quality: int, seed: Any) -> Tensor:
    """The same as the seed decides."""
    return _jpeg(image, min_jpeg_quality, max_jpeg_quality, _decided(seed))


def _cropped(value: Any, size: Any, draw: Draw, name: str | None) -> Tensor:
    x = convert_to_tensor(value)
    wanted = convert_to_tensor(size, int32)
    shape = get("Shape")(x)
    require(reduce_all(get("GreaterEqual")(shape, wanted)), f"size {size} exceeds the shape {x.shape} that it is cut from")
    offsets = draw(get("Shape")(shape), 0, int32.max, int32) % (shape - wanted + 1)
    return get("Slice")(x, cast(offsets, int32), wanted, name=name)


def random_crop(value: Any, size: Any, seed: int | None = None, name: str | None = None) -> Tensor:
    """A piece of shape `size` cut from anywhere in a tensor."""
    return _cropped(value, size, _free(seed), name)


def stateless_random_crop(value: Any, size: Any, seed: Any, name: str | None = None) -> Tensor:
    """The same as the seed decides."""
    return _cropped(value, size, _decided(seed), name)
