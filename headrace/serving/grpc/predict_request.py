"""PredictRequest, read so that the model gets views of large inputs where they stand in the message.

Parsing would copy them twice. What is not of the usual form (a tensor's values in one block, once) is left to the parser.
"""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from headrace.core import dtypes
from headrace.core.errors import DataLossError, InvalidArgumentError, OpError, UnimplementedError
from headrace.proto.messages import TensorProto
from headrace.proto.raw_fields import MAX_FIELDS, fields, split
from headrace.proto.serving import PredictRequest
from headrace.proto.tensors import concrete_shape, dtype_from_proto, from_bytes, from_proto
from headrace.proto.varint import delimited
from headrace.serving.engines.base import Array, first_of
from headrace.serving.grpc.calls import read
from headrace.serving.grpc.codec import model_spec
from headrace.serving.models import ModelSpec

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


class Request(abc.ABC):
    """A PredictRequest that was read."""

    @property
    @abc.abstractmethod
    def spec(self) -> ModelSpec:
        """The model that it names.

        Raises:
            InvalidArgumentError: it names none.
        """

    @property
    @abc.abstractmethod
    def output_filter(self) -> Sequence[str]:
        """The outputs that it wants."""

    @abc.abstractmethod
    def inputs(self, max_bytes: int) -> dict[str, Array]:
        """The arrays, by name; large ones are read-only views of the message where they are aligned in it.

        Args:
            max_bytes: what one input may fill by repeating its last value.

        Raises:
            InvalidArgumentError: an input's values do not fit its dtype and shape.
            ResourceExhaustedError: an input is larger than `max_bytes`.
        """

    @abc.abstractmethod
    def first_value(self, max_bytes: int, name: str) -> object:
        """The first value of an input; None where there is none, or none that can be read."""


@dataclass(frozen=True, slots=True)
class Block:
    """The values of an input: which field of its TensorProto they are, where they stand in the message, and the bytes."""

    field: int
    at: int
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
        whole.MergeFromString(delimited(self.field, len(self.data)) + bytes(self.data))
        return whole


@dataclass(frozen=True, slots=True)
class ParsedRequest(Request):
    """A request that the parser read.

    Attributes:
        proto: the message, whose inputs lack their values where they are among `blocks`.
        blocks: by name.
    """

    proto: Any
    blocks: Mapping[str, Block] = field(default_factory=dict)

    @property
    def spec(self) -> ModelSpec:
        return model_spec(self.proto)

    @property
    def output_filter(self) -> Sequence[str]:
        names: Sequence[str] = self.proto.output_filter
        return names

    def inputs(self, max_bytes: int) -> dict[str, Array]:
        return {name: self._input(name, f'input "{name}"', max_bytes) for name in self.proto.inputs}

    def first_value(self, max_bytes: int, name: str) -> object:
        if name not in self.proto.inputs:
            return None
        try:
            return first_of(self._input(name, name, max_bytes))
        except OpError:  # whoever reads all inputs says so
            return None

    def _input(self, name: str, what: str, max_bytes: int) -> Array:
        proto, block = self.proto.inputs[name], self.blocks.get(name)
        try:
            if block is not None:
                array = block.array(proto, what)
                if array is not None:
                    return array
                proto = block.restored(proto)
            return from_proto(proto, what, writable=False, max_expansion=max_bytes)
        except UnimplementedError:
            number = proto.dtype
            raise InvalidArgumentError(f"{what} has DataType {number}, which has no values; expected numbers or strings") from None
        except DataLossError as error:  # here it is the caller's tensor that is damaged, no stored data
            raise InvalidArgumentError(error.message) from None


def parse(data: bytes) -> ParsedRequest:
    """Reads a request.

    Raises:
        InvalidArgumentError: the bytes are no PredictRequest.
    """
    found = find_blocks(data, LARGE_BYTES) if len(data) >= LARGE_BYTES else None
    return found or ParsedRequest(read(PredictRequest, data))


def find_blocks(data: bytes, least: int, most: int = MAX_FIELDS, whole: bool = False) -> ParsedRequest | None:
    """A request whose inputs of `least` bytes or more are left where they stand, if they are one block each.

    Args:
        data: the message.
        least: bytes of an input that is looked at.
        most: fields of the message, and of each input, that are looked at.
        whole: every input must be such a block.

    Returns:
        None where the bytes are no message, which the parser says better, or an input is there twice.

    Raises:
        InvalidArgumentError: what is left of the message is none.
    """
    try:
        return _split(data, least, most, whole)
    except (DataLossError, UnicodeDecodeError):
        return None


def _split(data: bytes, least: int, most: int, whole: bool) -> ParsedRequest | None:
    head, entries = split(data, _INPUTS, "the request", most)
    kept: list[bytes | memoryview] = [head]
    blocks: dict[str, Block] = {}
    for at, size in entries:
        entry = memoryview(data)[at : at + size]
        found = _block(entry, at, least, most) if size >= least else None
        if found is None:
            if whole:
                return None
            kept += [delimited(_INPUTS, size), entry]
            continue
        key, tensor, block = found
        short = key + delimited(_VALUE, len(tensor)) + tensor
        named = delimited(_INPUTS, len(short)) + short
        kept.append(named)
        blocks |= dict.fromkeys(read(PredictRequest, named).inputs, block)
    proto = read(PredictRequest, b"".join(kept))
    # An input that is there twice counts as the last says, which may have no block.
    return None if len(entries) != len(proto.inputs) else ParsedRequest(proto, blocks)


def _block(entry: memoryview, begin: int, least: int, most: int) -> tuple[bytes, bytes, Block] | None:
    """The key of a map entry at `begin`, its tensor without its values, and those; None where they are not one block."""
    key, values = split(entry, _VALUE, "an input", most)
    if len(values) != 1:
        return None
    at, size = values[0]
    tensor = entry[at : at + size]
    listed = [each for each in fields(tensor, "an input", most) if each.number not in _BESIDE_VALUES]
    if len(listed) != 1:
        return None
    block = listed[0]
    if not (block.delimited and block.size >= least // 2 and block.number in (_CONTENT, *_TYPES)):
        return None
    values_end = block.at + block.size
    rest = bytes(tensor[: block.begin]) + bytes(tensor[values_end:])
    return key, rest, Block(block.number, begin + at + block.at, tensor[block.at : values_end])
