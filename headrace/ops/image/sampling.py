"""Random crops that keep enough of an object in sight (Szegedy and others, 2014)."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from headrace.core.dtypes import INDEX, int8, int16, int32, int64, uint8
from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.opdef import Floats, get, op
from headrace.dispatch.tensor import Tensor
from headrace.ops.random import philox
from headrace.ops.random.stateless import key_and_counter

_KINDS = (uint8, int8, int16, int32, int64)
_RESULTS = "begin: T, size: T, bboxes: float"
_RATIOS, _AREAS = (0.75, 1.33), (0.05, 1.0)
_SPARE = 32
"""Random words beyond four an attempt: a word that would make one number likelier than another is passed over."""


class Crop(NamedTuple):
    """A rectangle: its upper left corner and its size, in pixels."""

    y: Any
    x: Any
    height: Any
    width: Any


class _Words:
    """Random 32-bit words, taken one after the other while a kernel is built."""

    def __init__(self, words: Any, at: Any) -> None:
        self._words = words
        self.at = at

    def fraction(self) -> Any:
        """A float32 in [0, 1)."""
        word = self._words[self.at]
        self.at = self.at + 1
        mantissa = (word & jnp.uint32(0x7FFFFF)) | jnp.uint32(127 << 23)
        return mantissa.view(jnp.float32) - jnp.float32(1)

    def below(self, limit: Any, wanted: Any) -> Any:
        """An int32 in [0, limit), or 0, without a word being taken, unless `wanted`."""
        limit = jnp.maximum(limit, 1).astype(jnp.uint32)
        whole = (limit & (limit - jnp.uint32(1))) == 0
        least = jnp.where(whole, jnp.uint32(0), jnp.uint32(0xFFFFFFFF) % limit + jnp.uint32(1))
        at = jax.lax.while_loop(lambda place: self._words[place] < least, lambda place: place + 1, self.at)
        self.at = jnp.where(wanted, at + 1, self.at)
        return jnp.where(wanted, (self._words[at] % limit).astype(jnp.int32), 0)


def _rounded(values: Any) -> Any:
    return jnp.rint(values).astype(jnp.int32)


def _candidate(words: _Words, image: Any, ratio: Any, areas: Floats) -> tuple[Any, Crop]:
    """A crop of the given ratio of width to height, and whether there is one within the bounds of the area."""
    whole_height, whole_width = image
    least, most = (jnp.float32(share) * whole_width * whole_height for share in areas)
    height, highest = (_rounded(jnp.sqrt(area / ratio)) for area in (least, most))
    # Where the highest crop is too wide: the highest one of which the width rounds to the image's.
    fitting = ((whole_width + (0.5 - np.float64(np.float32(1e-7)))) / ratio.astype(jnp.float64)).astype(jnp.int32)
    highest = jnp.where(_rounded(highest * ratio) > whole_width, fitting, highest)
    highest = jnp.minimum(highest, whole_height)
    height = jnp.minimum(height, highest)
    possible = (areas[1] > 0) & (ratio > 0) & (whole_width > 0) & (whole_height > 0) & (areas[0] <= areas[1])
    height = height + words.below(highest - height + 1, possible & (height < highest))

    def sizes(height: Any) -> tuple[Any, Any]:
        width = _rounded(height * ratio)
        return width, (width * height).astype(jnp.float32)

    # Rounding must not put the area out of its bounds.
    height = jnp.where(sizes(height)[1] < least, height + 1, height)
    height = jnp.where(sizes(height)[1] > most, height - 1, height)
    width, area = sizes(height)
    fits = (
        possible & (area >= least) & (area <= most) & (width <= whole_width) & (height <= whole_height) & (width > 0) & (height > 0)
    )
    y = words.below(whole_height - height, fits & (height < whole_height))
    x = words.below(whole_width - width, fits & (width < whole_width))
    return fits, Crop(y, x, height, width)


def _covers(crop: Crop, boxes: Any, share: Any) -> Any:
    """Whether at least `share` of one box [n, 4] (in pixels: y, x, y, x) is within the crop."""
    low = jnp.maximum(boxes[:, :2], jnp.stack([crop.y, crop.x]))
    high = jnp.minimum(boxes[:, 2:], jnp.stack([crop.y + crop.height, crop.x + crop.width]))
    shared = jnp.prod(jnp.maximum(high - low, 0), axis=1).astype(jnp.float32)
    areas = jnp.prod(boxes[:, 2:] - boxes[:, :2], axis=1).astype(jnp.float32)
    enough = shared / jnp.where(areas < 1, jnp.float32(1), areas) >= share
    return jnp.any((areas >= 1) & enough) & (crop.height * crop.width >= 1)


def _check(image_size: Any, boxes: Any, covered: Any, ratios: Floats, areas: Floats, attempts: int, whole: bool) -> None:
    """What shapes and attributes tell."""
    if image_size.shape != (3,) or boxes.ndim != 3 or boxes.shape[-1] != 4 or covered.shape != ():
        raise InvalidArgumentError(
            "image_size is [height, width, channels], bounding_boxes have the shape [batch, n, 4], min_object_covered is a"
            f" scalar; got shapes {list(image_size.shape)}, {list(boxes.shape)} and {list(covered.shape)}"
        )
    if len(ratios) != 2 or min(ratios) <= 0 or len(areas) != 2 or min(areas) <= 0 or max(areas) > 1:
        raise InvalidArgumentError(
            f"ranges are two numbers above 0, those of areas at most 1; got aspect_ratio_range {list(ratios)} and"
            f" area_range {list(areas)}"
        )
    if attempts <= 0:
        raise InvalidArgumentError(f"max_attempts is 1 or more; got {attempts}")
    if not (boxes.size or whole):
        raise InvalidArgumentError("there are no bounding boxes; set use_image_if_no_bounding_boxes to crop without any")


def _check_values(image_size: Any, boxes: Any, covered: Any, *_: Any, **attrs: Any) -> Any:
    """Refuses values that TensorFlow refuses, where they are at hand; the kernel does the rest."""
    if np.any(np.asarray(covered) < 0):
        raise InvalidArgumentError(f"min_object_covered is 0 or more; got {covered}")
    given = np.asarray(boxes)
    if not np.all((given >= 0) & (given <= 1)):
        raise InvalidArgumentError(f"bounding boxes are shares of the image, from 0 to 1; got {given.min()} to {given.max()}")
    return NotImplemented


def _sample(
    words: Any, image_size: Any, boxes: Any, covered: Any, ratios: Floats, areas: Floats, attempts: int, whole: bool
) -> tuple[Any, Any, Any]:
    """Begin and size of the first crop that keeps enough of a box, or of the whole image, and the crop as a box."""
    _check(image_size, boxes, covered, ratios, areas, attempts, whole)
    image = image_size[:2].astype(jnp.int32)
    shares = boxes.reshape(-1, 4) if boxes.size else jnp.float32([[0, 0, 1, 1]])
    pixels = (shares * jnp.tile(image, 2).astype(jnp.float32)).astype(jnp.int32)
    low, high = (jnp.float32(ratio) for ratio in ratios)

    def attempt(state: Any) -> Any:
        number, at, _, _ = state
        source = _Words(words, at)
        # Product and sum are rounded one by one, as on a processor without fused operations.
        ratio = jax.lax.reduce_precision(source.fraction() * (high - low), 8, 23) + low
        fits, crop = _candidate(source, image, ratio, areas)
        return number + 1, source.at, fits & _covers(crop, pixels, covered), crop

    zero = jnp.int32(0)
    start = zero, zero, jnp.bool_(False), Crop(zero, zero, zero, zero)
    _, _, found, crop = jax.lax.while_loop(lambda state: ~state[2] & (state[0] < attempts), attempt, start)
    y, x, height, width = (jnp.where(found, part, other) for part, other in zip(crop, (zero, zero, *image), strict=True))
    corners = jnp.stack([y, x, y + height, x + width]).astype(jnp.float32)
    box = corners / jnp.tile(image, 2).astype(jnp.float32)
    kind = image_size.dtype
    return jnp.stack([y, x, zero]).astype(kind), jnp.stack([height, width, zero - 1]).astype(kind), box.reshape(1, 1, 4)


def _free_words(key: Any, attempts: int) -> Any:
    return jax.random.bits(key, (4 * attempts + _SPARE,), jnp.uint32)


@op(
    "SampleDistortedBoundingBox",
    f"image_size: T, bounding_boxes: float -> {_RESULTS}",
    T=_KINDS,
    random=True,
    differentiable=False,
)
def sample_distorted_bounding_box_v1(
    key: Any,
    image_size: Any,
    bounding_boxes: Any,
    *,
    seed: int = 0,
    seed2: int = 0,
    min_object_covered: float = 0.1,
    aspect_ratio_range: Floats = _RATIOS,
    area_range: Floats = _AREAS,
    max_attempts: int = 100,
    use_image_if_no_bounding_boxes: bool = False,
) -> Any:
    """A random crop that keeps a fixed share of a box in sight."""
    covered = np.float32(min_object_covered)
    ranges = aspect_ratio_range, area_range, max_attempts, use_image_if_no_bounding_boxes
    return _sample(_free_words(key, max_attempts), image_size, bounding_boxes, covered, *ranges)


@op(
    "SampleDistortedBoundingBoxV2",
    f"image_size: T, bounding_boxes: float, min_object_covered: float -> {_RESULTS}",
    T=_KINDS,
    eager=_check_values,
    random=True,
    differentiable=False,
)
def sample_distorted_bounding_box_v2(
    key: Any,
    image_size: Any,
    bounding_boxes: Any,
    min_object_covered: Any,
    *,
    seed: int = 0,
    seed2: int = 0,
    aspect_ratio_range: Floats = _RATIOS,
    area_range: Floats = _AREAS,
    max_attempts: int = 100,
    use_image_if_no_bounding_boxes: bool = False,
) -> Any:
    """A random crop that keeps a share of a box in sight."""
    ranges = aspect_ratio_range, area_range, max_attempts, use_image_if_no_bounding_boxes
    return _sample(_free_words(key, max_attempts), image_size, bounding_boxes, min_object_covered, *ranges)


@op(
    "StatelessSampleDistortedBoundingBox",
    f"image_size: T, bounding_boxes: float, min_object_covered: float, seed: Tseed -> {_RESULTS}",
    T=_KINDS,
    Tseed=INDEX,
    eager=_check_values,
    differentiable=False,
)
def stateless_sample_distorted_bounding_box_op(
    image_size: Any,
    bounding_boxes: Any,
    min_object_covered: Any,
    seed: Any,
    *,
    aspect_ratio_range: Floats = _RATIOS,
    area_range: Floats = _AREAS,
    max_attempts: int = 100,
    use_image_if_no_bounding_boxes: bool = False,
) -> Any:
    """The same as the seed decides: TensorFlow's crop."""
    key, counter = key_and_counter(seed)
    drawn = philox.bits(key, counter, 4 * max_attempts + _SPARE, 32).astype(jnp.uint32)
    ranges = aspect_ratio_range, area_range, max_attempts, use_image_if_no_bounding_boxes
    return _sample(drawn, image_size, bounding_boxes, min_object_covered, *ranges)


class DistortedBoundingBox(NamedTuple):
    """A crop as arguments of `tf.slice`, and as a box."""

    begin: Tensor
    size: Tensor
    bboxes: Tensor


def _given(ratios: Any, areas: Any, attempts: int | None, whole: bool | None, name: str | None) -> dict[str, Any]:
    return {
        "aspect_ratio_range": _RATIOS if ratios is None else tuple(map(float, ratios)),
        "area_range": _AREAS if areas is None else tuple(map(float, areas)),
        "max_attempts": 100 if attempts is None else attempts,
        "use_image_if_no_bounding_boxes": bool(whole),
        "name": name,
    }


def sample_distorted_bounding_box(
    image_size: Any,
    bounding_boxes: Any,
    seed: int = 0,
    min_object_covered: Any = 0.1,
    aspect_ratio_range: Any = None,
    area_range: Any = None,
    max_attempts: int | None = None,
    use_image_if_no_bounding_boxes: bool | None = None,
    name: str | None = None,
) -> DistortedBoundingBox:
    """A random crop that keeps a share of a box in sight, or the whole image where none is found.

    Args:
        image_size: height, width and channels.
        bounding_boxes: [batch, n, 4], corners (y1, x1, y2, x2) as shares of height and width.
        seed: other than 0, repeatable crops.
        min_object_covered: the share of at least one box that the crop holds.
        aspect_ratio_range: least and greatest ratio of width to height.
        area_range: least and greatest share of the image.
        max_attempts: how many crops are tried.
        use_image_if_no_bounding_boxes: without boxes, the whole image counts as one.
        name: a name for the node in a graph.

    Returns:
        `(begin, size, bboxes)`: the crop for `tf.slice`, and as a box [1, 1, 4].
    """
    attrs = _given(aspect_ratio_range, area_range, max_attempts, use_image_if_no_bounding_boxes, name)
    definition = get("SampleDistortedBoundingBoxV2")
    return DistortedBoundingBox(*definition.all(image_size, bounding_boxes, min_object_covered, seed2=seed, **attrs))


def stateless_sample_distorted_bounding_box(
    image_size: Any,
    bounding_boxes: Any,
    seed: Any,
    min_object_covered: Any = 0.1,
    aspect_ratio_range: Any = None,
    area_range: Any = None,
    max_attempts: int | None = None,
    use_image_if_no_bounding_boxes: bool | None = None,
    name: str | None = None,
) -> DistortedBoundingBox:
    """The same as the seed (two integers) decides."""
    attrs = _given(aspect_ratio_range, area_range, max_attempts, use_image_if_no_bounding_boxes, name)
    definition = get("StatelessSampleDistortedBoundingBox")
    return DistortedBoundingBox(*definition.all(image_size, bounding_boxes, min_object_covered, seed, **attrs))
