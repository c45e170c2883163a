"""WAV files of 16-bit samples."""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

import numpy as np

from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.opdef import op

BITS = 16
SCALE = float(1 << (BITS - 1))
PCM = 1
"""The number of uncompressed samples among the formats that a WAV file may have."""
_FORMAT = struct.Struct("<HHIIHH")
_CHUNK = struct.Struct("<4sI")


def wav_file(audio: Any, sample_rate: Any) -> bytes:
    """The bytes of a WAV file.

    Args:
        audio: float [frames, channels]; what is beyond -1..1 is cut off.
        sample_rate: a scalar, frames a second.

    Raises:
        InvalidArgumentError: a shape or the rate is out of range.
    """
    if audio.ndim != 2:
        raise InvalidArgumentError(f"audio must be of shape [frames, channels]; got {list(audio.shape)}")
    if sample_rate.ndim:
        raise InvalidArgumentError(f"sample_rate must be a scalar; got shape {list(sample_rate.shape)}")
    rate, channels = int(sample_rate), audio.shape[1]
    if rate <= 0:
        raise InvalidArgumentError(f"sample_rate must be positive; got {rate}")
    if not 0 < channels < 1 << 16:
        raise InvalidArgumentError(f"audio must have 1 to {(1 << 16) - 1} channels; got {channels}")
    scaled = np.nan_to_num(audio.astype(np.float64) * SCALE, nan=0.0, posinf=SCALE, neginf=-SCALE)
    rounded = np.copysign(np.floor(np.abs(scaled) + 0.5), scaled)
    data: bytes = np.clip(rounded, -SCALE, SCALE - 1).astype("<i2").tobytes()
    if len(data) > (1 << 32) - 64:
        raise InvalidArgumentError(f"audio of {len(data)} bytes does not fit into a WAV file; cut it into pieces")
    frame = channels * BITS // 8
    head = _CHUNK.pack(b"fmt ", _FORMAT.size) + _FORMAT.pack(PCM, channels, rate, rate * frame % (1 << 32), frame % (1 << 16), BITS)
    body = b"WAVE" + head + _CHUNK.pack(b"data", len(data)) + data
    return _CHUNK.pack(b"RIFF", len(body)) + body


class _Sound(NamedTuple):
    samples: Any
    rate: int


def _damaged(what: str) -> InvalidArgumentError:
    return InvalidArgumentError(f"contents is no WAV file of {BITS}-bit samples: {what}")


def _read(data: bytes) -> _Sound:
    """Samples [frames, channels] and their rate."""
    if len(data) < 12 or data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise _damaged(f"its {len(data)} bytes begin with {data[:12]!r}, not with RIFF and WAVE")
    place, channels, rate = 12, 0, 0
    while place + _CHUNK.size <= len(data):
        kind, size = _CHUNK.unpack_from(data, place)
        place += _CHUNK.size
        if place + size > len(data):
            raise _damaged(f"the chunk {kind!r} announces {size} bytes; {len(data) - place} are there")
        if kind == b"fmt ":
            channels, rate = _format(data[place : place + size])
        elif kind == b"data":
            if not channels:
                raise _damaged("its data comes before its format")
            if size % (channels * BITS // 8):
                raise _damaged(f"{size} bytes of data are no whole number of frames of {channels} channels")
            return _Sound(np.frombuffer(data, "<i2", size // 2, place).reshape(-1, channels), rate)
        place += size
    raise _damaged("it has no data")


def _format(chunk: bytes) -> tuple[int, int]:
    if len(chunk) < _FORMAT.size:
        raise _damaged(f"its format takes {_FORMAT.size} bytes; {len(chunk)} are there")
    kind, channels, rate, _, frame, bits = _FORMAT.unpack_from(chunk)
    if kind != PCM or bits != BITS:
        raise _damaged(f"it has format {kind} with {bits} bits; expected format {PCM} (PCM) with {BITS}")
    if not channels or not 0 < rate < 1 << 31 or frame != channels * BITS // 8:
        raise _damaged(f"its format has {channels} channels, {rate} frames a second and frames of {frame} bytes")
    return channels, rate


def _decoded_shape(contents: Any, *, desired_channels: int = -1, desired_samples: int = -1) -> list[tuple[int | None, ...]]:
    return [(None if desired_samples < 0 else desired_samples, None if desired_channels < 0 else desired_channels), ()]


@op("DecodeWav", "contents: string -> audio: float, sample_rate: int32", host_only=True, differentiable=False, shape=_decoded_shape)
def decode_wav_op(contents: Any, *, desired_channels: int = -1, desired_samples: int = -1) -> Any:
    """Samples [frames, channels] between -1 and 1, and their rate, of a WAV file of 16-bit samples."""
    if contents.ndim:
        raise InvalidArgumentError(f"contents is one string, the bytes of a file; got shape {list(contents.shape)}")
    samples, rate = _read(bytes(contents.item()))
    frames, channels = samples.shape
    if desired_channels >= 0:
        samples = samples[:, np.minimum(np.arange(desired_channels), channels - 1)]
    if desired_samples >= 0:
        samples = np.pad(samples[:desired_samples], ((0, max(0, desired_samples - frames)), (0, 0)))
    return samples.astype(np.float32) / np.float32(SCALE), np.int32(rate)


@op("EncodeWav", "audio: float, sample_rate: int32 -> contents: string", host_only=True, differentiable=False, shape=lambda *_: ())
def encode_wav(audio: Any, sample_rate: Any) -> Any:
    """A WAV file of 16-bit samples of audio [frames, channels] between -1 and 1."""
    out = np.empty((), object)
    out[()] = wav_file(audio, sample_rate)
    return out


class DecodeWav(NamedTuple):
    """The result of `decode_wav`."""

    audio: Any
    sample_rate: Any


def decode_wav(contents: Any, desired_channels: int = -1, desired_samples: int = -1, name: str | None = None) -> DecodeWav:
    """Samples and their rate of a WAV file of 16-bit samples.

    Args:
        contents: a string scalar, the bytes of the file.
        desired_channels: how many channels to give, of which the last is repeated; -1 for those there are.
        desired_samples: how many frames to give, filled up with silence; -1 for those there are.
        name: for the node.

    Returns:
        audio, float32 [frames, channels] between -1 and 1, and sample_rate, an int32 scalar.

    Raises:
        InvalidArgumentError: it is no such file, or it is cut off.
    """
    options = {"desired_channels": desired_channels, "desired_samples": desired_samples}
    return DecodeWav(*decode_wav_op.all(contents, **options, name=name))
