"""Sticky keys: what a request says of who it is for, as bytes that are the same over every protocol."""

from __future__ import annotations

import numpy as np

from headrace.serving.context import RequestContext
from headrace.serving.routing.rules import Sticky

_EXACT = float(1 << 53)


def key_of(sticky: Sticky | None, context: RequestContext) -> bytes:
    """The sticky key of a request; empty where the rules ask for none or the request brings none."""
    if sticky is None:
        return b""
    if sticky.source == "header":
        return context.header(sticky.name).encode("utf-8", "replace")
    return text_of(context.first_value(sticky.name))


def text_of(value: object) -> bytes:
    """A value as a key: a string as it is, a whole number in decimal digits, any other the shortest decimal form of its float32.

    JSON does not tell 1 from 1.0 and knows no float32, so the forms above are those that both protocols agree on. What is
    neither text nor a number is no key.
    """
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode("utf-8", "replace")
    if isinstance(value, int):  # bool is one: true is 1
        return str(int(value)).encode()
    if isinstance(value, float):
        if value.is_integer() and abs(value) < _EXACT:
            return str(int(value)).encode()
        with np.errstate(over="ignore"):
            return str(np.float32(value)).encode()
    return b""
