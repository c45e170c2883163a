"""PredictRequest, read so that the model gets views of large inputs where they stand in the message.

Parsing would copy them twice. What is not of the usual form (a tensor's values in one block, once) is left to the parser.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from headrace.core import dtypes
from headrace.core.errors import DataLossError
from headrace.proto.messages import TensorProto
from headrace.proto.raw_fields import fields, split
from headrace.proto.serving import PredictRequest
from headrace.proto.tensors import concrete_shape, dtype_from_proto, from_bytes
from headrace.proto.varint import put_varint
from headrace.serving.engines.base import Array
from headrace.serving.grpc.calls import read

LARGE_BYTES = 64 << 10
"""Of messages and inputs that are worth it: to look for the blocks of small ones takes longer than to copy them."""

_INPUTS = PredictRequest.DESCRIPTOR.fields_by_name["inputs"].number
_VALUE = 2
"""The number of a map entry's value."""
_CONTENT, _FLOATS, _DOUBLES = (
    TensorProto.DESCRIPTOR.fields_by_name[name].number for name in ("tensor_content", "float_val", "double_val")
)
_BESIDE_VALUES = {TensorProto.DESCRIPTOR.fields_by_name[name].number for name in ("dtype", "tensor_shape", "version_number")}
_TYPES = {_FLOATS: dtypes.float32, _DOUBLES: dtypes.float64}


@dataclass(frozen=True, slots=True)
class Block:
    """The values of an input: which field of its TensorProto they are, and where they stand."""

    field: int
    data: memoryview

    def array(self, proto: Any, what: str) -> Array | None:
        """The values in the dtype and shape of `proto`, copied only where they are not aligned; None where they do not fit.

        Raises:
            OpError: there is no such dtype or shape.
        """
        dtype = dtype_from_proto(proto.dtype, what)
        if not dtype.is_numpy_compatible or dtype is dtypes.string or _TYPES.get(self.field, dtype) is not dtype:
            return None
        shape = concrete_shape(proto.tensor_shape, what)
        if np.prod(shape, dtype=object) * dtype.np_dtype.itemsize != len(self.data):
            return None
        return np.require(from_bytes(self.data, dtype, shape, what, writable=False), requirements="A")

    def restored(self, proto: Any) -> Any:
        """`proto` with the values in it."""
        whole = TensorProto()
        whole.CopyFrom(proto)
        whole.MergeFromString(_delimited(self.field, len(self.data)) + bytes(self.data))
        return whole


@dataclass(frozen=True, slots=True)
class Request:
    """A PredictRequest.

    Attributes:
        proto: the message, whose inputs lack their values where they are among `blocks`.
        blocks: by name.
    """

    proto: Any
    blocks: Mapping[str, Block] = field(default_factory=dict)


def parse(data: bytes) -> Request:
    """Reads a request.

    Raises:
        InvalidArgumentError: the bytes are no PredictRequest.
    """
    if len(data) >= LARGE_BYTES:
        try:
            return _split(data)
        except (DataLossError, UnicodeDecodeError):
            pass  # the parser says what is wrong, if anything is
    return Request(read(PredictRequest, data))


def _split(data: bytes) -> Request:
    head, entries = split(data, _INPUTS, "the request")
    kept: list[bytes | memoryview] = [head]
    blocks: dict[str, Block] = {}
    for at, size in entries:
        entry = memoryview(data)[at : at + size]
        found = _block(entry) if size >= LARGE_BYTES else None
        if found is None:
            kept += [_delimited(_INPUTS, size), entry]
            continue
        key, tensor, block = found
        short = key + _delimited(_VALUE, len(tensor)) + tensor
        named = _delimited(_INPUTS, len(short)) + short
        kept.append(named)
        blocks |= dict.fromkeys(read(PredictRequest, named).inputs, block)
    proto = read(PredictRequest, b"".join(kept))
    # An input that is there twice counts as the last says, which may have no block.
    twice = len(entries) != len(proto.inputs)
    return Request(read(PredictRequest, data)) if twice else Request(proto, blocks)


def _block(entry: memoryview) -> tuple[bytes, bytes, Block] | None:
    """A map entry's key, its tensor without its values, and those; None where they are not one block."""
    key, values = split(entry, _VALUE, "an input")
    if len(values) != 1:
        return None
    at, size = values[0]
    tensor = entry[at : at + size]
    listed = [each for each in fields(tensor, "an input") if each.number not in _BESIDE_VALUES]
    if len(listed) != 1:
        return None
    block = listed[0]
    if not (block.delimited and block.size >= LARGE_BYTES // 2 and block.number in (_CONTENT, *_TYPES)):
        return None
    values_end = block.at + block.size
    rest = bytes(tensor[: block.begin]) + bytes(tensor[values_end:])
    return key, rest, Block(block.number, tensor[block.at : values_end])


def _delimited(number: int, size: int) -> bytes:
    """What stands before a field of `size` bytes."""
    head = bytearray()
    put_varint(head, number << 3 | 2)
    put_varint(head, size)
    return bytes(head)
