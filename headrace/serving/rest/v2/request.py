"""Inference requests: a JSON object, and after it the binary data of its inputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

from headrace.core.errors import InvalidArgumentError
from headrace.serving.engines.base import Array
from headrace.serving.rest.v2 import tensors
from headrace.serving.rest.values import load
from headrace.serving.v2 import datatypes
from headrace.serving.v2.infer import InferRequest, check_parameters, priority_of, timeout_of
from headrace.serving.v2.tensors import from_binary

JSON_LENGTH = "inference-header-content-length"
"""The header that says how many bytes of a body are JSON, when binary data follows."""

_ALIGNMENT = 16

T = TypeVar("T", str, int, bool, dict[str, Any], list[Any])


@dataclass(frozen=True, slots=True)
class JsonInferRequest(InferRequest):
    """What a request says, and in what form it wants its answer.

    Attributes:
        binary_output: whether outputs are sent as binary data.
        binary_outputs: the same for single outputs, by name.
    """

    binary_output: bool
    binary_outputs: dict[str, bool]


def padding(json_length: str) -> int:
    """How many spaces before a body let its binary data begin at an address for any element type."""
    return -int(json_length[:20]) % _ALIGNMENT if _is_number(json_length) else 0


def parse(body: bytes, json_length: str, padded: int = 0) -> JsonInferRequest:
    """Reads a request.

    Args:
        body: inflated.
        json_length: the header `JSON_LENGTH`, or "".
        padded: spaces that were put before the body.

    Raises:
        InvalidArgumentError: names the field that is wrong.
        UnimplementedError: it asks for shared memory, sequences or classification.
    """
    end = _json_end(len(body) - padded, json_length)
    content = load(body if end is None else body[padded : padded + end])
    if not isinstance(content, dict):
        raise InvalidArgumentError("the request is not a JSON object")
    parameters = _parameters(content, "the request")
    outputs, binary_outputs = _outputs(_field(content, "outputs", list, []))
    return JsonInferRequest(
        _text(_field(content, "id", str)),
        _text(_field(parameters, "signature", str)) or "",
        priority_of(_field(parameters, "priority", int, 0)),
        timeout_of(_field(parameters, "timeout", int, 0)),
        _inputs(_field(content, "inputs", list), body, None if end is None else padded + end),
        outputs,
        _field(parameters, "binary_data_output", bool, False),
        binary_outputs,
    )


def only_ready(body: bytes) -> bool:
    """Whether a request for the index, nothing or `{"ready": true}`, wants only what is served.

    Raises:
        InvalidArgumentError: the request is something else.
    """
    content = load(body) if body else {}
    if not isinstance(content, dict) or type(content.get("ready", False)) is not bool:
        raise InvalidArgumentError('the request is not an object with "ready" true or false')
    return bool(content.get("ready"))


def _json_end(size: int, json_length: str) -> int | None:
    if not json_length:
        return None
    if not _is_number(json_length):
        raise InvalidArgumentError("Inference-Header-Content-Length is not a number; expected how many bytes are JSON")
    if int(json_length) > size:
        raise InvalidArgumentError(f"Inference-Header-Content-Length is {json_length}, but the body has {size} bytes")
    return int(json_length)


def _inputs(entries: list[Any] | None, body: bytes, offset: int | None) -> dict[str, Array]:
    """The inputs; `offset` is where their binary data begins, None when there can be none."""
    if entries is None:
        raise InvalidArgumentError('the request has no "inputs"; expected a list of tensors')
    inputs: dict[str, Array] = {}
    for index, entry in enumerate(entries):
        name = _name(entry, index, "inputs")
        if name in inputs:
            raise InvalidArgumentError(f'input "{name}" is given twice')
        try:
            inputs[name], offset = _tensor(entry, body, offset)
        except InvalidArgumentError as error:
            raise InvalidArgumentError(f'input "{name}": {error.message}') from None
    if offset is not None and offset != len(body):
        raise InvalidArgumentError(f"{len(body) - offset} bytes are left after the binary data of the last input")
    return inputs


def _tensor(entry: dict[str, Any], body: bytes, offset: int | None) -> tuple[Array, int | None]:
    """An input, and where the binary data of the next one begins."""
    dtype = datatypes.of_name(entry.get("datatype"))
    shape = tensors.shape_of(entry.get("shape"))
    size = _field(_parameters(entry, "an input"), "binary_data_size", int)
    if size is None:
        return tensors.from_json(entry.get("data"), dtype, shape), offset
    if "data" in entry:
        raise InvalidArgumentError('both "data" and "binary_data_size" are given; expected one of them')
    if offset is None:
        raise InvalidArgumentError('"binary_data_size" needs the header Inference-Header-Content-Length')
    if not 0 <= size <= len(body) - offset:
        raise InvalidArgumentError(f'"binary_data_size" is {size}; {len(body) - offset} bytes are left in the body')
    return from_binary(body, offset, size, dtype, shape), offset + size


def _outputs(entries: list[Any]) -> tuple[list[str], dict[str, bool]]:
    names = [_name(entry, index, "outputs") for index, entry in enumerate(entries)]
    binary: dict[str, bool] = {}
    for name, entry in zip(names, entries, strict=True):
        wanted = _field(_parameters(entry, f'output "{name}"'), "binary_data", bool)
        if wanted is not None:
            binary[name] = wanted
    return names, binary


def _name(entry: Any, index: int, key: str) -> str:
    name = entry.get("name") if isinstance(entry, dict) else None
    if not isinstance(name, str):
        raise InvalidArgumentError(f'item {index} of "{key}" is not an object with a "name"')
    return name


def _parameters(entry: dict[str, Any], where: str) -> dict[str, Any]:
    parameters: dict[str, Any] = _field(entry, "parameters", dict, {})
    check_parameters(parameters, where)
    return parameters


_WORDS = {str: "a string", int: "an integer", bool: "true or false", dict: "an object", list: "a list"}


def _field(entry: dict[str, Any], key: str, kind: type[T], default: Any = None) -> Any:
    """A field of an object, checked to be of a type; the default where it is missing or null."""
    value = entry.get(key)
    if value is None:
        return default
    if type(value) is not kind:
        raise InvalidArgumentError(f'"{key}" is not {_WORDS[kind]}')
    return value


def _text(value: str | None) -> str | None:
    try:
        return value if value is None or value.encode() is not None else None
    except UnicodeEncodeError:
        raise InvalidArgumentError("a name in the request is not valid Unicode") from None


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 20
