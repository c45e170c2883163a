"""What is known of an output whose size only a run will tell: rules for `op(..., unsized=...)`.

They count where an input that decides on the size is not known, and where the trials of dispatch/infer.py do not go together.
A rule takes the inputs, each an array where it is known and else something with a `shape`, and the attributes; it returns one
shape an output (a list of several), None for what is not known.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Shape = tuple[int | None, ...]
Rule = Callable[..., Any]

MOST_DIMENSIONS = 32
"""A tensor of more dimensions than this does not exist."""


def same_shape(x: Any, *_: Any, **__: Any) -> Shape:
    """The first input's shape."""
    return tuple(x.shape)


def same_rank(x: Any, *_: Any, **__: Any) -> Shape:
    """As many dimensions as the first input."""
    return (None,) * len(x.shape)


def one_dimension(*_: Any, **__: Any) -> Shape:
    """One dimension."""
    return (None,)


def sized_by(position: int) -> Rule:
    """As many dimensions as the input at `position`, which is a shape, has numbers."""

    def rule(*inputs: Any, **_: Any) -> Shape | None:
        sizes = inputs[position].shape
        return (None,) * sizes[0] if len(sizes) == 1 and sizes[0] <= MOST_DIMENSIONS else None

    return rule


def resized(images: Any, *_: Any, **__: Any) -> Shape:
    """Images [batch, height, width, channels] of another height and width."""
    return (images.shape[0], None, None, images.shape[3])


def reduced(x: Any, *_: Any, keep_dims: bool = False, **__: Any) -> Shape | None:
    """Without dimensions of which not even the number is known."""
    return (None,) * len(x.shape) if keep_dims else None


def convolved(input: Any, filter: Any, *_: Any, data_format: str = "NHWC", **__: Any) -> Shape:
    """Images of another height and width, with as many channels as the filter gives."""
    return _image_shape(input, filter.shape[-1], data_format)


def convolved_by_channel(input: Any, filter: Any, *_: Any, data_format: str = "NHWC", **__: Any) -> Shape:
    """The same where the filter has so many outputs for each channel."""
    return _image_shape(input, filter.shape[-2] * filter.shape[-1], data_format)


def _image_shape(images: Any, channels: int, data_format: str) -> Shape:
    sizes = (None,) * (len(images.shape) - 2)
    return (images.shape[0], channels, *sizes) if data_format.startswith("NC") else (images.shape[0], *sizes, channels)
