"""Windows of images around points, with noise where they reach beyond the image (Mnih and others, 2014)."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.opdef import op
from headrace.dispatch.tensor import Tensor
from headrace.dispatch.unsized import resized

_SPEC = "input: float, size: int32, offsets: float -> glimpse: float"
_NOISES = ("uniform", "gaussian", "zero")


def _noise_of(noise: str, uniform_noise: bool) -> str:
    if uniform_noise and noise not in ("", "uniform"):
        raise InvalidArgumentError(f"noise is {noise!r} and uniform_noise is True; set uniform_noise to False")
    chosen = noise or ("uniform" if uniform_noise else "gaussian")
    if chosen not in _NOISES:
        raise InvalidArgumentError(f"noise is one of {', '.join(_NOISES)}; got {noise!r}")
    return chosen


def _check(images: Any, size: Any, offsets: Any) -> None:
    if images.ndim != 4 or size.shape != (2,) or offsets.shape != (images.shape[0], 2):
        raise InvalidArgumentError(
            "a glimpse takes images [batch, height, width, channels], a size [2] and offsets [batch, 2];"
            f" got shapes {list(images.shape)}, {list(size.shape)} and {list(offsets.shape)}"
        )


def _noised(key: Any, images: Any, shape: tuple[int, ...], noise: str) -> Any:
    """Noise like the images: in the range of each, or with the mean and deviation of each channel of each."""
    if noise == "zero":
        return jnp.zeros(shape, images.dtype)
    if noise == "uniform":
        low, high = (f(images, axis=(1, 2, 3), keepdims=True) for f in (jnp.min, jnp.max))
        return low + (high - low) * jax.random.uniform(key, shape, images.dtype)
    mean, deviation = (f(images, axis=(1, 2), keepdims=True) for f in (jnp.mean, jnp.std))
    return mean + deviation * jax.random.normal(key, shape, images.dtype)


def _cut(key: Any, images: Any, starts: Any, height: int, width: int, noise: str) -> Any:
    """Windows whose upper left corners are at `starts` [batch, 2], of which fractions are dropped."""
    corners = jnp.trunc(starts).astype(jnp.int32)
    rows = corners[:, :1] + jnp.arange(height)
    columns = corners[:, 1:] + jnp.arange(width)
    within = [(places >= 0) & (places < size) for places, size in ((rows, images.shape[1]), (columns, images.shape[2]))]
    batch = jnp.arange(images.shape[0])[:, None, None]
    taken = images.at[batch, rows[:, :, None], columns[:, None]].get(mode="clip")
    filled = _noised(key, images, taken.shape, noise)
    return jnp.where((within[0][:, :, None] & within[1][:, None])[..., None], taken, filled)


@op("ExtractGlimpse", _SPEC, unsized=resized, static=("size",), random=True, differentiable=False)
def extract_glimpse_op(
    key: Any,
    input: Any,
    size: Any,
    offsets: Any,
    *,
    centered: bool = True,
    normalized: bool = True,
    uniform_noise: bool = True,
    noise: str = "uniform",
) -> Any:
    """Windows around points; offsets in pixels count half where they count from the centre, as they did in the first version."""
    _check(input, size, offsets)
    kind = _noise_of(noise, uniform_noise)
    whole, window = jnp.float32(input.shape[1:3]), size.astype("float32")
    starts = offsets * whole if normalized else offsets
    starts = starts / 2 + whole / 2 if centered else starts
    return _cut(key, input, starts - window / 2, int(size[0]), int(size[1]), kind)


@op("ExtractGlimpseV2", _SPEC, unsized=resized, static=("size",), random=True, differentiable=False)
def extract_glimpse_v2(
    key: Any,
    input: Any,
    size: Any,
    offsets: Any,
    *,
    centered: bool = True,
    normalized: bool = True,
    uniform_noise: bool = True,
    noise: str = "uniform",
) -> Any:
    """Windows around points of the image, or, unless the offsets are centered shares of it, from points on."""
    _check(input, size, offsets)
    kind = _noise_of(noise, uniform_noise)
    whole, window = jnp.float32(input.shape[1:3]), size.astype("float32")
    starts = offsets * whole if normalized else offsets
    if centered and normalized:
        starts = starts / 2 + whole / 2 - window / 2
    elif centered:
        starts = starts + whole / 2
    return _cut(key, input, starts, int(size[0]), int(size[1]), kind)


def extract_glimpse(
    input: Any,
    size: Any,
    offsets: Any,
    centered: bool = True,
    normalized: bool = True,
    noise: str = "uniform",
    name: str | None = None,
) -> Tensor:
    """Windows of images around points.

    Args:
        input: [batch, height, width, channels].
        size: the window's height and width.
        offsets: [batch, 2], the points (y, x).
        centered: offsets count from the image's centre, else from its upper left corner.
        normalized: offsets are shares of the image: -1 to 1 where centered, else 0 to 1; otherwise pixels.
        noise: what stands beyond the image: "uniform", "gaussian" or "zero".
        name: a name for the node in a graph.
    """
    attrs: dict[str, Any] = {"centered": centered, "normalized": normalized, "uniform_noise": False, "noise": noise}
    return extract_glimpse_v2(input, size, offsets, name=name, **attrs)
