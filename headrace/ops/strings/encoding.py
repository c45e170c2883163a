"""Base64, and the bytes of numbers in strings."""

from __future__ import annotations

import base64
import re
from typing import Any

import numpy as np

from headrace.core.dtypes import COMPLEX, FLOATING, DType, bool_, int8, int16, int32, int64, uint8, uint16
from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.opdef import op
from headrace.ops.strings.elements import mapped, same_shape, scalar

_NARROW_INTEGERS = (int8, int16, int32, int64, uint8, uint16)
_WEB_SAFE = re.compile(rb"[A-Za-z0-9_-]*={0,2}")


@op("EncodeBase64", "input: string -> output: string", host_only=True, shape=same_shape)
def encode_base64(input: Any, *, pad: bool = False) -> Any:
    """Base64 with the alphabet for URLs, filled up with `=` only when `pad` is set."""
    if pad:
        return mapped(base64.urlsafe_b64encode, input)
    return mapped(lambda item: base64.urlsafe_b64encode(item).rstrip(b"="), input)


def _from_base64(item: bytes) -> bytes:
    body = item.rstrip(b"=")
    if not _WEB_SAFE.fullmatch(item) or len(body) % 4 == 1:
        raise InvalidArgumentError(
            f"{item[:80]!r} is no base64 with the alphabet for URLs: expected A-Z a-z 0-9 - _, and a length that is not 1 modulo 4"
        )
    return base64.urlsafe_b64decode(body + b"=" * (-len(body) % 4))


@op("DecodeBase64", "input: string -> output: string", host_only=True, shape=same_shape)
def decode_base64(input: Any) -> Any:
    """The bytes that base64 with the alphabet for URLs stands for."""
    return mapped(_from_base64, input)


def _numbers(buffer: bytes, shape: tuple[int, ...], out_type: DType, little_endian: bool) -> Any:
    if out_type is bool_:
        return (np.frombuffer(buffer, np.uint8) != 0).reshape(shape)
    array = np.frombuffer(buffer, out_type.np_dtype).reshape(shape)
    return array if little_endian or array.itemsize == 1 else array.byteswap()


def _check_size(size: int, out_type: DType) -> None:
    if size % out_type.np_dtype.itemsize:
        raise InvalidArgumentError(f"strings of {size} bytes do not divide into {out_type.name}s of {out_type.np_dtype.itemsize}")


def decoded(strings: Any, out_type: DType, little_endian: bool = True) -> Any:
    """What the bytes of strings, all of one length, say: numbers along a new last axis.

    Args:
        strings: an array of bytes.
        out_type: the dtype of the numbers.
        little_endian: whether the lowest byte comes first.

    Raises:
        InvalidArgumentError: the lengths differ, or do not divide into numbers.
    """
    items = strings.ravel().tolist()
    sizes = set(map(len, items))
    if len(sizes) > 1:
        raise InvalidArgumentError(f"DecodeRaw takes strings of one length; these have {min(sizes)} to {max(sizes)} bytes")
    (size,) = sizes or {0}
    _check_size(size, out_type)
    return _numbers(b"".join(items), (*strings.shape, size // out_type.np_dtype.itemsize), out_type, little_endian)


def numbers_of(strings: Any, out_type: DType) -> Any:
    """The same for strings whose bytes stand along the last axis of a uint8 array, lowest byte first, without a copy."""
    _check_size(strings.shape[-1], out_type)
    return strings != 0 if out_type is bool_ else strings.view(out_type.np_dtype)


DECODED = (*FLOATING, *COMPLEX, *_NARROW_INTEGERS, bool_)
"""The dtypes that DecodeRaw gives."""


@op(
    "DecodeRaw",
    "bytes: string -> output: out_type",
    out_type=DECODED,
    host_only=True,
    differentiable=False,
    shape=lambda bytes, **_: (*bytes, None),
)
def decode_raw_op(bytes: Any, *, out_type: DType, little_endian: bool = True) -> Any:
    """The bytes of each string, all of one length, as numbers along a new last axis."""
    return decoded(bytes, out_type, little_endian)


@op(
    "DecodePaddedRaw",
    "input_bytes: string, fixed_length: int32 -> output: out_type",
    out_type=(*FLOATING, *_NARROW_INTEGERS),
    host_only=True,
    differentiable=False,
)
def decode_padded_raw(input_bytes: Any, fixed_length: Any, *, out_type: DType, little_endian: bool = True) -> Any:
    """The first `fixed_length` bytes of each string, filled up with zeros, as numbers along a new last axis."""
    length, width = scalar(fixed_length, "fixed_length"), out_type.np_dtype.itemsize
    if length <= 0 or length % width:
        raise InvalidArgumentError(f"fixed_length must be positive and a multiple of {width}, a {out_type.name}; got {length}")
    buffer = b"".join(item[:length].ljust(length, b"\0") for item in input_bytes.ravel().tolist())
    return _numbers(buffer, (*input_bytes.shape, length // width), out_type, little_endian)


def decode_raw(
    input_bytes: Any, out_type: Any, little_endian: bool = True, fixed_length: Any = None, name: str | None = None
) -> Any:
    """The bytes of each string as numbers along a new last axis.

    Args:
        input_bytes: strings of one length, unless `fixed_length` is given.
        out_type: the dtype of the numbers.
        little_endian: whether the lowest byte comes first.
        fixed_length: bytes taken of each string; shorter ones are filled up with zeros.
    """
    if fixed_length is None:
        return decode_raw_op(input_bytes, out_type=out_type, little_endian=little_endian, name=name)
    return decode_padded_raw(input_bytes, fixed_length, out_type=out_type, little_endian=little_endian, name=name)
