"""Tensors written into a template."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.opdef import op
from headrace.dispatch.tensor import Tensor
from headrace.ops.strings.elements import encoded, strings

_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t", '"': '\\"', "'": "\\'", "\\": "\\\\"}


def _quoted(item: bytes) -> str:
    """A string in quotes, its special characters escaped as in C."""
    out = []
    for code in item:
        character = chr(code)
        if character in _ESCAPES:
            out.append(_ESCAPES[character])
        else:
            out.append(character if 0x20 <= code < 0x7F or code >= 0x80 else f"\\{code:03o}")
    return '"' + "".join(out) + '"'


def _short_float(value: Any) -> str:
    """The fewest of two numbers of digits that give the value back."""
    wide = float(value)
    if np.isnan(wide):
        return "nan"
    digits, more = (15, 17) if value.dtype == np.float64 else (6, 9)
    text = f"{wide:.{digits}g}"
    with np.errstate(over="ignore"):
        return text if value.dtype.type(float(text)) == value or np.isinf(wide) else f"{wide:.{more}g}"


def _element(value: Any) -> str:
    if isinstance(value, bytes):
        return _quoted(value)
    if value.dtype.kind == "f":
        return _short_float(value)
    if value.dtype.name in ("bfloat16", "float16"):
        return _short_float(np.float32(value))
    if value.dtype.kind == "c":
        return f"({_short_float(value.real)},{_short_float(value.imag)})"
    return str(int(value))


def summary(array: Any, edge: int) -> str:
    """An array in brackets: of each axis the first and the last `edge` elements, all of them when that is negative."""
    return _summary(array, edge, 1)


def _summary(array: Any, edge: int, depth: int) -> str:
    if not array.ndim:
        return _element(array[()] if array.dtype.kind != "O" else array.item())
    size = array.shape[0]
    separator = " " if array.ndim == 1 else "\n" * (array.ndim - 1) + " " * depth
    shortened = edge >= 0 and size > 2 * edge
    places = [*range(edge), *range(size - edge, size)] if shortened else [*range(size)]
    parts = [_summary(array[place, ...], edge, depth + 1) for place in places]
    if shortened:
        parts.insert(edge, "...")
    return "[" + separator.join(parts) + "]"


@op("StringFormat", "inputs: T[] -> output: string", host_only=True, differentiable=False, shape=lambda inputs, **_: ())
def string_format(inputs: tuple[Any, ...], *, template: str = "%s", placeholder: str = "%s", summarize: int = 3) -> Any:
    """The template with a summary of each tensor for a placeholder; see `format`."""
    pieces = template.split(placeholder) if placeholder else [template]
    if len(pieces) != len(inputs) + 1:
        raise InvalidArgumentError(
            f"the template {template!r} has {len(pieces) - 1} placeholders {placeholder!r} but {len(inputs)} tensors were given"
        )
    texts = [summary(item, summarize).encode("latin1") for item in inputs]
    out = encoded(pieces[0]) + b"".join(text + encoded(piece) for text, piece in zip(texts, pieces[1:], strict=True))
    return strings([out], ())


def format(template: str, inputs: Any = (), placeholder: str = "{}", summarize: int = 3, name: str | None = None) -> Tensor:
    """The template with a summary of each tensor for a placeholder, a scalar string.

    Args:
        template: the text.
        inputs: a tensor, or a list of one for each placeholder.
        placeholder: what stands for a tensor.
        summarize: how many elements at either end of each axis are written; -1 for all.

    Raises:
        ValueError: there are more or fewer placeholders than tensors.
    """
    given: Sequence[Any] = inputs if isinstance(inputs, list | tuple) else [inputs]
    if template.count(placeholder) != len(given):
        raise ValueError(
            f"the template {template!r} has {template.count(placeholder)} placeholders {placeholder!r} but {len(given)} tensors"
            " were given"
        )
    return string_format(list(given), template=template, placeholder=placeholder, summarize=summarize, name=name)
