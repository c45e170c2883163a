"""Requests to specs and arrays, predictions to responses."""

from __future__ import annotations

from typing import Any

from headrace.core.dtypes import DType
from headrace.core.errors import DataLossError, InvalidArgumentError, OpError, UnimplementedError
from headrace.proto.serving import PredictResponse
from headrace.proto.tensor_maps import join_tensors
from headrace.proto.tensors import from_proto
from headrace.serving.dataplane import Prediction
from headrace.serving.engines.base import Array, Signature, first_of
from headrace.serving.grpc.predict_request import Request
from headrace.serving.models import ModelSpec

_OUTPUTS = PredictResponse.DESCRIPTOR.fields_by_name["outputs"].number


def model_spec(request: Any) -> ModelSpec:
    """The model that a request names.

    Raises:
        InvalidArgumentError: it has no `model_spec`.
    """
    if not request.HasField("model_spec"):
        raise InvalidArgumentError("Missing ModelSpec")
    spec = request.model_spec
    version = spec.version.value if spec.HasField("version") else None
    return ModelSpec(spec.name, version, spec.version_label, spec.signature_name)


def fill_spec(proto: Any, model: str, version: int, signature: str = "") -> None:
    """Says in a response's ModelSpec what answered."""
    proto.name = model
    proto.version.value = version
    proto.signature_name = signature


def inputs(request: Request, max_bytes: int) -> dict[str, Array]:
    """The arrays of a PredictRequest; large ones are read-only views of the message where they are aligned in it.

    Args:
        request: what `predict_request.parse` read.
        max_bytes: what one input may fill by repeating its last value.

    Raises:
        InvalidArgumentError: an input's values do not fit its dtype and shape.
        ResourceExhaustedError: an input is larger than `max_bytes`.
    """
    return {name: _input(request, name, f'input "{name}"', max_bytes) for name in request.proto.inputs}


def first_value(request: Request, max_bytes: int, name: str) -> object:
    """The first value of an input of a PredictRequest; None where there is none, or none that can be read."""
    if name not in request.proto.inputs:
        return None
    try:
        return first_of(_input(request, name, name, max_bytes))
    except OpError:  # whoever reads all inputs says so
        return None


def _input(request: Request, name: str, what: str, max_bytes: int) -> Array:
    proto, block = request.proto.inputs[name], request.blocks.get(name)
    try:
        if block is not None:
            array = block.array(proto, what)
            if array is not None:
                return array
            proto = block.restored(proto)
        return from_proto(proto, what, writable=False, max_expansion=max_bytes)
    except UnimplementedError:
        raise InvalidArgumentError(f"{what} has DataType {proto.dtype}, which has no values; expected numbers or strings") from None
    except DataLossError as error:  # here it is the caller's tensor that is damaged, no stored data
        raise InvalidArgumentError(error.message) from None


def predict_response(model: str, prediction: Prediction, signature: Signature, tensor_content: bool) -> bytes:
    """The serialized PredictResponse of a prediction, put together here so that outputs are copied once.

    Args:
        model: the model's name.
        prediction: what the run gave.
        signature: says which dtypes the outputs have.
        tensor_content: put numbers there, not into the typed lists.
    """
    response = PredictResponse()
    fill_spec(response.model_spec, model, prediction.version, prediction.signature)
    outputs = [(name, value, _dtype(signature, name, value)) for name, value in prediction.outputs.items()]
    return join_tensors(response.SerializeToString(), _OUTPUTS, outputs, tensor_content)


def _dtype(signature: Signature, name: str, value: Array) -> DType | None:
    """The declared dtype where it has the same elements (quantized types); None leaves it to the array."""
    declared = signature.outputs[name].dtype
    return declared if declared.is_numpy_compatible and declared.np_dtype == value.dtype else None
