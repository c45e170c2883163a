"""Arrays to JSON and back. Requests are columnar, the form that has room for every signature."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson

from headrace.core import dtypes
from headrace.core.errors import DataLossError, InvalidArgumentError, UnimplementedError
from headrace.core.spec import TensorSpec
from headrace.proto.tensors import Array, as_bytes, little_endian

_PLAIN = {4: 3.4e38, 8: np.inf}
"""Floats of so many bytes below this are written in their shortest form. That of the largest float32 is above it as a double, which
TensorFlow Serving refuses."""


class MisfitError(Exception):
    """An answer does not fit the signature as the client knows it."""


def load(body: bytes) -> Any:
    """The value of a JSON text; NaN, Infinity and -Infinity may stand bare.

    Raises:
        DataLossError: it is none.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if b"NaN" not in body and b"Infinity" not in body:
            raise DataLossError(f"the server's answer is no JSON: {error.msg} at {error.pos}") from None
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise DataLossError(f"the server's answer is no JSON: {error}") from None


def request(signature: str, inputs: Mapping[str, Array]) -> bytes:
    """The body of a predict request.

    Raises:
        InvalidArgumentError: JSON cannot say the shape of an input.
        UnimplementedError: JSON has no numbers of its dtype.
    """
    head = {"signature_name": signature} if signature else {}
    return orjson.dumps({**head, "inputs": {name: orjson.Fragment(_encode(name, array)) for name, array in inputs.items()}})


def _encode(name: str, array: Array) -> bytes:
    if 0 in array.shape[:-1]:
        raise InvalidArgumentError(f"input {name!r} has the shape {list(array.shape)}, which JSON cannot say; use gRPC")
    dtype = dtypes.from_numpy(array.dtype)
    if dtype is dtypes.string:
        return orjson.dumps(_nest([to_base64(item) for item in array.ravel().tolist()], array.shape))
    if dtype.is_complex:
        raise UnimplementedError(f"input {name!r} is of {dtype.name}, which JSON does not have; use gRPC")
    if dtype in (dtypes.int4, dtypes.uint4):
        array = array.astype(np.int8)
    elif dtype.is_floating and dtype.size < 4:
        array = array.astype(np.float32)
    if dtype.is_floating and not (np.abs(array) < _PLAIN[array.dtype.itemsize]).all():
        return json.dumps(array.tolist()).encode()  # every digit of a double; NaN and infinities stand bare
    array = little_endian(array)
    return orjson.dumps(array if array.ndim else array[()], option=orjson.OPT_SERIALIZE_NUMPY)


def to_base64(item: bytes | str) -> dict[str, str]:
    """The form that bytes have in JSON."""
    return {"b64": base64.b64encode(as_bytes(item)).decode()}


def _nest(items: list[Any], shape: tuple[int, ...]) -> Any:
    flat = np.empty(len(items), object)
    flat[:] = items
    return flat.reshape(shape).tolist()


def outputs(content: Any, specs: Mapping[str, TensorSpec]) -> dict[str, Array]:
    """The outputs that an answer has.

    Args:
        content: what stands under `outputs`: a single output without its name.
        specs: the outputs of the signature.

    Raises:
        MisfitError: the answer is not one of that signature.
    """
    if len(specs) == 1:
        content = {next(iter(specs)): content}
    if not isinstance(content, dict) or content.keys() != specs.keys():
        raise MisfitError(f"it has no outputs {sorted(specs)}")
    return {name: _decode(name, content[name], spec) for name, spec in specs.items()}


def _decode(name: str, value: Any, spec: TensorSpec) -> Array:
    known = spec.shape.dims
    try:
        array = _strings(value) if spec.dtype is dtypes.string else _numbers(value, spec)
        if not array.size and known is not None:  # lists end at the first empty one
            array = array.reshape(array.shape + tuple(size or 0 for size in known[array.ndim :]))
    except (TypeError, ValueError, OverflowError, RecursionError, binascii.Error) as error:
        raise MisfitError(f"output {name!r} is no {spec.dtype.name}: {error}") from None
    if not spec.shape.is_compatible_with(array.shape):
        raise MisfitError(f"output {name!r} has the shape {list(array.shape)}, not {spec.shape}")
    return array


def _numbers(value: Any, spec: TensorSpec) -> Array:
    dtype = spec.dtype
    array = np.asarray(value)
    if dtype is dtypes.uint64 and array.dtype == np.float64:  # what numpy makes of integers on both sides of 2**63
        array = np.array(value, object)
        array = array.astype(np.uint64) if {int} >= set(map(type, array.ravel().tolist())) else np.asarray(value)
    kinds = "b" if dtype is dtypes.bool_ else "fiu" if dtype.is_floating else "iu"
    if array.size and array.dtype.kind not in kinds:
        raise ValueError(f"it holds {array.dtype}")
    if dtype.is_integer and array.size and (int(array.min()) < int(dtype.min) or int(array.max()) > int(dtype.max)):
        raise ValueError("a number is out of range")
    with np.errstate(over="ignore"):
        return array.astype(dtype.np_dtype)


def _strings(value: Any) -> Array:
    array = np.array(value, object)
    flat = array.reshape(-1)
    flat[:] = [_string(item) for item in flat.tolist()]
    return array


def _string(item: Any) -> bytes:
    if isinstance(item, str):
        return item.encode()
    if isinstance(item, dict) and item.keys() == {"b64"} and isinstance(item["b64"], str):
        return base64.b64decode(item["b64"], validate=True)
    raise ValueError(f"a {type(item).__name__} is no string")
