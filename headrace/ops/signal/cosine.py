"""tf.signal: discrete cosine transforms, the modified one included."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from headrace.core.dtypes import float32, float64
from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import get
from headrace.dispatch.tensor import Tensor
from headrace.ops.signal.framing import frame, overlap_and_add
from headrace.ops.signal.windows import vorbis_window

Window = Callable[..., Any]


def _basis(kind: int, length: int, ortho: bool) -> np.ndarray[Any, Any]:
    """The matrix [length, length] whose product with a row of samples is its transform."""
    whole: Any
    n, k = np.arange(length)[:, None], np.arange(length)[None, :]
    if kind == 1:
        whole = 2.0 * np.cos(np.pi * n * k / (length - 1))
        whole[[0, -1]] /= 2.0
        return whole  # type: ignore[no-any-return]
    if kind == 2:
        whole = 2.0 * np.cos(np.pi * k * (2 * n + 1) / (2 * length))
        scale = np.where(k == 0, np.sqrt(0.25 / length), np.sqrt(0.5 / length))
    elif kind == 3:
        whole = 2.0 * np.cos(np.pi * n * (2 * k + 1) / (2 * length))
        whole[0] /= 2.0
        scale = np.where(n == 0, np.sqrt(1.0 / length), np.sqrt(0.5 / length))
    else:
        whole = 2.0 * np.cos(np.pi * (2 * n + 1) * (2 * k + 1) / (4 * length))
        scale = np.full_like(whole, np.sqrt(0.5 / length))
    return whole * scale if ortho else whole  # type: ignore[no-any-return]


def _check(kind: int, axis: int, norm: str | None) -> None:
    if kind not in (1, 2, 3, 4):
        raise ValueError(f"the type of a cosine transform is 1, 2, 3 or 4; got {kind!r}")
    if axis != -1:
        raise NotImplementedError(f"cosine transforms work along the last axis (axis=-1); got axis={axis!r}")
    if norm not in (None, "ortho"):
        raise ValueError(f"norm must be None or 'ortho'; got {norm!r}")
    if kind == 1 and norm == "ortho":
        raise ValueError("norm='ortho' is not defined for type 1; use None")


def dct(
    input: Any, type: int = 2, n: int | None = None, axis: int = -1, norm: str | None = None, name: str | None = None
) -> Tensor:
    """The discrete cosine transform of the last axis.

    Args:
        input: [..., samples], float32 or float64; the number of samples must be known.
        type: 1 to 4.
        n: cut or pad the samples to so many first.
        axis: -1.
        norm: None, or "ortho" for an orthonormal transform (not for type 1).
        name: a name for the node in a graph.

    Returns:
        [..., n], of the input's dtype.

    Raises:
        ValueError: the type or the norm is none of these, or type 1 has fewer than two samples.
    """
    _check(type, axis, norm)
    x = convert_to_tensor(input)
    if x.dtype not in (float32, float64):
        x = convert_to_tensor(input, float32)
    if n is not None:
        x = _resized(x, int(n))
    length = x.shape[-1]
    if length is None:
        raise InvalidArgumentError(f"a cosine transform needs a known number of samples; got shape {x.shape}; give n")
    if type == 1 and length < 2:
        raise ValueError(f"a cosine transform of type 1 needs two samples or more; got {length}")
    basis = _basis(type, length, norm == "ortho").astype(x.dtype.np_dtype)
    if x.shape.rank == 1:
        return get("Squeeze")(get("MatMul")(get("ExpandDims")(x, 0), basis), squeeze_dims=[0], name=name)
    return get("BatchMatMulV2")(x, basis, name=name)


def _resized(x: Tensor, length: int) -> Tensor:
    """x cut or padded with zeros to `length` along its last axis."""
    if length < 1:
        raise ValueError(f"n must be 1 or more; got {length}")
    known = x.shape[-1]
    if known is None:
        raise InvalidArgumentError(f"a cosine transform needs a known number of samples; got shape {x.shape}")
    if known >= length:
        return x[..., :length]
    return get("Pad")(x, np.array([[0, 0]] * (len(x.shape) - 1) + [[0, length - known]], np.int32))


def idct(
    input: Any, type: int = 2, n: int | None = None, axis: int = -1, norm: str | None = None, name: str | None = None
) -> Tensor:
    """The inverse of `dct`, up to a factor of 2 * samples (2 * (samples - 1) for type 1) unless `norm` is "ortho"."""
    _check(type, axis, norm)
    return dct(input, {1: 1, 2: 3, 3: 2, 4: 4}[type], n, axis, norm, name)


def mdct(
    signals: Any,
    frame_length: Any,
    window_fn: Window | None = vorbis_window,
    pad_end: bool = False,
    norm: str | None = None,
    name: str | None = None,
) -> Tensor:
    """The modified discrete cosine transform of overlapping frames.

    Args:
        signals: [..., samples], float32 or float64.
        frame_length: samples of a frame, a multiple of 4; frames begin half as far apart.
        window_fn: takes the length and dtype and gives a window; None for none.
        pad_end: the last frame reaches beyond the end, into zeros.
        norm: None or "ortho".
        name: a name for the node in a graph.

    Returns:
        [..., frames, frame_length // 2].
    """
    x, half = convert_to_tensor(signals), _half(frame_length)
    frames = frame(x, 2 * half, half, pad_end)
    if window_fn is not None:
        frames = frames * window_fn(2 * half, dtype=x.dtype)
    a, b, c, d = get("Split").all(-1, frames, num_split=4)
    reverse, rank = get("ReverseV2"), [-1]
    folded = get("ConcatV2")([-reverse(c, rank) - d, a - reverse(b, rank)], -1)
    return dct(folded, 4, norm=norm, name=name)


def _half(frame_length: Any) -> int:
    length = int(frame_length)
    if length <= 0 or length % 4:
        raise ValueError(f"frame_length must be a multiple of 4 above 0; got {length}")
    return length // 2


def inverse_mdct(mdcts: Any, window_fn: Window | None = vorbis_window, norm: str | None = None, name: str | None = None) -> Tensor:
    """The signals [..., samples] of `mdcts` [..., frames, frame_length // 2]; the first and last half frame are incomplete."""
    x = convert_to_tensor(mdcts)
    half = x.shape[-1]
    if half is None:
        raise InvalidArgumentError(f"the number of terms must be known; got shape {x.shape}")
    real = dct(x, 4, norm=norm)
    if norm is None:
        real = real * np.asarray(0.5 / half, x.dtype.np_dtype)
    first, second = get("Split").all(-1, real, num_split=2)
    reverse, rank = get("ReverseV2"), [-1]
    frames = get("ConcatV2")([second, -reverse(second, rank), -reverse(first, rank), -first], -1)
    if window_fn is not None:
        frames = frames * window_fn(2 * half, dtype=x.dtype)
    return overlap_and_add(frames, half)
