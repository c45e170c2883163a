"""Runs as serialized tensorflow.serving.PredictionLog messages."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from headrace.proto.messages import Example
from headrace.proto.serving import (
    ClassificationRequest,
    ClassificationResponse,
    LogMetadata,
    MultiInferenceRequest,
    MultiInferenceResponse,
    PredictionLog,
    PredictRequest,
    PredictResponse,
    RegressionRequest,
    RegressionResponse,
)
from headrace.proto.tensor_maps import join_tensors
from headrace.proto.varint import delimited
from headrace.serving.engines.base import Array
from headrace.serving.grpc import results
from headrace.serving.grpc.codec import fill_spec
from headrace.serving.heads import CLASSES, CLASSIFY, INPUTS, REGRESS, SCORES, Head, result_of
from headrace.serving.inference import Answer
from headrace.serving.request_log.options import Inputs
from headrace.serving.runs import Run

_HASH = "sha256"
"""The feature that stands for a hashed tf.Example."""
_REQUEST, _RESPONSE = 1, 2
"""The fields of each kind of log."""


class Encoder:
    """Writes runs as records.

    Args:
        inputs: what of the inputs is written. Hashes are keyed: the same inputs have the same hash, and nobody without the key can
            find out which they were by trying.
        key: of the hashes.
    """

    def __init__(self, inputs: Inputs, key: bytes) -> None:
        self._inputs = inputs
        self._key = key

    def encode(self, run: Run, sampling_rate: float) -> bytes:
        """The record of a run that was answered.

        Raises:
            OpError: it has tensors that have no stored form.
        """
        metadata = LogMetadata(timestamp_secs=int(time.time()), sampling_config={"sampling_rate": sampling_rate})
        fill_spec(metadata.model_spec, run.model, run.version, run.signatures[0] if len(run.signatures) == 1 else "")
        kind, write = _KINDS[run.api]
        request, response = write(self, run)
        field = PredictionLog.DESCRIPTOR.fields_by_name[kind].number
        body = (delimited(_REQUEST, len(request)), request, delimited(_RESPONSE, len(response)), response)
        head: bytes = PredictionLog(log_metadata=metadata).SerializeToString()
        return b"".join([head, delimited(field, sum(map(len, body))), *body])

    def _predict(self, run: Run) -> tuple[bytes, bytes]:
        request, response = PredictRequest(), PredictResponse()
        fill_spec(request.model_spec, run.model, run.version, run.signatures[0])
        fill_spec(response.model_spec, run.model, run.version, run.signatures[0])
        return (
            _with_tensors(request, "inputs", self._redacted(run.inputs)),
            _with_tensors(response, "outputs", run.outputs[run.signatures[0]]),
        )

    def _head(self, run: Run, method: str, request: Any, response: Any, fill: Callable[..., None]) -> tuple[bytes, bytes]:
        (name,) = run.signatures
        fill_spec(request.model_spec, run.model, run.version, name)
        count = self._examples(request.input, run)
        answer = Answer(result_of(Head(method, name), run.outputs[name], count), run.version, name)
        fill(response, run.model, answer)
        return request.SerializeToString(), response.SerializeToString()

    def _classify(self, run: Run) -> tuple[bytes, bytes]:
        return self._head(run, CLASSIFY, ClassificationRequest(), ClassificationResponse(), results.fill_classify)

    def _regress(self, run: Run) -> tuple[bytes, bytes]:
        return self._head(run, REGRESS, RegressionRequest(), RegressionResponse(), results.fill_regress)

    def _multi_inference(self, run: Run) -> tuple[bytes, bytes]:
        request, response = MultiInferenceRequest(), MultiInferenceResponse()
        count = self._examples(request.input, run)
        for name in run.signatures:
            method = CLASSIFY if {CLASSES, SCORES}.intersection(run.outputs[name]) else REGRESS
            fill_spec(request.tasks.add(method_name=method).model_spec, run.model, run.version, name)
            answer = Answer(result_of(Head(method, name), run.outputs[name], count), run.version, name)
            results.fill_inference(response.results.add(), run.model, answer)
        return request.SerializeToString(), response.SerializeToString()

    def _examples(self, proto: Any, run: Run) -> int:
        """Writes the examples of a run into an Input; their number, of those left out too."""
        batch = run.inputs[INPUTS].tolist()
        listed = proto.example_list
        listed.SetInParent()
        if self._inputs is Inputs.FULL:
            listed.examples.extend(Example.FromString(item) for item in batch)
        elif self._inputs is Inputs.HASHED:
            for item in batch:
                listed.examples.add().features.feature[_HASH].bytes_list.value.append(self._hash(item))
        return len(batch)

    def _redacted(self, inputs: Mapping[str, Array]) -> Mapping[str, Array]:
        if self._inputs is Inputs.FULL:
            return inputs
        if self._inputs is Inputs.OMITTED:
            return {}
        return {name: np.array(self._hash(_content(value)), object) for name, value in inputs.items()}

    def _hash(self, content: bytes) -> bytes:
        return b"sha256:" + hmac.new(self._key, content, hashlib.sha256).hexdigest().encode()


_KINDS: dict[str, tuple[str, Callable[[Encoder, Run], tuple[bytes, bytes]]]] = {
    "Predict": ("predict_log", Encoder._predict),
    "Infer": ("predict_log", Encoder._predict),
    "Classify": ("classify_log", Encoder._classify),
    "Regress": ("regress_log", Encoder._regress),
    "MultiInference": ("multi_inference_log", Encoder._multi_inference),
}


def has_record(run: Run) -> bool:
    """True for an answered request of a kind that has a record."""
    return run.error is None and run.api in _KINDS


def _with_tensors(message: Any, field: str, tensors: Mapping[str, Array]) -> bytes:
    number = message.DESCRIPTOR.fields_by_name[field].number
    return join_tensors(message.SerializeToString(), number, [(name, np.asarray(value), None) for name, value in tensors.items()])


def _content(value: Array) -> bytes:
    """What tells an input from every other one."""
    head = f"{value.dtype} {value.shape} ".encode()
    if not value.dtype.hasobject:
        return head + np.ascontiguousarray(value).tobytes()
    items = [item if isinstance(item, bytes) else str(item).encode() for item in value.ravel().tolist()]
    return head + b"".join(b"%d " % len(item) + item for item in items)
