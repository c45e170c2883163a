"""Whole tensors in strings: serialized TensorProtos."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import DecodeError

from headrace.core.dtypes import DType, from_numpy
from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.opdef import op
from headrace.dispatch.tensor import Tensor
from headrace.ops.strings.elements import scalar, strings
from headrace.proto.messages import TensorProto
from headrace.proto.tensors import from_proto, to_proto


@op("SerializeTensor", "tensor: T -> serialized: string", host_only=True, differentiable=False, shape=lambda *_, **__: ())
def serialize_tensor_op(tensor: Any) -> Any:
    """A tensor as a serialized TensorProto, a scalar string."""
    return strings([to_proto(tensor).SerializeToString(deterministic=True)], ())


@op("ParseTensor", "serialized: string -> output: out_type", host_only=True, differentiable=False)
def parse_tensor_op(serialized: Any, *, out_type: DType) -> Any:
    """The tensor of a serialized TensorProto."""
    data = scalar(serialized, "serialized")
    try:
        proto = TensorProto.FromString(data)
    except DecodeError:
        raise InvalidArgumentError(f"the {len(data)} bytes given are no serialized tensor") from None
    array = from_proto(proto, "the serialized tensor")
    if from_numpy(array.dtype) is not out_type:
        raise InvalidArgumentError(f"the serialized tensor is {from_numpy(array.dtype).name}; expected {out_type.name}")
    return array


def serialize_tensor(tensor: Any, name: str | None = None) -> Tensor:
    """A tensor as a serialized TensorProto, a scalar string."""
    return serialize_tensor_op(tensor, name=name)


def parse_tensor(serialized: Any, out_type: Any, name: str | None = None) -> Tensor:
    """The tensor of a serialized TensorProto.

    Raises:
        InvalidArgumentError: the bytes are no tensor, or one of another dtype.
    """
    return parse_tensor_op(serialized, out_type=out_type, name=name)
