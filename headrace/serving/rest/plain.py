"""The commonest predict request, one array of plain numbers, read without a Python object for each number."""

from __future__ import annotations

import functools
import re
from typing import NamedTuple

import ml_dtypes

from headrace.core.dtypes import DType
from headrace.native import numbers
from headrace.serving.engines.base import Array

_LEAST_BYTES = 200
"""Shorter requests are read as fast the general way."""
_EXACT = float(1 << 53)

_SIGNATURE = rb'"signature_name"[ \t\r\n]*:[ \t\r\n]*"(\w*)"[ \t\r\n]*'
_HEAD = re.compile(rb"[ \t\r\n]*\{[ \t\r\n]*(?:" + _SIGNATURE + rb',[ \t\r\n]*)?"(instances|inputs)"[ \t\r\n]*:[ \t\r\n]*(?=\[)')
_TAIL = re.compile(rb"[ \t\r\n]*(?:,[ \t\r\n]*" + _SIGNATURE + rb")?\}[ \t\r\n]*")


class PlainRequest(NamedTuple):
    """A request such as `{"instances": [[1, 2.5]]}`. `key` is "instances" or "inputs"."""

    signature: str
    key: str
    numbers: numbers.Numbers

    def to_array(self, dtype: DType) -> Array | None:
        """The numbers as `dtype`; None when one of them does not fit, or `dtype` has other values than numbers."""
        found = self.numbers
        if dtype.is_floating:
            fits = found.largest_integer <= largest_exact_integer(dtype) and found.largest_fraction <= _largest(dtype)
        elif dtype.is_integer:
            fits = found.largest_fraction < 0 and found.largest_integer <= _EXACT
            fits = fits and bool(found.values.min() >= dtype.min and found.values.max() <= dtype.max)
        else:
            fits = False
        return found.values.astype(dtype.np_dtype) if fits else None


def read(body: bytes) -> PlainRequest | None:
    """The request in `body`; None for one of any other form, and where there is no C library."""
    head = _HEAD.match(body) if len(body) >= _LEAST_BYTES else None
    if head is None:
        return None
    found = numbers.read(body, head.end())
    if found is None:
        return None
    tail = _TAIL.fullmatch(body, found.end)
    if tail is None or (head[1] is not None and tail[1] is not None):
        return None
    return PlainRequest((head[1] or tail[1] or b"").decode(), head[2].decode(), found)


@functools.cache
def _largest(dtype: DType) -> float:
    return float(dtype.max)


@functools.cache
def largest_exact_integer(dtype: DType) -> int:
    """Up to this magnitude a floating type has every integer."""
    return (1 << (int(ml_dtypes.finfo(dtype.np_dtype).nmant) + 1)) - 1
