"""Summaries of images and sounds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from headrace.core import dtypes
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import get
from headrace.dispatch.tensor import Tensor
from headrace.ops.host.assertions import assert_non_negative, assert_rank
from headrace.ops.image.adjusting import convert_image_dtype
from headrace.summary import metadata as plugins
from headrace.summary.metadata import summary_metadata
from headrace.summary.recording import summary_scope
from headrace.summary.values import write


def image(name: str | None, data: Any, step: Any = None, max_outputs: Any = 3, description: str | None = None) -> Tensor:
    """Writes images, as PNG (with the extra `headrace[image]`).

    Args:
        name: of the summary.
        data: [k, height, width, channels] with 1 to 4 channels; floats between 0 and 1, or integers of their whole range.
        step: an int64 scalar; by default the one that is set.
        max_outputs: how many of them to write, at most.
        description: Markdown.

    Returns:
        A bool scalar: whether they were written, which needs a default writer and the condition of `record_if`.

    Raises:
        ValueError: the data has another rank.
        InvalidArgumentError: it has more than 4 channels or no pixels, or max_outputs is negative.
    """
    return write_images(name, lambda: data, step, max_outputs, description)


def write_images(name: str | None, make: Callable[[], Any], step: Any, max_outputs: Any, description: str | None) -> Tensor:
    """Writes the images that `make` returns, which is called where summaries are written; see `image`."""

    def encoded() -> Tensor:
        images = _first(make(), 4, max_outputs)
        return get("_EncodeImages")(convert_image_dtype(images, dtypes.uint8, saturate=True))

    with summary_scope(name, "image_summary") as (tag, _):
        return write(tag, encoded, step, summary_metadata(plugins.IMAGES, plugins.ImageData(), description))


def audio(
    name: str | None,
    data: Any,
    sample_rate: Any,
    step: Any = None,
    max_outputs: Any = 3,
    encoding: str | None = None,
    description: str | None = None,
) -> Tensor:
    """Writes sounds.

    Args:
        name: of the summary.
        data: float32 [k, frames, channels] between -1 and 1.
        sample_rate: an int32 scalar, frames a second.
        step: an int64 scalar; by default the one that is set.
        max_outputs: how many of them to write, at most.
        encoding: "wav".
        description: Markdown.

    Returns:
        A bool scalar: whether they were written; see `image`.

    Raises:
        ValueError: the data has another rank, or the encoding is another.
        InvalidArgumentError: the data is not float32, or the rate not positive.
    """
    if encoding not in (None, "wav"):
        raise ValueError(f"the encoding {encoding!r} is not known; the only one is 'wav'")
    content = plugins.AudioData(encoding=plugins.AudioData.WAV)

    def encoded() -> Tensor:
        return get("_EncodeSounds")(_first(data, 3, max_outputs), sample_rate)

    with summary_scope(name, "audio_summary") as (tag, _):
        return write(tag, encoded, step, summary_metadata(plugins.AUDIO, content, description))


def _first(data: Any, rank: int, most: Any) -> Any:
    tensor: Any = convert_to_tensor(data)
    assert_rank(tensor, rank)
    assert_non_negative(most)
    return tensor[:most]
