"""Case, blanks, length and parts of strings."""

from __future__ import annotations

from typing import Any

import numpy as np

from headrace.core.dtypes import INDEX
from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.infer import elementwise
from headrace.dispatch.opdef import op
from headrace.ops.strings.elements import TRAILING, UNITS, mapped, numbers, one_of, same_shape, strings

_ENCODINGS = ("", "utf-8")


@op("StringLower", "input: string -> output: string", host_only=True, shape=same_shape)
def lower(input: Any, *, encoding: str = "") -> Any:
    """Lower-case letters for capitals: those of ASCII, or with the encoding utf-8 those of Unicode."""
    if one_of(encoding.lower(), _ENCODINGS, "encoding"):
        return mapped(lambda item: item.decode("utf-8", "replace").lower().encode(), input)
    return mapped(bytes.lower, input)


@op("StringUpper", "input: string -> output: string", host_only=True, shape=same_shape)
def upper(input: Any, *, encoding: str = "") -> Any:
    """Capitals for lower-case letters: those of ASCII, or with the encoding utf-8 those of Unicode."""
    if one_of(encoding.lower(), _ENCODINGS, "encoding"):
        return mapped(lambda item: item.decode("utf-8", "replace").upper().encode(), input)
    return mapped(bytes.upper, input)


@op("StringStrip", "input: string -> output: string", host_only=True, shape=same_shape)
def strip(input: Any) -> Any:
    """Without ASCII blanks at either end."""
    return mapped(bytes.strip, input)


def _count(unit: str) -> Any:
    if one_of(unit, UNITS, "unit") == "BYTE":
        return len
    return lambda item: len(item.translate(None, TRAILING))


@op("StringLength", "input: string -> output: int32", host_only=True, shape=same_shape)
def string_length(input: Any, *, unit: str = "BYTE") -> Any:
    """The number of bytes, or of UTF-8 characters, int32."""
    return numbers(_count(unit), input, np.int32)


def length(input: Any, unit: str = "BYTE", name: str | None = None) -> Any:
    """The number of bytes (unit "BYTE") or of UTF-8 characters ("UTF8_CHAR") of each string, int32."""
    return string_length(input, unit=unit, name=name)


def _character_starts(item: bytes) -> Any:
    codes = np.frombuffer(item, np.uint8)
    return np.append(np.flatnonzero((codes & 0xC0) != 0x80), len(item))


def _part(item: bytes, position: int, size: int, by_character: bool) -> bytes:
    starts = _character_starts(item) if by_character else None
    count = len(item) if starts is None else len(starts) - 1
    if not -count <= position <= count:
        raise InvalidArgumentError(f"pos {position} is out of range for the string {item!r}; expected {-count} to {count}")
    first = position + count if position < 0 else position
    # A negative length means the rest, counted in bytes, and nothing, counted in characters: so does TensorFlow.
    last = min(count, first + size) if size >= 0 else first if by_character else count
    return item[first:last] if starts is None else item[int(starts[first]) : int(starts[last])]


@op("Substr", "input: string, pos: T, len: T -> output: string", T=INDEX, host_only=True, shape=elementwise)
def substr_op(input: Any, pos: Any, len: Any, *, unit: str = "BYTE") -> Any:
    """`len` bytes or UTF-8 characters from `pos` on (below 0: from the end); all three broadcast."""
    by_character = one_of(unit, UNITS, "unit") == "UTF8_CHAR"
    if pos.shape != len.shape:
        raise InvalidArgumentError(f"pos and len must have one shape; got {list(pos.shape)} and {list(len.shape)}")
    texts, places, sizes = np.broadcast_arrays(input, pos, len)
    triples = zip(texts.ravel().tolist(), places.ravel().tolist(), sizes.ravel().tolist(), strict=True)
    return strings([_part(text, place, size, by_character) for text, place, size in triples], texts.shape)


def substr(input: Any, pos: Any, len: Any, unit: str = "BYTE", name: str | None = None) -> Any:
    """`len` bytes or UTF-8 characters from `pos` on (below 0: from the end); all three broadcast."""
    return substr_op(input, pos, len, unit=unit, name=name)
