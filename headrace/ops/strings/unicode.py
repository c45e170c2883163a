"""Code points of strings and strings of code points."""

from __future__ import annotations

import codecs
import itertools
import math
from typing import Any, NamedTuple

import numpy as np

from headrace.core.dtypes import INDEX, DType, int64
from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.opdef import op
from headrace.ops.strings.elements import check_splits, mapped, one_of, same_shape, strings

OUTPUT_ENCODINGS = ("UTF-8", "UTF-16-BE", "UTF-32-BE")
_ERRORS = ("strict", "replace", "ignore")
_CONTROL = 0x20
"""Code points below are control characters."""
_MOST = 0x10FFFF


class _Policy(NamedTuple):
    """What becomes of bytes that are no character, and of control characters."""

    errors: str
    replacement: int
    replace_control: bool


def _policy(errors: str, replacement_char: int, replace_control_characters: bool) -> _Policy:
    one_of(errors, _ERRORS, "errors")
    if not _is_character(replacement_char):
        raise InvalidArgumentError(f"replacement_char must be a Unicode code point; got {replacement_char}")
    return _Policy(errors, replacement_char, replace_control_characters)


def _is_character(code: int) -> bool:
    return 0 <= code <= _MOST and not 0xD800 <= code < 0xE000


def _codec(name: str) -> codecs.CodecInfo:
    try:
        info = codecs.lookup(name)
    except LookupError:
        info = None
    if info is None or not info._is_text_encoding:
        raise InvalidArgumentError(f"there is no encoding {name!r}; expected a name such as UTF-8, UTF-16-BE or ISO-8859-1")
    return info


def _pieces(data: bytes, encoding: str) -> list[tuple[int, str | None]]:
    """Runs of characters with the byte each begins at; None for bytes that are no character."""
    pieces: list[tuple[int, str | None]] = []
    start = 0
    while start < len(data):
        try:
            pieces.append((start, data[start:].decode(encoding)))
            break
        except UnicodeDecodeError as error:
            if error.start:
                pieces.append((start, data[start : start + error.start].decode(encoding)))
            pieces.append((start + error.start, None))
            start += error.end
    return pieces


def _offsets(text: str, start: int, encoding: str) -> Any:
    """The byte at which each character begins."""
    codes = np.array([ord(c) for c in text], np.int64)
    if encoding == "utf-8":
        sizes = 1 + (codes >= 0x80) + (codes >= 0x800) + (codes >= 0x10000)
    elif encoding.startswith("utf-16"):
        sizes = 2 + 2 * (codes >= 0x10000)
    elif encoding.startswith("utf-32"):
        sizes = np.full(len(codes), 4)
    else:
        sizes = np.array([len(c.encode(encoding)) for c in text], np.int64)
    return start + np.cumsum(sizes) - sizes


def _decoded(data: bytes, encoding: str, policy: _Policy) -> tuple[Any, Any]:
    """The code points of a string, and the byte at which each begins."""
    codes: list[Any] = [np.zeros(0, np.int64)]
    starts: list[Any] = [np.zeros(0, np.int64)]
    for start, text in _pieces(data, encoding):
        if text is not None:
            codes.append(np.array([ord(c) for c in text], np.int64))
            starts.append(_offsets(text, start, encoding))
        elif policy.errors == "strict":
            raise InvalidArgumentError(f"the string {data[:80]!r} is not valid {encoding}: see byte {start}")
        elif policy.errors == "replace":
            codes.append(np.array([policy.replacement], np.int64))
            starts.append(np.array([start], np.int64))
    found, places = np.concatenate(codes), np.concatenate(starts)
    if policy.replace_control:
        control = found < _CONTROL
        if policy.errors == "ignore":
            found, places = found[~control], places[~control]
        else:
            found = np.where(control, policy.replacement, found)
    return found, places


def _decode_all(input: Any, encoding: str, policy: _Policy, dtype: DType) -> tuple[Any, Any, Any]:
    name = _codec(encoding).name
    rows = [_decoded(item, name, policy) for item in input.ravel().tolist()]
    splits = np.cumsum([0, *(len(codes) for codes, _ in rows)]).astype(dtype.np_dtype)
    empty = np.zeros(0, np.int64)
    codes = np.concatenate([empty, *(codes for codes, _ in rows)]).astype(np.int32)
    return splits, codes, np.concatenate([empty, *(starts for _, starts in rows)])


@op(
    "UnicodeDecode",
    "input: string -> row_splits: Tsplits, char_values: int32",
    Tsplits=INDEX,
    host_only=True,
    differentiable=False,
    shape=lambda input, **_: [(math.prod(input) + 1,), (None,)],
)
def unicode_decode(
    input: Any,
    *,
    input_encoding: str,
    errors: str = "replace",
    replacement_char: int = 0xFFFD,
    replace_control_characters: bool = False,
    Tsplits: DType = int64,
) -> Any:
    """The code points of all strings in one vector, and where those of each string begin and end."""
    policy = _policy(errors, replacement_char, replace_control_characters)
    return _decode_all(input, input_encoding, policy, Tsplits)[:2]


@op(
    "UnicodeDecodeWithOffsets",
    "input: string -> row_splits: Tsplits, char_values: int32, char_to_byte_starts: int64",
    Tsplits=INDEX,
    host_only=True,
    differentiable=False,
    shape=lambda input, **_: [(math.prod(input) + 1,), (None,), (None,)],
)
def unicode_decode_with_offsets(
    input: Any,
    *,
    input_encoding: str,
    errors: str = "replace",
    replacement_char: int = 0xFFFD,
    replace_control_characters: bool = False,
    Tsplits: DType = int64,
) -> Any:
    """Like UnicodeDecode, with the byte of its string at which each character begins."""
    policy = _policy(errors, replacement_char, replace_control_characters)
    return _decode_all(input, input_encoding, policy, Tsplits)


def _encoded(codes: list[int], encoding: str, policy: _Policy) -> bytes:
    kept: list[int] = []
    for code in codes:
        if _is_character(code):
            kept.append(code)
        elif policy.errors == "strict":
            raise InvalidArgumentError(f"{code} is no Unicode code point; expected 0 to {_MOST}, surrogates aside")
        elif policy.errors == "replace":
            kept.append(policy.replacement)
    return "".join(map(chr, kept)).encode(encoding)


@op(
    "UnicodeEncode",
    "input_values: int32, input_splits: Tsplits -> output: string",
    Tsplits=INDEX,
    host_only=True,
    differentiable=False,
)
def unicode_encode(
    input_values: Any,
    input_splits: Any,
    *,
    errors: str = "replace",
    output_encoding: str,
    replacement_char: int = 0xFFFD,
) -> Any:
    """A string of the code points between each two splits."""
    encoding = _codec(one_of(output_encoding, OUTPUT_ENCODINGS, "output_encoding")).name
    policy = _policy(errors, replacement_char, False)
    splits, codes = check_splits(input_splits, len(input_values)), input_values.tolist()
    return strings(_encoded(codes[a:b], encoding, policy) for a, b in itertools.pairwise(splits))


@op("UnicodeTranscode", "input: string -> output: string", host_only=True, differentiable=False, shape=same_shape)
def unicode_transcode(
    input: Any,
    *,
    input_encoding: str,
    output_encoding: str,
    errors: str = "replace",
    replacement_char: int = 0xFFFD,
    replace_control_characters: bool = False,
) -> Any:
    """Each string in another encoding."""
    source = _codec(input_encoding).name
    target = _codec(one_of(output_encoding, OUTPUT_ENCODINGS, "output_encoding")).name
    policy = _policy(errors, replacement_char, replace_control_characters)
    return mapped(lambda item: "".join(map(chr, _decoded(item, source, policy)[0].tolist())).encode(target), input)
