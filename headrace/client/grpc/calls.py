"""Calls over gRPC: methods, messages and answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from headrace.client.answers import Classes, Metadata, VersionStatus, metadata_of, read, statuses_of
from headrace.client.exchange import Exchange, Steps, Target
from headrace.core.errors import DataLossError, OpError
from headrace.proto import serving
from headrace.proto.messages import message
from headrace.proto.tensor_maps import join_tensors
from headrace.proto.tensors import Array, from_proto

_PREDICTION = "/tensorflow.serving.PredictionService/"
_MODELS = "/tensorflow.serving.ModelService/"
_HEALTH = "/grpc.health.v1.Health/Check"
_INPUTS = serving.PredictRequest.DESCRIPTOR.fields_by_name["inputs"].number
_SIGNATURE_DEF = "signature_def"
_HealthRequest = message("grpc.health.v1.HealthCheckRequest")
_HealthResponse = message("grpc.health.v1.HealthCheckResponse")


class GrpcCalls:
    """TensorFlow Serving's services. `max_bytes` bounds what an output may fill by repeating its last value."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes

    def predict(self, target: Target, inputs: Mapping[str, Array], outputs: Sequence[str]) -> Steps[dict[str, Array]]:
        """The outputs by name."""
        request = serving.PredictRequest(model_spec=_spec(target), output_filter=outputs)
        body = join_tensors(request.SerializeToString(), _INPUTS, [(name, array, None) for name, array in inputs.items()])
        response = read(serving.PredictResponse, (yield Exchange(_PREDICTION + "Predict", body)))
        try:
            return {
                name: from_proto(proto, f"output {name!r}", writable=False, max_expansion=self._max_bytes)
                for name, proto in response.outputs.items()
            }
        except OpError as error:
            raise DataLossError(f"the server's answer is damaged: {error.message}") from None

    def classify(self, target: Target, examples: Sequence[Any], context: Any) -> Steps[list[Classes]]:
        """Labels and scores of each example."""
        request = serving.ClassificationRequest(model_spec=_spec(target), input=_input(examples, context))
        body = yield Exchange(_PREDICTION + "Classify", request.SerializeToString())
        response = read(serving.ClassificationResponse, body)
        return [[(each.label, each.score) for each in row.classes] for row in response.result.classifications]

    def regress(self, target: Target, examples: Sequence[Any], context: Any) -> Steps[Array]:
        """A float32 for each example."""
        request = serving.RegressionRequest(model_spec=_spec(target), input=_input(examples, context))
        body = yield Exchange(_PREDICTION + "Regress", request.SerializeToString())
        response = read(serving.RegressionResponse, body)
        return np.array([each.value for each in response.result.regressions], np.float32)

    def metadata(self, target: Target) -> Steps[Metadata]:
        """The signatures of a version."""
        request = serving.GetModelMetadataRequest(model_spec=_spec(target), metadata_field=[_SIGNATURE_DEF])
        body = yield Exchange(_PREDICTION + "GetModelMetadata", request.SerializeToString())
        response = read(serving.GetModelMetadataResponse, body)
        if _SIGNATURE_DEF not in response.metadata:
            raise DataLossError(f"the server's metadata of {target.model!r} has no {_SIGNATURE_DEF}")
        signatures = read(serving.SignatureDefMap, response.metadata[_SIGNATURE_DEF].value)
        return metadata_of(target.model, response.model_spec.version.value, signatures.signature_def)

    def status(self, target: Target) -> Steps[list[VersionStatus]]:
        """The state of each version."""
        request = serving.GetModelStatusRequest(model_spec=_spec(target))
        body = yield Exchange(_MODELS + "GetModelStatus", request.SerializeToString())
        return statuses_of(read(serving.GetModelStatusResponse, body))

    def live(self) -> Steps[bool]:
        """Whether the server lives."""
        return self._health("")

    def ready(self) -> Steps[bool]:
        """Whether every model can be asked."""
        return self._health("tensorflow.serving.PredictionService")

    def _health(self, service: str) -> Steps[bool]:
        body = yield Exchange(_HEALTH, _HealthRequest(service=service).SerializeToString())
        return bool(read(_HealthResponse, body).status == _HealthResponse.ServingStatus.Value("SERVING"))


def _spec(target: Target) -> Any:
    spec = serving.ModelSpec(name=target.model, signature_name=target.signature)
    if target.version is not None:
        spec.version.value = target.version
    elif target.label:
        spec.version_label = target.label
    return spec


def _input(examples: Sequence[Any], context: Any) -> Any:
    if context is None:
        return serving.Input(example_list=serving.ExampleList(examples=examples))
    return serving.Input(example_list_with_context=serving.ExampleListWithContext(examples=examples, context=context))
