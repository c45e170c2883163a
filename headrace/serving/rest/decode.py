"""Predict requests: JSON to numpy arrays.

The usual case (a rectangular list of plain values) is converted in a few passes at C speed. Only when such a pass finds
something wrong, the values are walked one by one to name the first fault.
"""

from __future__ import annotations

import math
from itertools import chain
from typing import Any, Literal, NoReturn

import numpy as np

from headrace.core import dtypes
from headrace.core.dtypes import DType
from headrace.core.errors import InvalidArgumentError, UnimplementedError
from headrace.serving.engines.base import Array, Signature
from headrace.serving.rest import plain
from headrace.serving.rest.plain import PlainRequest, largest_exact_integer
from headrace.serving.rest.values import from_base64, is_base64, kind, load, show

Layout = Literal["row", "columnar"]

_MAX_RANK = 32
_NAMES = {"float32": "float", "float64": "double", "float16": "half"}


class Document:
    """A request that is a JSON object, its tensors not converted yet.

    Attributes:
        signature: the `signature_name` in it, or "".
        plain: its one array, when it is of the commonest form.
    """

    def __init__(self, signature: str, content: dict[str, Any] | bytes, plain: PlainRequest | None = None) -> None:
        self.signature = signature
        self.plain = plain
        self._content = content

    @property
    def content(self) -> dict[str, Any]:
        """The whole object."""
        if isinstance(self._content, bytes):
            self._content = _content(self._content)
        return self._content


class _FaultError(Exception):
    """Values do not form a tensor; the walk over them says why."""


def parse(body: bytes) -> Document:
    """Reads the JSON of a predict request.

    Raises:
        InvalidArgumentError: not JSON, not an object, or its `signature_name` is not a string.
    """
    request = plain.read(body)
    if request is not None:
        return Document(request.signature, body, request)
    content = _content(body)
    name = content.get("signature_name", "")
    if not isinstance(name, str):
        raise InvalidArgumentError(f"JSON Value: {show(name)} is not a valid 'signature_name'; expected a string")
    return Document(name, content)


def _content(body: bytes) -> dict[str, Any]:
    content = load(body)
    if not isinstance(content, dict):
        raise InvalidArgumentError(f"JSON Value: {show(content)} Is not object")
    return content


def first_value(document: Document, name: str) -> object:
    """The first value of an input, as the JSON has it; None where there is none.

    Where the request does not name its one input, it is taken to be that one.
    """
    if document.plain is not None:
        values = document.plain.numbers.values
        return values.flat[0].item() if values.size else None
    value: Any = document.content.get("instances", document.content.get("inputs"))
    if isinstance(value, list) and "instances" in document.content:
        value = value[0] if value else None
    if isinstance(value, dict) and not is_base64(value):
        value = value.get(name)
    while isinstance(value, list):
        value = value[0] if value else None
    return from_base64(value) if is_base64(value) else value


def to_arrays(document: Document, signature: Signature) -> tuple[dict[str, Array], Layout]:
    """Converts the tensors of a request to the dtypes of `signature`.

    Returns:
        The inputs by name, and the layout that the answer takes.

    Raises:
        InvalidArgumentError: the request has no tensors, or they do not fit together or the signature.
        UnimplementedError: an input's dtype has no JSON form.
    """
    if document.plain is not None and len(signature.inputs) == 1:
        ((name, spec),) = signature.inputs.items()
        array = document.plain.to_array(spec.dtype)
        if array is not None:
            return {name: array}, "row" if document.plain.key == "instances" else "columnar"
    content = document.content
    if not signature.inputs:
        raise InvalidArgumentError(f"Failed to get input map for signature: {document.signature or 'DEFAULT'}")
    if "instances" in content and "inputs" in content:
        raise InvalidArgumentError("the request has both 'instances' and 'inputs'; expected one of them")
    if "instances" in content:
        return _rows(content["instances"], signature), "row"
    if "inputs" in content:
        return _columns(content["inputs"], signature), "columnar"
    raise InvalidArgumentError("Missing 'inputs' or 'instances' key")


def _rows(rows: Any, signature: Signature) -> dict[str, Array]:
    if not isinstance(rows, list) or not rows:
        raise InvalidArgumentError(f"JSON Value: {show(rows)} under 'instances'; expected a list of at least one element")
    specs = signature.inputs
    if _is_record(rows[0]):
        columns = _columns_of_records(rows, signature)
    elif len(specs) > 1:
        raise InvalidArgumentError(f"'instances' is a plain list; expected a list of objects with the keys {sorted(specs)}")
    else:
        _check_no_records(rows)
        columns = {next(iter(specs)): rows}
    arrays: dict[str, Array] = {}
    for name, column in columns.items():
        try:
            arrays[name] = _to_array(column, specs[name].dtype)
        except _FaultError:
            _explain_rows(column, specs[name].dtype, f" key: {name}" if _is_record(rows[0]) else "")
    return arrays


def _columns_of_records(rows: list[Any], signature: Signature) -> dict[str, list[Any]]:
    allowed, required = signature.inputs.keys(), signature.inputs.keys() - signature.defaults.keys()
    names = rows[0].keys() if required <= rows[0].keys() <= allowed else allowed
    for index, row in enumerate(rows):
        if not _is_record(row):
            raise InvalidArgumentError(f"item {index} of 'instances' is a {kind(row)}; expected an object like those before it")
        if row.keys() != names:
            raise InvalidArgumentError(
                f"Failed to process element: {index} of 'instances' list. JSON object: {show(row)} "
                f"keys must be equal to: {','.join(sorted(names))}"
            )
    return {name: [row[name] for row in rows] for name in names}


def _check_no_records(rows: list[Any]) -> None:
    if dict not in set(map(type, rows)):
        return
    for index, row in enumerate(rows):
        if _is_record(row):
            raise InvalidArgumentError(f"item {index} of 'instances' is an object; expected a value or list like those before it")


def _columns(value: Any, signature: Signature) -> dict[str, Array]:
    specs = signature.inputs
    if _is_record(value):
        for name in sorted(specs.keys() - signature.defaults.keys()):
            if name not in value:
                raise InvalidArgumentError(f"Missing named input: {name} in 'inputs' object.")
        columns = {name: value[name] for name in specs if name in value}
    elif len(specs) > 1:
        raise InvalidArgumentError(f"'inputs' is a plain value or list; expected an object with the keys {sorted(specs)}")
    else:
        columns = {next(iter(specs)): value}
    arrays: dict[str, Array] = {}
    for name, column in columns.items():
        arrays[name] = to_tensor(column, specs[name].dtype)
    return arrays


def to_tensor(value: Any, dtype: DType) -> Array:
    """One tensor: a value, or lists of values that are nested as its shape says.

    Raises:
        InvalidArgumentError: the lists are not rectangular, or a value is not of `dtype`.
        UnimplementedError: `dtype` has no JSON form.
    """
    try:
        return _to_array(value, dtype)
    except _FaultError:
        _explain(value, dtype)


# The fast way.


def _to_array(value: Any, dtype: DType) -> Array:
    """A rectangular nest of lists as an array; raises _FaultError for whatever does not fit."""
    shape: list[int] = []
    leaves: list[Any] = [value]
    kinds = set(map(type, leaves))
    while kinds == {list}:
        sizes = set(map(len, leaves))
        if len(sizes) > 1 or len(shape) == _MAX_RANK:
            raise _FaultError
        shape.append(sizes.pop())
        leaves = list(chain.from_iterable(leaves)) if len(leaves) > 1 else leaves[0]
        kinds = set(map(type, leaves))
    if list in kinds:
        raise _FaultError
    return _convert(leaves, kinds, dtype).reshape(shape)


def _convert(leaves: list[Any], kinds: set[type], dtype: DType) -> Array:
    if dtype.is_floating and kinds <= {int, float}:
        return _floats(leaves, dtype, largest_exact_integer(dtype) if int in kinds else float(dtype.max))
    if dtype.is_integer and kinds <= {int}:
        try:
            return np.array(leaves, dtype.np_dtype)
        except OverflowError:
            raise _FaultError from None
    if dtype is dtypes.bool_ and kinds <= {bool}:
        return np.array(leaves, np.bool_)
    if dtype is dtypes.string and kinds <= {str, dict}:
        array = np.empty(len(leaves), object)
        array[:] = [_to_bytes(leaf) for leaf in leaves]
        return array
    if not (dtype.is_floating or dtype.is_integer or dtype in (dtypes.bool_, dtypes.string)):
        raise UnimplementedError(
            f"an input of type {_name(dtype)} cannot be sent as JSON; use a signature with real numbers or strings"
        )
    raise _FaultError


def _floats(leaves: list[Any], dtype: DType, safe: float) -> Array:
    try:
        wide = np.array(leaves, np.float64)
    except OverflowError:
        raise _FaultError from None
    if (np.abs(wide) > safe).any() and not all(_float_fits(leaf, dtype) for leaf in leaves):
        raise _FaultError
    return wide.astype(dtype.np_dtype)


def _float_fits(value: float, dtype: DType) -> bool:
    """False when converting to `dtype` would lose an integer's digits or leave the finite range."""
    if type(value) is int:
        return abs(value) <= largest_exact_integer(dtype)
    if not math.isfinite(value) or abs(value) <= float(dtype.max):
        return True
    with np.errstate(over="ignore"):  # 3.4028235e38, the short form of the largest float32, is above it, and rounds to it
        return bool(np.isfinite(np.float64(value).astype(dtype.np_dtype)))


def _to_bytes(value: Any) -> bytes:
    if isinstance(value, str):
        try:
            return value.encode()
        except UnicodeEncodeError:  # a lone surrogate
            raise _FaultError from None
    if not is_base64(value):
        raise _FaultError
    return from_base64(value)


# The slow way, taken only to name a fault.


def _explain_rows(rows: list[Any], dtype: DType, key: str) -> NoReturn:
    expected: tuple[int, ...] | None = None
    for index, row in enumerate(rows):
        where = f"Failed to process element: {index}{key} of 'instances' list. Error: INVALID_ARGUMENT: "
        shape = _leading_shape(row)
        _walk(row, shape, 0, dtype, where)
        if expected is not None and shape != expected:
            given, wanted = math.prod(shape), math.prod(expected)
            if given != wanted:
                raise InvalidArgumentError(f"{where}Expecting tensor size: {wanted} but got: {given}")
            raise InvalidArgumentError(f"{where}Expecting shape {_brackets(expected)} but got: {_brackets(shape)}")
        expected = shape
    raise InvalidArgumentError(f"the values under 'instances' do not form a tensor of type {_name(dtype)}")


def _explain(value: Any, dtype: DType) -> NoReturn:
    _walk(value, _leading_shape(value), 0, dtype, "")
    raise InvalidArgumentError(f"the values do not form a tensor of type {_name(dtype)}")


def _leading_shape(value: Any) -> tuple[int, ...]:
    """The shape that the first element of every list implies."""
    shape: list[int] = []
    while isinstance(value, list):
        shape.append(len(value))
        if not value:
            break
        value = value[0]
    return tuple(shape)


def _walk(value: Any, shape: tuple[int, ...], level: int, dtype: DType, where: str) -> None:
    if len(shape) > _MAX_RANK:
        raise InvalidArgumentError(f"{where}lists nested {len(shape)} deep; expected at most {_MAX_RANK}")
    if not isinstance(value, list):
        if level != len(shape):
            raise InvalidArgumentError(f"{where}JSON Value: {show(value)} found at level {level}; expected a list, as before it")
        _check_leaf(value, dtype, where)
        return
    if level >= len(shape):
        raise InvalidArgumentError(f"{where}Encountered list at unexpected level: {level} expected < {len(shape)}")
    if len(value) != shape[level]:
        raise InvalidArgumentError(
            f"{where}Encountered list at unexpected size: {len(value)} at level: {level} expected size: {shape[level]}"
        )
    for item in value:
        _walk(item, shape, level + 1, dtype, where)


def _check_leaf(value: Any, dtype: DType, where: str) -> None:
    if dtype.is_floating and type(value) in (int, float) and not _float_fits(value, dtype):
        raise InvalidArgumentError(f"{where}Cannot convert JSON value: {show(value)} to {_name(dtype)} without loss of precision.")
    if dtype is dtypes.string and isinstance(value, dict) and not is_base64(value):
        raise InvalidArgumentError(
            f'{where}JSON Value: {show(value)} not formatted correctly for base64 data; expected {{"b64": "..."}}'
        )
    try:
        _convert([value], {type(value)}, dtype)
    except _FaultError:
        raise InvalidArgumentError(
            f"{where}JSON Value: {show(value)} Type: {kind(value)} is not of expected type: {_name(dtype)}"
        ) from None


def _is_record(value: Any) -> bool:
    return isinstance(value, dict) and not is_base64(value)


def _name(dtype: DType) -> str:
    return _NAMES.get(dtype.name, dtype.name)


def _brackets(shape: tuple[int, ...]) -> str:
    return "[" + ",".join(map(str, shape)) + "]"
