"""ModelInferRequest, read so that the model gets views of its raw contents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from headrace.core.errors import DataLossError, InvalidArgumentError
from headrace.proto.raw_fields import split
from headrace.serving.engines.base import Array
from headrace.serving.grpc.calls import read
from headrace.serving.grpc.v2 import contents
from headrace.serving.grpc.v2.messages import ModelInferRequest
from headrace.serving.models import ModelSpec
from headrace.serving.v2 import datatypes
from headrace.serving.v2.infer import InferRequest, check_parameters, priority_of, spec_of, timeout_of
from headrace.serving.v2.tensors import check_shape, from_binary

_RAW = ModelInferRequest.DESCRIPTOR.fields_by_name["raw_input_contents"].number
_WORDS = {str: "a string", int: "an integer"}


class Named(Protocol):
    """What a message says before its tensors are read."""

    @property
    def spec(self) -> ModelSpec:
        """The model that it names."""

    @property
    def raw(self) -> bool:
        """True when the inputs, if there are any, came as raw contents."""

    def request(self, data: bytes) -> InferRequest:
        """The request in full; raises what `parse` does."""


@dataclass(frozen=True, slots=True)
class ParsedNames:
    """What the parser read.

    Attributes:
        spec: the model that it names.
        id: comes back in the answer.
        proto: the message without its raw contents.
        blocks: where those stand in the bytes: offset and size.
    """

    spec: ModelSpec
    id: str
    proto: Any
    blocks: list[tuple[int, int]]

    @property
    def raw(self) -> bool:
        """True when the inputs, if there are any, came as raw contents."""
        return bool(self.blocks)

    def request(self, data: bytes) -> InferRequest:
        return parse(data, self)


def read_names(data: bytes) -> ParsedNames:
    """Reads a request but for its tensors.

    Raises:
        InvalidArgumentError: the bytes are no ModelInferRequest, or the version is no int64.
    """
    try:
        head, blocks = split(data, _RAW, "the request")
    except DataLossError as error:
        raise InvalidArgumentError(f"no serialized {ModelInferRequest.DESCRIPTOR.full_name}: {error.message}") from None
    proto = read(ModelInferRequest, head)
    return ParsedNames(spec_of(proto.model_name, proto.model_version), proto.id, proto, blocks)


def parse(data: bytes, named: ParsedNames) -> InferRequest:
    """The request in full; inputs are views of `data` where they are raw and aligned.

    Raises:
        InvalidArgumentError: names the field that is wrong.
        UnimplementedError: it asks for shared memory, sequences or classification.
    """
    proto = named.proto
    check_parameters(proto.parameters, "the request")
    for output in proto.outputs:
        check_parameters(output.parameters, f'output "{output.name}"')
    return InferRequest(
        proto.id or None,
        _parameter(proto, "signature", str, ""),
        priority_of(_parameter(proto, "priority", int, 0)),
        timeout_of(_parameter(proto, "timeout", int, 0)),
        _inputs(data, proto.inputs, named.blocks),
        [output.name for output in proto.outputs],
    )


def _inputs(data: bytes, tensors: Any, blocks: list[tuple[int, int]]) -> dict[str, Array]:
    if blocks and len(blocks) != len(tensors):
        raise InvalidArgumentError(f"{len(blocks)} raw_input_contents for {len(tensors)} inputs; expected one for each, or none")
    inputs: dict[str, Array] = {}
    for index, tensor in enumerate(tensors):
        if tensor.name in inputs:
            raise InvalidArgumentError(f'input "{tensor.name}" is given twice')
        check_parameters(tensor.parameters, f'input "{tensor.name}"')
        try:
            inputs[tensor.name] = _tensor(data, tensor, blocks[index] if blocks else None)
        except InvalidArgumentError as error:
            raise InvalidArgumentError(f'input "{tensor.name}": {error.message}') from None
    return inputs


def _tensor(data: bytes, tensor: Any, block: tuple[int, int] | None) -> Array:
    dtype = datatypes.of_name(tensor.datatype)
    shape = check_shape(tensor.shape)
    if block is None:
        return contents.to_array(tensor.contents, dtype, shape)
    if tensor.HasField("contents"):
        raise InvalidArgumentError("both contents and raw_input_contents are given; expected one of them for all inputs")
    return from_binary(data, *block, dtype, shape)


def _parameter(proto: Any, name: str, kind: type, default: Any) -> Any:
    if name not in proto.parameters:
        return default
    choice = proto.parameters[name].WhichOneof("parameter_choice")
    value = None if choice is None else getattr(proto.parameters[name], choice)
    if type(value) is not kind:
        raise InvalidArgumentError(f'the parameter "{name}" is not {_WORDS[kind]}')
    return value
