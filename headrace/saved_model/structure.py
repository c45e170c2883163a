"""Nested Python values to StructuredValue and back: signatures, results and default arguments of saved functions."""

from __future__ import annotations

import collections
from collections.abc import Mapping
from typing import Any

import numpy as np

from headrace.core import nest
from headrace.core.dtypes import DType
from headrace.core.errors import InvalidArgumentError, UnimplementedError
from headrace.core.shapes import TensorShape
from headrace.core.spec import CompositeSpec, TensorSpec
from headrace.dispatch.composite import IndexedSlicesSpec
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.tensor import EagerTensor
from headrace.proto.messages import StructuredValue
from headrace.proto.tensors import dtype_from_proto, from_proto, shape_from_proto, shape_to_proto, to_proto
from headrace.ragged.tensor import RaggedTensorSpec
from headrace.sparse.tensor import SparseTensorSpec

_MAX_DEPTH = 60

_COMPOSITES: dict[type[Any], tuple[int, tuple[str, ...]]] = {
    SparseTensorSpec: (1, ("shape", "dtype")),
    IndexedSlicesSpec: (2, ("shape", "dtype", "indices_dtype", "dense_shape_dtype", "indices_shape")),
    RaggedTensorSpec: (3, ("shape", "dtype", "ragged_rank", "row_splits_dtype")),
}
"""The number of each class of composite specs in a TypeSpecProto, and the fields that stand there."""


def encode(value: Any) -> Any:
    """A StructuredValue.

    Raises:
        UnimplementedError: a leaf has no stored form.
    """
    proto = StructuredValue()
    _encode(value, proto)
    return proto


def _encode(value: Any, proto: Any) -> None:
    if nest.is_namedtuple(value):
        proto.named_tuple_value.name = type(value).__name__
        for key in value._fields:
            pair = proto.named_tuple_value.values.add(key=key)
            _encode(getattr(value, key), pair.value)
    elif isinstance(value, tuple | list):
        target = proto.tuple_value if isinstance(value, tuple) else proto.list_value
        target.SetInParent()
        for item in value:
            _encode(item, target.values.add())
    elif isinstance(value, Mapping):
        proto.dict_value.SetInParent()
        for key, item in value.items():
            if not isinstance(key, str):
                raise UnimplementedError(f"a dict with the key {key!r} cannot be saved; expected string keys")
            _encode(item, proto.dict_value.fields[key])
    else:
        _encode_leaf(value, proto)


def _encode_leaf(value: Any, proto: Any) -> None:
    if value is None:
        proto.none_value.SetInParent()
    elif isinstance(value, TensorSpec):
        spec = proto.tensor_spec_value
        spec.name, spec.dtype = value.name or "", value.dtype.enum
        spec.shape.CopyFrom(shape_to_proto(value.shape))
    elif isinstance(value, CompositeSpec):
        encode_composite(value, proto.type_spec_value)
    elif isinstance(value, bool):
        proto.bool_value = value
    elif isinstance(value, int) and -(2**63) <= value < 2**63:
        proto.int64_value = value
    elif isinstance(value, float):
        proto.float64_value = value
    elif isinstance(value, str):
        proto.string_value = value
    elif isinstance(value, DType):
        proto.tensor_dtype_value = value.enum
    elif isinstance(value, TensorShape):
        proto.tensor_shape_value.CopyFrom(shape_to_proto(value))
    elif isinstance(value, EagerTensor):
        proto.tensor_value.CopyFrom(to_proto(np.asarray(value), value.dtype))
    elif isinstance(value, np.ndarray):
        proto.numpy_value.CopyFrom(to_proto(value))
    else:
        raise UnimplementedError(f"{value!r} ({type(value).__name__}) has no stored form; expected specs, numbers, strings or None")


def encode_composite(spec: CompositeSpec, proto: Any) -> None:
    """Fills a TypeSpecProto.

    Raises:
        UnimplementedError: the spec has no stored form.
    """
    kind = next((kind for kind in _COMPOSITES if type(spec) is kind), None)
    if kind is None:
        raise UnimplementedError(f"{spec!r} has no stored form; expected specs of sparse or ragged tensors or of IndexedSlices")
    number, fields = _COMPOSITES[kind]
    proto.type_spec_class, proto.type_spec_class_name = number, kind.__name__
    _encode(tuple(getattr(spec, field) for field in fields), proto.type_state)
    proto.num_flat_components = len(spec.component_specs)


def decode_composite(proto: Any, what: str, depth: int = 0) -> CompositeSpec:
    """The spec of a TypeSpecProto; raises as `decode`."""
    kind = next((kind for kind, (number, _) in _COMPOSITES.items() if number == proto.type_spec_class), None)
    if kind is None:
        raise UnimplementedError(
            f"{what} holds a {proto.type_spec_class_name or 'composite'}; only plain, sparse and ragged tensors and IndexedSlices"
            " are supported"
        )
    state = decode(proto.type_state, what, depth + 1)
    fields = _COMPOSITES[kind][1]
    # A fifth field of a ragged tensor's spec describes flat values that are no plain tensor.
    if not isinstance(state, tuple) or len(state) < len(fields) or any(item is not None for item in state[len(fields) :]):
        raise InvalidArgumentError(f"{what} holds a {kind.__name__} with the fields {state!r}; expected {', '.join(fields)}")
    try:
        spec: CompositeSpec = kind(*state[: len(fields)])
    except (TypeError, ValueError) as error:
        raise InvalidArgumentError(f"{what} holds a {kind.__name__} that cannot be: {error}") from None
    return spec


def decode(proto: Any, what: str, depth: int = 0) -> Any:
    """The Python value; a named tuple comes back as one of the same name and fields.

    Raises:
        InvalidArgumentError: the value is empty or nested too deep.
        UnimplementedError: it is of a kind that Headrace does not have, such as the spec of a dataset.
    """
    if depth > _MAX_DEPTH:
        raise InvalidArgumentError(f"{what} is nested more than {_MAX_DEPTH} deep")
    kind = proto.WhichOneof("kind")
    if kind is None:
        raise InvalidArgumentError(f"{what} holds an empty value")
    value = getattr(proto, kind)
    if kind == "list_value":
        return [decode(item, what, depth + 1) for item in value.values]
    if kind == "tuple_value":
        return tuple(decode(item, what, depth + 1) for item in value.values)
    if kind == "dict_value":
        return {key: decode(value.fields[key], what, depth + 1) for key in sorted(value.fields)}
    if kind == "named_tuple_value":
        return _named_tuple(value.name, {pair.key: decode(pair.value, what, depth + 1) for pair in value.values}, what)
    if kind == "type_spec_value":
        return decode_composite(value, what, depth)
    return _decode_leaf(kind, value, what)


def _named_tuple(name: str, fields: dict[str, Any], what: str) -> Any:
    try:
        kind = collections.namedtuple(name, list(fields))  # type: ignore[misc]
    except ValueError as error:
        raise InvalidArgumentError(f"{what} holds a named tuple that cannot be: {error}") from None
    return kind(**fields)


def _decode_leaf(kind: str, value: Any, what: str) -> Any:
    if kind == "none_value":
        return None
    if kind in ("tensor_spec_value", "bounded_tensor_spec_value"):
        return TensorSpec(shape_from_proto(value.shape, what), dtype_from_proto(value.dtype, what), value.name or None)
    if kind == "tensor_dtype_value":
        return dtype_from_proto(value, what)
    if kind == "tensor_shape_value":
        return shape_from_proto(value, what)
    if kind == "tensor_value":
        return convert_to_tensor(from_proto(value, what))
    if kind == "numpy_value":
        return from_proto(value, what)
    return value
