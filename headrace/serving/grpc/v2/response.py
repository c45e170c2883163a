"""ModelInferResponse, put together so that raw contents are copied once."""

from __future__ import annotations

import numpy as np

from headrace.core import dtypes
from headrace.core.dtypes import DType
from headrace.proto.varint import delimited
from headrace.serving.dataplane import Prediction
from headrace.serving.engines.base import Array
from headrace.serving.grpc.forms import Answers
from headrace.serving.grpc.v2 import contents
from headrace.serving.grpc.v2.messages import ModelInferResponse, ModelStreamInferResponse
from headrace.serving.v2.infer import InferRequest, datatype_of
from headrace.serving.v2.tensors import Block, to_binary

_RAW = ModelInferResponse.DESCRIPTOR.fields_by_name["raw_output_contents"].number
_ANSWER = ModelStreamInferResponse.DESCRIPTOR.fields_by_name["infer_response"].number


def answer(answers: Answers, model: str, request: InferRequest, prediction: Prediction, raw: bool) -> bytes:
    """The serialized answer to a request.

    Args:
        answers: the forms of answers, for those in raw contents to a request without an id.
        model: its name.
        request: what was asked.
        prediction: what came of it.
        raw: send raw contents. Otherwise the typed lists are used, unless an output has a type that has none.

    Raises:
        UnimplementedError: the protocol has no name for an output's type.
    """
    outputs = {name: np.asarray(value) for name, value in prediction.outputs.items()}
    if not raw or request.id is not None:
        return b"".join(_pieces(model, request, prediction, outputs, raw))
    shapes = ((name, value.shape, value.dtype) for name, value in outputs.items())
    key = (model, prediction.version, prediction.signature, *shapes)
    filled = answers.filled(key, outputs)
    if filled is not None:
        return filled
    pieces = _pieces(model, request, prediction, outputs, raw)
    answers.keep(key, outputs, pieces)
    return b"".join(pieces)


def _pieces(model: str, request: InferRequest, prediction: Prediction, outputs: dict[str, Array], raw: bool) -> list[Block]:
    """What is joined to an answer; numbers in raw contents are memoryviews."""
    kinds = {name: _dtype(value) for name, value in outputs.items()}
    raw = raw or not all(contents.has_list(kind) for kind in kinds.values())
    response = ModelInferResponse(model_name=model, model_version=str(prediction.version), id=request.id or "")
    response.parameters["signature"].string_param = prediction.signature
    pieces: list[Block] = []
    for name, value in outputs.items():
        tensor = response.outputs.add(name=name, datatype=datatype_of(name, value), shape=value.shape)
        if raw:
            block = to_binary(value)
            pieces += [delimited(_RAW, memoryview(block).nbytes), block]
        else:
            contents.fill(tensor.contents, value, kinds[name])
    head: bytes = response.SerializeToString()
    return [head, *pieces]


def in_stream(data: bytes) -> bytes:
    """A stream's message with an answer that is serialized already."""
    return delimited(_ANSWER, len(data)) + data


def failure(request_id: str, message: str) -> bytes:
    """A stream's message for a request that failed."""
    data: bytes = ModelStreamInferResponse(error_message=message, infer_response={"id": request_id}).SerializeToString()
    return data


def _dtype(value: Array) -> DType:
    return dtypes.string if value.dtype.kind in "OSU" else dtypes.from_numpy(value.dtype)
