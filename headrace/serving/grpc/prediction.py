"""tensorflow.serving.PredictionService."""

from __future__ import annotations

import functools
from concurrent.futures import Executor
from typing import Any

from headrace.core.errors import InvalidArgumentError
from headrace.proto.serving import (
    ClassificationRequest,
    ClassificationResponse,
    GetModelMetadataRequest,
    MultiInferenceRequest,
    MultiInferenceResponse,
    RegressionRequest,
    RegressionResponse,
)
from headrace.serving import inference
from headrace.serving.dataplane import Dataplane
from headrace.serving.engines.base import DEFAULT_SIGNATURE
from headrace.serving.examples import first_value, of_input
from headrace.serving.grpc import codec, describe, results
from headrace.serving.grpc.calls import Call, Method
from headrace.serving.grpc.known_answers import Responses
from headrace.serving.grpc.known_requests import Requests
from headrace.serving.grpc.options import GrpcOptions
from headrace.serving.grpc.predict_request import Request
from headrace.serving.models import ModelSpec
from headrace.serving.pending import Pending
from headrace.serving.servable import Handle

SERVICE = "tensorflow.serving.PredictionService"


class PredictionService:
    """Runs models and says what signatures they have.

    Args:
        dataplane: runs them.
        options: how responses are written.
        control: runs what needs no model.
    """

    def __init__(self, dataplane: Dataplane, options: GrpcOptions, control: Executor) -> None:
        self._dataplane = dataplane
        self._models = dataplane.models
        self._options = options
        self._control = control
        self._requests = Requests()
        self._answers = Responses(options.tensor_content)

    def methods(self) -> dict[str, Method]:
        """The methods, by path."""
        return {
            f"/{SERVICE}/Predict": Method(None, self.predict, api="Predict", start=self.start_predict),
            f"/{SERVICE}/Classify": Method(ClassificationRequest, self.classify, api="Classify"),
            f"/{SERVICE}/Regress": Method(RegressionRequest, self.regress, api="Regress"),
            f"/{SERVICE}/MultiInference": Method(MultiInferenceRequest, self.multi_inference, api="MultiInference"),
            f"/{SERVICE}/GetModelMetadata": Method(GetModelMetadataRequest, self.metadata, pool=self._control),
        }

    def predict(self, data: bytes, call: Call) -> bytes:
        """Runs one signature; raises what Dataplane.predict does, and InvalidArgumentError for what is no PredictRequest."""
        request = self._requests.read(data)
        spec = request.spec
        call.model = spec.name
        call.context.first_value = functools.partial(request.first_value, self._options.max_message_bytes)
        with self._dataplane.acquire(spec, call.context) as handle:
            pending = self._begin(handle, spec, request, call, wait=True)
        return pending.result()

    def start_predict(self, data: bytes, call: Call) -> Pending[bytes] | None:
        """Queues a request for a signature that is batched; None where a run would begin at once. Raises what `predict` does."""
        request = self._requests.read(data)
        spec = request.spec
        call.model = spec.name
        call.context.first_value = functools.partial(request.first_value, self._options.max_message_bytes)
        with self._dataplane.acquire(spec, call.context) as handle:
            batcher = handle.batcher(spec.signature or DEFAULT_SIGNATURE)
            if batcher is None:
                return None
            if call.hold is not None:
                call.hold(batcher)
            return self._begin(handle, spec, request, call)

    def _begin(self, handle: Handle, spec: ModelSpec, request: Request, call: Call, wait: bool = False) -> Pending[bytes]:
        inputs = request.inputs(self._options.max_message_bytes)
        pending = self._dataplane.start(handle, spec.signature, inputs, request.output_filter, "Predict", call.context, wait)
        signatures = handle.signatures
        return pending.then(lambda made: self._answers.write(spec.name, made, signatures[made.signature]))

    def classify(self, request: Any, call: Call) -> Any:
        """Classes and scores of tf.Examples; raises what inference.classify does."""
        spec = codec.model_spec(request)
        call.model = spec.name
        examples, shared = of_input(request.input)
        call.context.first_value = functools.partial(first_value, examples[0] if examples else b"", shared)
        answer = inference.classify(self._dataplane, spec, examples, shared, call.context)
        response = ClassificationResponse()
        results.fill_classify(response, spec.name, answer)
        return response

    def regress(self, request: Any, call: Call) -> Any:
        """One value for each tf.Example; raises what inference.regress does."""
        spec = codec.model_spec(request)
        call.model = spec.name
        examples, shared = of_input(request.input)
        call.context.first_value = functools.partial(first_value, examples[0] if examples else b"", shared)
        answer = inference.regress(self._dataplane, spec, examples, shared, call.context)
        response = RegressionResponse()
        results.fill_regress(response, spec.name, answer)
        return response

    def multi_inference(self, request: Any, call: Call) -> Any:
        """Several heads of a model on the same tf.Examples; raises what inference.multi_inference does."""
        tasks = [inference.Task(codec.model_spec(task), task.method_name) for task in request.tasks]
        call.model = tasks[0].spec.name if tasks else ""
        examples, shared = of_input(request.input)
        call.context.first_value = functools.partial(first_value, examples[0] if examples else b"", shared)
        answers = inference.multi_inference(self._dataplane, tasks, examples, shared, call.context)
        response = MultiInferenceResponse()
        for task, answer in zip(tasks, answers, strict=True):
            results.fill_inference(response.results.add(), task.spec.name, answer)
        return response

    def metadata(self, request: Any, call: Call) -> Any:
        """The signatures of a version.

        Raises:
            InvalidArgumentError: another field than "signature_def" is asked for, or none, or no model is named.
            NotFoundError: no such model or version.
        """
        spec = codec.model_spec(request)
        if not request.metadata_field:
            raise InvalidArgumentError("GetModelMetadataRequest must specify at least one metadata_field")
        for field in request.metadata_field:
            if field != describe.SIGNATURE_DEF:
                raise InvalidArgumentError(f"Metadata field {field} is not supported; the only one is {describe.SIGNATURE_DEF}")
        call.context.rights.check_sees(spec.name)
        with self._models.acquire(spec) as handle:
            return describe.metadata_response(handle)
