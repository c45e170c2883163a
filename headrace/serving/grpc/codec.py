"""Requests to specs and arrays, predictions to responses."""

from __future__ import annotations

from typing import Any

from headrace.core.dtypes import DType
from headrace.core.errors import InvalidArgumentError
from headrace.proto.serving import PredictResponse
from headrace.proto.tensor_maps import tensor_pieces
from headrace.serving.dataplane import Prediction
from headrace.serving.engines.base import Array, Signature
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


def predict_pieces(model: str, prediction: Prediction, signature: Signature, tensor_content: bool) -> list[bytes | memoryview]:
    """The serialized PredictResponse of a prediction in pieces, to be joined, so that outputs are copied once.

    Args:
        model: the model's name.
        prediction: what the run gave.
        signature: says which dtypes the outputs have.
        tensor_content: put numbers there, not into the typed lists.

    Returns:
        Numbers that stand in memory as they do in the message are memoryviews, all else is bytes.
    """
    response = PredictResponse()
    fill_spec(response.model_spec, model, prediction.version, prediction.signature)
    outputs = [(name, value, _dtype(signature, name, value)) for name, value in prediction.outputs.items()]
    return tensor_pieces(response.SerializeToString(), _OUTPUTS, outputs, tensor_content)


def _dtype(signature: Signature, name: str, value: Array) -> DType | None:
    """The declared dtype where it has the same elements (quantized types); None leaves it to the array."""
    declared = signature.outputs[name].dtype
    return declared if declared.is_numpy_compatible and declared.np_dtype == value.dtype else None
