"""Attributes of nodes to AttrValue and back, by the kind that an op declares."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from headrace.core import errors
from headrace.core.shapes import TensorShape, as_shape
from headrace.proto.messages import AttrValue
from headrace.proto.tensors import dtype_from_proto, from_proto, shape_from_proto, shape_to_proto, to_proto

_FIELD = {
    "type": "type",
    "int": "i",
    "float": "f",
    "bool": "b",
    "string": "s",
    "shape": "shape",
    "tensor": "tensor",
    "func": "func",
}


def encode(kind: str, value: Any, function_name: Callable[[Any], str], dtype: Any = None) -> Any:
    """An AttrValue.

    Args:
        kind: the declared kind, such as `int` or `list(type)`.
        value: the canonical value (see dispatch/opdef.py).
        function_name: gives the library name of a graph.
        dtype: the element type of a `tensor` whose numpy dtype does not tell it.
    """
    proto = AttrValue()
    if kind.startswith("list("):
        proto.list.SetInParent()
        field = _FIELD[kind[5:-1]]
        for item in value:
            _append(getattr(proto.list, field), field, item, function_name)
        return proto
    field = _FIELD[kind]
    if field == "type":
        proto.type = value.enum
    elif field == "s":
        proto.s = value.encode("utf-8", "surrogateescape")
    elif field == "shape":
        proto.shape.CopyFrom(shape_to_proto(as_shape(value)))
    elif field == "tensor":
        proto.tensor.CopyFrom(to_proto(value, dtype))
    elif field == "func":
        proto.func.name = function_name(value)
    else:
        setattr(proto, field, value)
    return proto


def _append(target: Any, field: str, item: Any, function_name: Callable[[Any], str]) -> None:
    if field == "type":
        target.append(item.enum)
    elif field == "s":
        target.append(item.encode("utf-8", "surrogateescape"))
    elif field == "shape":
        target.append(shape_to_proto(as_shape(item)))
    elif field == "tensor":
        target.append(to_proto(item))
    elif field == "func":
        target.add().name = function_name(item)
    else:
        target.append(item)


def decode(kind: str, proto: Any, what: str) -> Any:
    """The canonical value of an AttrValue; functions become their names.

    Raises:
        InvalidArgumentError: the value is of another kind.
    """
    present = proto.WhichOneof("value")
    if kind.startswith("list("):
        if present != "list":
            raise errors.InvalidArgumentError(f"{what} is given as {present or 'nothing'}; expected {kind}")
        field = _FIELD[kind[5:-1]]
        return tuple(_value(field, item, what) for item in getattr(proto.list, field))
    field = _FIELD[kind]
    if present != field:
        raise errors.InvalidArgumentError(f"{what} is given as {present or 'nothing'}; expected {kind}")
    return _value(field, getattr(proto, field), what)


def _value(field: str, item: Any, what: str) -> Any:
    if field == "type":
        return dtype_from_proto(item, what)
    if field == "s":
        return item.decode("utf-8", "surrogateescape")
    if field == "shape":
        return shape_from_proto(item, what)
    if field == "tensor":
        return from_proto(item, what)
    return item.name if field == "func" else item


def is_blank(proto: Any) -> bool:
    """True when the value says nothing: false, zero, empty. Such an attribute may be left unread."""
    present = proto.WhichOneof("value")
    if present is None:
        return True
    if present == "list":
        return not proto.list.ListFields()
    value = getattr(proto, present)
    if present == "shape":
        return shape_from_proto(value, "shape") == TensorShape(None) or not value.ListFields()
    return not value.ListFields() if hasattr(value, "ListFields") else not value
