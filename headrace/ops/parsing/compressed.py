"""Compressed strings, and examples in JSON."""

from __future__ import annotations

import zlib
from typing import Any

from google.protobuf import json_format

from headrace.core.errors import DataLossError, InvalidArgumentError
from headrace.dispatch.opdef import op
from headrace.ops.strings.elements import mapped, same_shape
from headrace.proto.messages import Example

MOST_BYTES = 1 << 30
"""The most bytes that one string may unpack to."""

_WINDOWS = {b"GZIP": 31, b"ZLIB": 15}


def _unpacked(data: bytes, window: int) -> bytes:
    """The bytes that a string, of one compressed stream or several, stands for."""
    whole, rest, left = b"", data, MOST_BYTES
    while rest:
        decoder = zlib.decompressobj(window)
        try:
            whole += decoder.decompress(rest, left + 1)
        except zlib.error as error:
            raise DataLossError(f"a string of {len(data)} bytes is not compressed in this way, or is damaged: {error}") from None
        left = MOST_BYTES - len(whole)
        if left < 0:
            raise DataLossError(f"a string of {len(data)} bytes unpacks to more than {MOST_BYTES}")
        if not decoder.eof:
            raise DataLossError(f"a compressed string of {len(data)} bytes is cut short")
        rest = decoder.unused_data
    return whole


@op("DecodeCompressed", "bytes: string -> output: string", host_only=True, differentiable=False, shape=same_shape)
def decode_compressed(bytes: Any, *, compression_type: str = "") -> Any:
    """Each string unpacked; `compression_type` is GZIP, ZLIB or empty."""
    if not compression_type:
        return bytes
    window = _WINDOWS.get(compression_type.encode())
    if window is None:
        raise InvalidArgumentError(f"compression_type is 'GZIP', 'ZLIB' or ''; got {compression_type!r}")
    return mapped(lambda item: _unpacked(item, window), bytes)


def _from_json(item: bytes) -> bytes:
    try:
        message = json_format.Parse(item, Example())
    except (json_format.ParseError, UnicodeDecodeError) as error:
        raise InvalidArgumentError(f"{item[:80]!r} is no tf.Example in JSON: {error}") from None
    return bytes(message.SerializeToString(deterministic=True))


@op("DecodeJSONExample", "json_examples: string -> binary_examples: string", host_only=True, differentiable=False, shape=same_shape)
def decode_json_example(json_examples: Any) -> Any:
    """Each string, a tf.Example in JSON, as a serialized one."""
    return mapped(_from_json, json_examples)
