"""Text and bytes, Python's number types, and sizes: what libraries take from `tf.compat`."""

from __future__ import annotations

import codecs
import numbers
import os
from typing import Any

import numpy as np

bytes_or_text_types = (bytes, str)
integral_types = (numbers.Integral, np.integer)
real_types = (numbers.Real, np.integer, np.floating)
complex_types = (numbers.Complex, np.number)


def _encoding(name: str) -> str:
    """The normal form of an encoding's name.

    Raises:
        LookupError: there is no such encoding.
    """
    return codecs.lookup(name).name


def as_bytes(bytes_or_text: Any, encoding: str = "utf-8") -> bytes:
    """Text encoded; bytes as they are.

    Raises:
        TypeError: it is neither.
    """
    encoding = _encoding(encoding)
    if isinstance(bytes_or_text, str):
        return bytes_or_text.encode(encoding)
    if isinstance(bytes_or_text, bytes | bytearray):
        return bytes(bytes_or_text)
    raise TypeError(f"expected bytes or text; got {bytes_or_text!r} ({type(bytes_or_text).__name__})")


def as_text(bytes_or_text: Any, encoding: str = "utf-8") -> str:
    """Bytes decoded; text as it is.

    Raises:
        TypeError: it is neither.
    """
    encoding = _encoding(encoding)
    if isinstance(bytes_or_text, str):
        return bytes_or_text
    if isinstance(bytes_or_text, bytes | bytearray):
        return bytes(bytes_or_text).decode(encoding)
    raise TypeError(f"expected bytes or text; got {bytes_or_text!r} ({type(bytes_or_text).__name__})")


as_str = as_text


def as_str_any(value: Any, encoding: str = "utf-8") -> str:
    """Bytes decoded, anything else as `str` shows it."""
    return as_text(value, encoding) if isinstance(value, bytes | bytearray) else str(value)


def path_to_str(path: Any) -> Any:
    """A path object as text; anything else as it is."""
    return as_str_any(os.fspath(path)) if isinstance(path, os.PathLike) else path


def dimension_value(dimension: Any) -> int | None:
    """A size as an int, or None for an unknown one."""
    return None if dimension is None else int(dimension)


def dimension_at_index(shape: Any, index: int) -> int | None:
    """The size of one dimension of a TensorShape; None when it, or the rank, is unknown."""
    return None if shape.rank is None else dimension_value(shape[index])


def forward_compatible(year: int, month: int, day: int) -> bool:
    """True: there are no older readers to wait for here."""
    return True
