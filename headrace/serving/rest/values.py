"""JSON values: read, named and shown in messages, and the form that bytes have."""

from __future__ import annotations

import base64
import binascii
import json
import math
from typing import Any

import orjson

from headrace.core.errors import InvalidArgumentError

MOST_PARTS = 4 << 20
"""Lists, objects and keys of a JSON text. Each takes tens of bytes in memory for the two that it may have in the text."""
_SHOWN = 1024
_KINDS = {type(None): "Null", dict: "Object", list: "Array", str: "String", int: "Number", float: "Number"}


def load(body: bytes) -> Any:
    """The value that a JSON text stands for; NaN, Infinity and -Infinity may stand bare.

    Raises:
        InvalidArgumentError: it is no JSON, or has more than `MOST_PARTS` lists, objects and keys.
    """
    if not body:
        raise InvalidArgumentError("JSON Parse error: The document is empty")
    if len(body) > MOST_PARTS and sum(map(body.count, (b"[", b"{", b":"))) > MOST_PARTS:
        raise InvalidArgumentError(
            f"the request's JSON has more than {MOST_PARTS} lists, objects and keys; send fewer instances at a time, or binary data"
        )
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if b"NaN" in body or b"Infinity" in body:
            return _load_with_nan(body)
        raise InvalidArgumentError(f"JSON Parse error: Invalid value. {error.msg} at offset: {error.pos}") from None


def _load_with_nan(body: bytes) -> Any:
    """Python's own parser takes bare NaN, Infinity and -Infinity, which orjson refuses."""
    try:
        return json.loads(body, parse_float=_finite)
    except json.JSONDecodeError as error:
        raise InvalidArgumentError(f"JSON Parse error: Invalid value. {error.msg} at offset: {error.pos}") from None
    except UnicodeDecodeError as error:
        raise InvalidArgumentError(f"JSON Parse error: Invalid value. not UTF-8 at offset: {error.start}") from None
    except RecursionError:
        raise InvalidArgumentError("JSON Parse error: Invalid value. nested too deep") from None
    except ValueError as error:  # an integer of thousands of digits
        raise InvalidArgumentError(f"JSON Parse error: Invalid value. {error}") from None


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise InvalidArgumentError(f"JSON Parse error: Invalid value. {text[:40]} is too large for a double")
    return value


def is_base64(value: Any) -> bool:
    """True for the form that bytes have, `{"b64": "..."}`."""
    return isinstance(value, dict) and len(value) == 1 and isinstance(value.get("b64"), str)


def from_base64(value: Any) -> bytes:
    """The bytes of a value for which `is_base64` is true.

    Raises:
        InvalidArgumentError: the text is not base64.
    """
    text = "".join(value["b64"].split()).rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise InvalidArgumentError(f"Unable to base64 decode {show(value)}") from None


def kind(value: Any) -> str:
    """What TensorFlow Serving calls the type of a value."""
    return str(value) if isinstance(value, bool) else _KINDS[type(value)]


def show(value: Any) -> str:
    """The value as JSON, cut short."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."
