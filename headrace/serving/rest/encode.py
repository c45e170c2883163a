"""Predict answers: numpy arrays to JSON.

orjson writes numpy arrays directly, float32 with as few digits as tell it apart. It writes `null` for NaN and infinities,
which TensorFlow Serving writes bare, so those places are filled in afterwards.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import ml_dtypes
import numpy as np
import orjson

from headrace.core.errors import InvalidArgumentError, UnimplementedError
from headrace.serving.engines.base import Array
from headrace.serving.rest.decode import Layout

_OPTIONS = orjson.OPT_SERIALIZE_NUMPY
_NULL = b"null"
_FLOAT32 = np.dtype(np.float32)


def from_arrays(outputs: Mapping[str, Array], layout: Layout) -> bytes:
    """The JSON of a predict answer.

    Args:
        outputs: the model's outputs by name. The name of a single one is dropped.
        layout: "row" gives one element for each index of dimension 0, "columnar" one tensor for each output.

    Raises:
        InvalidArgumentError: there is no output, an output of rows has no or another dimension 0, or a string is not UTF-8.
        UnimplementedError: an output's dtype has no JSON form.
    """
    if layout == "row" and len(outputs) == 1:
        (value,) = outputs.values()
        if type(value) is np.ndarray and value.dtype is _FLOAT32 and value.ndim and value.flags.c_contiguous:  # the commonest
            text = orjson.dumps({"predictions": value}, option=_OPTIONS)
            if _NULL not in text:
                return text
    if not outputs:
        raise InvalidArgumentError("the signature has no outputs; expected at least one to answer with")
    return _row(outputs) if layout == "row" else _columnar(outputs)


def _columnar(outputs: Mapping[str, Array]) -> bytes:
    encoded = {name: fragment(name, value) for name, value in outputs.items()}
    return orjson.dumps({"outputs": encoded if len(encoded) > 1 else next(iter(encoded.values()))})


def _row(outputs: Mapping[str, Array]) -> bytes:
    rows = {name: value.shape[0] if value.ndim else None for name, value in outputs.items()}
    if None in rows.values():
        scalars = sorted(name for name, count in rows.items() if count is None)
        raise InvalidArgumentError(f"outputs {scalars} are scalars, without rows; send 'inputs' in place of 'instances'")
    if len(set(rows.values())) > 1:
        raise InvalidArgumentError(f"the outputs differ in their number of rows: {rows}; send 'inputs' in place of 'instances'")
    if len(outputs) == 1:
        return orjson.dumps({"predictions": fragment(*next(iter(outputs.items())))})
    columns = {name: [fragment(name, row) for row in value] for name, value in outputs.items()}
    records = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return orjson.dumps({"predictions": records})


def fragment(name: str, value: Any) -> orjson.Fragment:
    """One tensor as ready JSON text.

    Raises:
        InvalidArgumentError: a string is not UTF-8.
        UnimplementedError: its dtype has no JSON form.
    """
    array = np.asarray(value)
    if array.dtype.kind in "OSU":
        return orjson.Fragment(orjson.dumps(_strings(name, array)))
    if array.dtype in (np.dtype(ml_dtypes.bfloat16), np.dtype(np.float16)):
        array = array.astype(np.float32)
    if array.dtype.kind not in "biuf":
        raise UnimplementedError(f"output {name!r} of type {array.dtype} cannot be sent as JSON; choose another output")
    plain = np.ascontiguousarray(array) if array.ndim else array[()]
    text = orjson.dumps(plain, option=_OPTIONS)
    if array.dtype.kind == "f" and _NULL in text:
        text = _fill_in(text, array)
    return orjson.Fragment(text)


def _fill_in(text: bytes, array: Array) -> bytes:
    """Puts NaN, Infinity and -Infinity where orjson wrote `null`; nothing else in a numeric array reads so."""
    odd = array[~np.isfinite(array)].ravel()
    words = [b"NaN" if np.isnan(value) else b"Infinity" if value > 0 else b"-Infinity" for value in odd]
    pieces = text.split(_NULL)
    return b"".join(piece for pair in zip(pieces, [*words, b""], strict=True) for piece in pair)


def _strings(name: str, array: Array) -> Any:
    convert = _base64 if name.endswith("_bytes") else _text
    flat = np.empty(array.size, object)
    flat[:] = [convert(name, item) for item in array.ravel().tolist()]
    return flat.reshape(array.shape).tolist()


def _base64(_: str, item: bytes | str) -> dict[str, str]:
    return {"b64": base64.b64encode(item.encode() if isinstance(item, str) else item).decode()}


def _text(name: str, item: bytes | str) -> str:
    if isinstance(item, str):
        return item
    try:
        return item.decode()
    except UnicodeDecodeError:
        raise InvalidArgumentError(
            f"output {name!r} holds bytes that are not UTF-8; an output named {name + '_bytes'!r} would be sent as base64"
        ) from None
