"""tf.signal: windows, computed in numpy for a known length."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from headrace.core.dtypes import as_dtype, float32
from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.tensor import Tensor


def _length(window_length: Any) -> int:
    length = int(window_length)
    if length < 0:
        raise InvalidArgumentError(f"a window has 0 or more samples; got {length}")
    return length


def _window(values: Any, dtype: Any) -> Tensor:
    kind = as_dtype(dtype)
    if not kind.is_floating:
        raise InvalidArgumentError(f"a window has a floating dtype; got {kind.name}")
    return convert_to_tensor(np.asarray(values).astype(kind.np_dtype))


def _raised_cosine(window_length: Any, periodic: bool, dtype: Any, a: float, b: float) -> Tensor:
    length = _length(window_length)
    if length == 1:
        return _window(np.ones(1), dtype)
    steps = length - 1 + (1 - length % 2 if periodic else 0)
    return _window(a - b * np.cos(2 * math.pi * np.arange(length) / max(steps, 1)), dtype)


def hann_window(window_length: Any, periodic: bool = True, dtype: Any = float32, name: str | None = None) -> Tensor:
    """One half less half a cosine, [window_length]; periodic windows of even length leave out the last sample."""
    return _raised_cosine(window_length, periodic, dtype, 0.5, 0.5)


def hamming_window(window_length: Any, periodic: bool = True, dtype: Any = float32, name: str | None = None) -> Tensor:
    """0.54 less 0.46 times a cosine, [window_length]."""
    return _raised_cosine(window_length, periodic, dtype, 0.54, 0.46)


def kaiser_window(window_length: Any, beta: Any = 12.0, dtype: Any = float32, name: str | None = None) -> Tensor:
    """Kaiser's window, [window_length]: a Bessel function, the narrower the greater `beta`."""
    length = _length(window_length)
    return _window(np.kaiser(length, float(beta)), dtype)


def vorbis_window(window_length: Any, dtype: Any = float32, name: str | None = None) -> Tensor:
    """The window of Vorbis audio, [window_length]."""
    length = _length(window_length)
    inner = np.sin(math.pi / max(length, 1) * (np.arange(length) + 0.5))
    return _window(np.sin(math.pi / 2 * inner**2), dtype)


def kaiser_bessel_derived_window(window_length: Any, beta: Any = 12.0, dtype: Any = float32, name: str | None = None) -> Tensor:
    """The window [window_length] whose squares half a length apart add up to 1, made of Kaiser's."""
    half = _length(window_length) // 2
    sums = np.cumsum(np.kaiser(half + 1, float(beta)))
    rising = np.sqrt(sums[:-1] / sums[-1])
    return _window(np.concatenate([rising, rising[::-1]]), dtype)
