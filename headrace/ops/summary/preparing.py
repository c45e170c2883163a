"""Ops that make of data what TensorBoard's plugins take. TensorFlow makes the same of several ops each."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.opdef import op
from headrace.ops.image.codecs import encode_png
from headrace.ops.signal.wav import wav_file

SMALLEST_COUNT = 1e-7
"""What a sum of counts is taken for when it is 0 and something is divided by it."""


@op(
    "_HistogramBuckets",
    "data: double, count: int32 -> buckets: double",
    static=("count",),
    differentiable=False,
    exportable=False,
)
def histogram_buckets(data: Any, count: Any) -> Any:
    """Left edge, right edge and number of elements of each bucket between the least and the greatest element.

    What is no number is in no bucket. Where all elements are equal they are in the last bucket.
    """
    size = max(0, int(count))
    data = data.reshape(-1)
    if not size or not data.size:
        return jnp.zeros((size, 3))
    low, high = jnp.min(data), jnp.max(data)
    place = jnp.floor((data - low) / ((high - low) / size))
    inside = (place >= 0).astype(jnp.float64)
    counts = jnp.bincount(jnp.clip(place, 0, size - 1).astype(jnp.int32), inside, length=size)
    edges = jnp.linspace(low, high, size + 1).at[0].set(low).at[-1].set(high)
    spread = jnp.stack([edges[:-1], edges[1:], counts], 1)
    single = jnp.stack([jnp.full(size, high), jnp.full(size, high), jnp.zeros(size).at[-1].set(data.size)], 1)
    return jnp.where(high == low, single, spread)


@op(
    "_PrecisionRecallCurve",
    "labels: bool, predictions: float, weights: float -> curve: float",
    differentiable=False,
    exportable=False,
)
def precision_recall_curve(labels: Any, predictions: Any, weights: Any, *, num_thresholds: int) -> Any:
    """True and false positives, true and false negatives, precision and recall at each threshold, one a row."""
    weights = jnp.broadcast_to(weights, predictions.shape).reshape(-1).astype(jnp.float64)
    places = jnp.floor(jnp.clip(predictions.reshape(-1), 0.0, 1.0) * (num_thresholds - 1)).astype(jnp.int32)
    right = labels.reshape(-1).astype(jnp.float64)

    def at_least(amounts: Any) -> Any:
        return jax.lax.cumsum(jnp.bincount(places, amounts, length=num_thresholds), reverse=True)

    tp, fp = at_least(right * weights), at_least((1.0 - right) * weights)
    tn, fn = fp[0] - fp, tp[0] - tp
    precision, recall = tp / jnp.maximum(SMALLEST_COUNT, tp + fp), tp / jnp.maximum(SMALLEST_COUNT, tp + fn)
    return jnp.stack([tp, fp, tn, fn, precision, recall]).astype(jnp.float32)


def _strings(items: list[Any], shape: tuple[int, ...]) -> Any:
    out = np.empty(len(items), object)
    out[:] = items
    return out.reshape(shape)


@op("_EncodeImages", "images: uint8 -> encoded: string", host_only=True, differentiable=False, exportable=False)
def encode_images(images: Any) -> Any:
    """Width and height as text, then each of the images [k, height, width, channels] as PNG."""
    if images.ndim != 4:
        raise InvalidArgumentError(f"images have the shape [k, height, width, channels]; got {list(images.shape)}")
    files = encode_png.kernel(images).tolist()
    return _strings([str(images.shape[2]).encode(), str(images.shape[1]).encode(), *files], (-1,))


@op("_EncodeSounds", "audio: float, sample_rate: int32 -> encoded: string", host_only=True, differentiable=False, exportable=False)
def encode_sounds(audio: Any, sample_rate: Any) -> Any:
    """Each of the sounds [k, frames, channels] as a WAV file, with an empty label."""
    if audio.ndim != 3:
        raise InvalidArgumentError(f"audio has the shape [k, frames, channels]; got {list(audio.shape)}")
    files = [wav_file(sound, sample_rate) for sound in audio]
    return _strings([item for file in files for item in (file, b"")], (-1, 2))
