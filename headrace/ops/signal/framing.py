"""tf.signal: frames of signals, the short-time Fourier transform and its inverse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from headrace.core.dtypes import DType, float32
from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import get
from headrace.dispatch.tensor import Tensor
from headrace.ops.signal.windows import hann_window

Window = Callable[..., Any]


def _positive(value: Any, name: str) -> int:
    number = int(value)
    if number <= 0:
        raise InvalidArgumentError(f"{name} must be above 0; got {number}")
    return number


def frame(
    signal: Any,
    frame_length: Any,
    frame_step: Any,
    pad_end: bool = False,
    pad_value: Any = 0,
    axis: int = -1,
    name: str | None = None,
) -> Tensor:
    """Overlapping pieces of a signal.

    Args:
        signal: [..., samples, ...], of known rank.
        frame_length: samples of a frame.
        frame_step: samples from the start of a frame to that of the next.
        pad_end: the last frames reach beyond the end, into `pad_value`.
        pad_value: what stands there.
        axis: the axis of samples.

    Returns:
        [..., frames, frame_length, ...], both in the place of the axis.
    """
    x = convert_to_tensor(signal)
    length, step, rank = _positive(frame_length, "frame_length"), _positive(frame_step, "frame_step"), x.shape.rank
    if rank is None or not -rank <= axis < rank:
        raise InvalidArgumentError(f"axis {axis} is out of range for a signal of shape {x.shape}")
    axis %= rank
    known = x.shape[axis]
    samples: Any = get("Shape")(x)[axis] if known is None else known
    if pad_end:
        count = -(-samples // step) if isinstance(samples, int) else (samples + (step - 1)) // step
        missing = (count - 1) * step + length - samples
        missing = max(missing, 0) if isinstance(missing, int) else get("Maximum")(missing, 0)
        paddings = [[0, missing if i == axis else 0] for i in range(rank)]
        x = get("PadV2")(x, paddings, convert_to_tensor(pad_value, x.dtype))
    else:
        rest = samples - length
        count = max(rest // step + 1, 0) if isinstance(rest, int) else get("Maximum")(rest // step + 1, 0)
    starts = get("Range")(0, count, 1) * step
    index = get("ExpandDims")(starts, 1) + get("Range")(0, length, 1)
    return get("GatherV2")(x, index, axis, name=name)


def overlap_and_add(signal: Any, frame_step: Any, name: str | None = None) -> Tensor:
    """A signal from its frames [..., frames, frame_length], those that overlap added up: [..., samples]."""
    x, step = convert_to_tensor(signal), _positive(frame_step, "frame_step")
    if x.shape.rank is None or x.shape.rank < 2:
        raise InvalidArgumentError(f"frames have the shape [..., frames, frame_length]; got {x.shape}")
    shape = get("Shape")(x)
    frames, length = shape[-2], shape[-1]
    index = get("ExpandDims")(get("Range")(0, frames, 1) * step, 1) + get("Range")(0, length, 1)
    flat = get("Transpose")(get("Reshape")(x, get("Pack")([-1, frames * length])), [1, 0])
    samples = (frames - 1) * step + length
    total = get("Transpose")(get("UnsortedSegmentSum")(flat, get("Reshape")(index, [-1]), samples), [1, 0])
    return get("Reshape")(total, get("ConcatV2")([shape[:-2], get("ExpandDims")(samples, 0)], 0), name=name)


def _fft_length(fft_length: Any, frame_length: int) -> int:
    return 1 << (frame_length - 1).bit_length() if fft_length is None else _positive(fft_length, "fft_length")


def stft(
    signals: Any,
    frame_length: Any,
    frame_step: Any,
    fft_length: Any = None,
    window_fn: Window | None = hann_window,
    pad_end: bool = False,
    name: str | None = None,
) -> Tensor:
    """The Fourier transforms of overlapping windows of real signals.

    Args:
        signals: [..., samples], float32 or float64.
        frame_length: samples of a window.
        frame_step: samples from one window to the next.
        fft_length: samples of the transform; the next power of two by default.
        window_fn: gives a window of a length and dtype; None for none.
        pad_end: the last windows reach beyond the end, into zeros.

    Returns:
        complex64 or complex128 [..., frames, fft_length // 2 + 1].
    """
    length = _positive(frame_length, "frame_length")
    frames = frame(signals, length, frame_step, pad_end)
    if window_fn is not None:
        frames = frames * window_fn(length, dtype=frames.dtype)
    transformed: Tensor = get("RFFT")(frames, [_fft_length(fft_length, length)], Tcomplex=_complex(frames.dtype))
    return transformed


def _complex(dtype: DType) -> str:
    return "complex64" if dtype is float32 else "complex128"


def inverse_stft(
    stfts: Any,
    frame_length: Any,
    frame_step: Any,
    fft_length: Any = None,
    window_fn: Window | None = hann_window,
    name: str | None = None,
) -> Tensor:
    """The real signals [..., samples] of short-time Fourier transforms; see `inverse_stft_window_fn` for exact inversion."""
    x, length = convert_to_tensor(stfts), _positive(frame_length, "frame_length")
    points = _fft_length(fft_length, length)
    frames = get("IRFFT")(x, [points], Treal=x.dtype.real_dtype)
    frames = frames[..., :length]
    if length > points:
        before = [[0, 0]] * (len(frames.shape) - 1)
        frames = get("Pad")(frames, [*before, [0, length - points]])
    if window_fn is not None:
        frames = frames * window_fn(length, dtype=frames.dtype)
    return overlap_and_add(frames, frame_step, name)


def inverse_stft_window_fn(frame_step: Any, forward_window_fn: Window = hann_window, name: str | None = None) -> Window:
    """The window function with which `inverse_stft` gives back exactly what `stft` with `forward_window_fn` was given."""
    step = _positive(frame_step, "frame_step")

    def window(frame_length: Any, dtype: Any) -> Tensor:
        length = _positive(frame_length, "frame_length")
        forward = convert_to_tensor(forward_window_fn(length, dtype=dtype))
        overlaps = -(-length // step)
        squares = get("Pad")(get("Square")(forward), [[0, overlaps * step - length]])
        total = get("Sum")(get("Reshape")(squares, [overlaps, step]), 0, keep_dims=True)
        repeated = get("Reshape")(get("Tile")(total, [overlaps, 1]), [-1])
        inverse: Tensor = get("RealDiv")(forward, repeated[:length])
        return inverse

    return window
