"""Numbers as strings and strings as numbers."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from headrace.core.dtypes import (
    COMPLEX,
    FLOATING,
    INTEGERS,
    DType,
    bool_,
    float32,
    float64,
    from_numpy,
    int32,
    int64,
    string,
    uint32,
    uint64,
    variant,
)
from headrace.core.errors import InvalidArgumentError, UnimplementedError
from headrace.dispatch.opdef import op
from headrace.dispatch.tensor import Tensor
from headrace.ops.strings.elements import numbers, same_shape, strings

_FILLS = ("", " ", "+", "-", "0", "#")
_WIDEST = 1 << 16
"""The most characters that a number is widened to."""


def _template(dtype: DType, precision: int, scientific: bool, shortest: bool, width: int, fill: str) -> str:
    """A `%` format for one number.

    Raises:
        InvalidArgumentError: the options do not fit the dtype or each other.
    """
    is_inexact = dtype.is_floating or dtype.is_complex
    if scientific and shortest:
        raise InvalidArgumentError("scientific and shortest exclude each other; give one of them")
    if (scientific or shortest or precision > -1) and not is_inexact:
        raise InvalidArgumentError(f"precision, scientific and shortest need floating or complex numbers; got {dtype.name}")
    if fill not in _FILLS:
        raise InvalidArgumentError(f"fill is one of {', '.join(map(repr, _FILLS))}; got {fill!r}")
    if max(width, precision) > _WIDEST:
        raise InvalidArgumentError(f"width and precision are at most {_WIDEST}; got {width} and {precision}")
    letter = ("e" if scientific else "g" if shortest else "f") if is_inexact else "s" if dtype is string else "d"
    return f"%{fill}{width if width > -1 else ''}{f'.{precision}' if precision > -1 else ''}{letter}"


def _float_writer(template: str) -> Callable[[float], str]:
    """A writer like C's: a sign on negative NaN, and no zeros before what is no number."""
    blank = template.replace("%0", "%")

    def write(value: float) -> str:
        if np.isfinite(value):
            return template % value
        text = blank % value
        if np.isnan(value) and np.signbit(value):
            body = text.strip().lstrip("+")
            padded = "-" + body
            return padded.ljust(len(text)) if text.endswith(" ") else padded.rjust(len(text))
        return text

    return write


@op(
    "AsString",
    "input: T -> output: string",
    T=(*FLOATING, *INTEGERS, *COMPLEX, bool_, variant, string),
    host_only=True,
    differentiable=False,
    shape=same_shape,
)
def as_string_op(
    input: Any,
    *,
    precision: int = -1,
    scientific: bool = False,
    shortest: bool = False,
    width: int = -1,
    fill: str = "",
) -> Any:
    """Each number in decimal digits; see `as_string`."""
    dtype = from_numpy(input.dtype)
    template = _template(dtype, precision, scientific, shortest, width, fill)
    items = input.ravel().tolist() if dtype.name != "bfloat16" else input.ravel().astype(np.float64).tolist()
    if dtype is bool_:
        return strings((b"true" if item else b"false" for item in items), input.shape)
    if dtype is string:
        encoded_template = template.replace("%0", "%").encode()
        return strings((encoded_template % item for item in items), input.shape)
    if dtype.is_complex:
        write = _float_writer(template)
        return strings((f"({write(item.real)},{write(item.imag)})".encode() for item in items), input.shape)
    if dtype.is_floating:
        write = _float_writer(template)
        return strings((write(item).encode() for item in items), input.shape)
    # C's `#` means nothing for decimal integers.
    plain = template.replace("%#", "%").encode()
    return strings((plain % item for item in items), input.shape)


def as_string(
    input: Any,
    precision: int = -1,
    scientific: bool = False,
    shortest: bool = False,
    width: int = -1,
    fill: str = "",
    name: str | None = None,
) -> Tensor:
    """Each number in decimal digits.

    Args:
        input: numbers, booleans or strings.
        precision: digits after the point (significant ones with `shortest`); -1 for six.
        scientific: write an exponent.
        shortest: write whichever of the two forms is shorter.
        width: the least number of characters.
        fill: what fills up the width: blank, `0`, `-` for blanks after, `+` for a sign before.

    Raises:
        InvalidArgumentError: the options do not fit the dtype or each other.
    """
    attrs = {"precision": precision, "scientific": scientific, "shortest": shortest, "width": width, "fill": fill}
    return as_string_op(input, **attrs, name=name)


_BLANKS = rb"[ \t\n\v\f\r]*"
_INTEGER = re.compile(_BLANKS + rb"([+-]?[0-9]+)" + _BLANKS)
_FLOAT = re.compile(
    _BLANKS + rb"([+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|inf(?:inity)?|nan))" + _BLANKS, re.IGNORECASE
)
_HEX_FLOAT = re.compile(_BLANKS + rb"([+-]?0x(?:[0-9a-f]+\.?[0-9a-f]*|\.[0-9a-f]+)(?:p[+-]?[0-9]+)?)" + _BLANKS, re.IGNORECASE)
_LONGEST = 4000
"""Digits that an integer is read from: Python refuses more, and no dtype holds as many."""


def parse_number(item: bytes, dtype: DType) -> Any:
    """The number that the whole of `item` spells, blanks around it aside; None when it spells none that `dtype` holds."""
    if dtype.is_floating:
        found = _FLOAT.fullmatch(item)
        if found is not None:
            return float(found.group(1))
        found = _HEX_FLOAT.fullmatch(item)
        return None if found is None else float.fromhex(found.group(1).decode())
    found = _INTEGER.fullmatch(item)
    if found is None or len(item) > _LONGEST or (dtype.is_unsigned and found.group(1)[:1] == b"-"):
        return None
    value = int(found.group(1))
    return value if dtype.min <= value <= dtype.max else None


@op(
    "StringToNumber",
    "string_tensor: string -> output: out_type",
    out_type=(float32, float64, int32, int64, uint32, uint64),
    host_only=True,
    differentiable=False,
    shape=same_shape,
)
def string_to_number(string_tensor: Any, *, out_type: DType = float32) -> Any:
    """The number that each string spells."""

    def parse(item: bytes) -> Any:
        value = parse_number(item, out_type)
        if value is None:
            raise InvalidArgumentError(f"{item[:80]!r} spells no {out_type.name}")
        return value

    with np.errstate(over="ignore"):
        return numbers(parse, string_tensor, out_type.np_dtype)


def to_number(input: Any, out_type: Any = float32, name: str | None = None) -> Tensor:
    """The number that each string spells.

    Raises:
        InvalidArgumentError: a string spells no number of that dtype.
    """
    return string_to_number(input, out_type=out_type, name=name)
