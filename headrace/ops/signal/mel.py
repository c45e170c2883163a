"""tf.signal: the mel scale of heard pitch."""

from __future__ import annotations

from typing import Any

import numpy as np

from headrace.core.dtypes import as_dtype, float32
from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.tensor import Tensor
from headrace.ops.array.portable import static_value
from headrace.ops.signal.cosine import dct

BREAK_HERTZ, HIGH_Q = 700.0, 1127.0
"""mel = HIGH_Q * log(1 + hertz / BREAK_HERTZ)."""


def _mel(hertz: Any) -> Any:
    return HIGH_Q * np.log1p(np.asarray(hertz, np.float64) / BREAK_HERTZ)


def linear_to_mel_weight_matrix(
    num_mel_bins: Any = 20,
    num_spectrogram_bins: Any = 129,
    sample_rate: Any = 8000,
    lower_edge_hertz: Any = 125.0,
    upper_edge_hertz: Any = 3800.0,
    dtype: Any = float32,
    name: str | None = None,
) -> Tensor:
    """The matrix [num_spectrogram_bins, num_mel_bins] that turns linear spectra into mel bands: triangles, half overlapping.

    Args:
        num_mel_bins: bands.
        num_spectrogram_bins: terms of a spectrum from 0 to half the sample rate.
        sample_rate: samples a second.
        lower_edge_hertz, upper_edge_hertz: where the bands begin and end.
        dtype: a floating dtype.
        name: a name for the node in a graph.

    Raises:
        ValueError: an argument is out of range.
    """
    bands = _number(num_mel_bins, "num_mel_bins")
    terms = _number(num_spectrogram_bins, "num_spectrogram_bins")
    rate = _number(sample_rate, "sample_rate")
    lower, upper, kind = float(lower_edge_hertz), float(upper_edge_hertz), as_dtype(dtype)
    if lower < 0 or lower >= upper:
        raise ValueError(f"the edges must be ascending, from 0 on; got {lower} and {upper}")
    if upper > rate / 2:
        raise ValueError(f"upper_edge_hertz must not exceed half the sample rate; got {upper} at {rate} samples a second")
    if not kind.is_floating:
        raise ValueError(f"dtype must be floating; got {kind.name}")
    spectrum = _mel(np.linspace(0.0, rate / 2, int(terms))[1:])[:, None]
    edges = np.linspace(_mel(lower), _mel(upper), int(bands) + 2)
    rising = (spectrum - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - spectrum) / (edges[2:] - edges[1:-1])
    weights = np.maximum(0.0, np.minimum(rising, falling))
    return convert_to_tensor(np.pad(weights, [[1, 0], [0, 0]]).astype(kind.np_dtype))


def _number(value: Any, name: str) -> Any:
    known = static_value(convert_to_tensor(value))
    if known is None:
        raise InvalidArgumentError(f"{name} must be known when the matrix is made")
    if known <= 0:
        raise ValueError(f"{name} must be above 0; got {known}")
    return known.item()


def mfccs_from_log_mel_spectrograms(log_mel_spectrograms: Any, name: str | None = None) -> Tensor:
    """Mel-frequency cepstral coefficients [..., bands] of logarithmic mel spectra [..., bands]: their cosine transform, scaled."""
    x = convert_to_tensor(log_mel_spectrograms)
    bands = x.shape[-1]
    if not bands:
        raise ValueError(f"the number of bands must be known and above 0; got shape {x.shape}")
    return dct(x) * np.asarray(1.0 / np.sqrt(2.0 * bands), x.dtype.np_dtype)
