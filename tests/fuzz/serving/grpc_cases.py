"""gRPC calls, most of them damaged: bytes, messages with odd fields, metadata and deadlines."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from headrace.proto import serving
from headrace.proto.messages import TensorProto
from headrace.serving.grpc.v2 import messages
from headrace.serving.grpc.v2.contents import fill, has_list
from headrace.serving.grpc.v2.service import SERVICE
from headrace.serving.v2.datatypes import of_name
from tests.fuzz.damage import damaged
from tests.fuzz.serving import grpc_twins
from tests.serving.test_grpc_garbage import heads_request, tensor
from tests.serving.toy_grpc import MODELS, PREDICTION, predict_request
from tests.serving.toy_v2 import NUMPY, to_bytes

_MOST_DEPTH = 6


@dataclass(slots=True)
class GrpcCase:
    """A call.

    Attributes:
        path: the method's.
        data: the request as bytes.
        metadata: sent beside it.
        timeout: in s.
        undamaged: nothing was changed, so the call must succeed.
    """

    path: str
    data: bytes
    metadata: list[tuple[str, str]]
    timeout: float
    undamaged: bool = False


def _multi_inference() -> Any:
    request = serving.MultiInferenceRequest()
    for signature, method in (("", "tensorflow/serving/classify"), ("regress", "tensorflow/serving/regress")):
        task = request.tasks.add(method_name=method)
        task.model_spec.name = "heads"
        task.model_spec.signature_name = signature
    request.input.example_list.examples.add().features.feature["x"].float_list.value.append(0.5)
    return request


def _heads(kind: Any, signature: str) -> Any:
    request = kind.FromString(heads_request(kind, signature))
    request.model_spec.name = "heads"
    return request


def _about(kind: Any, **fields: Any) -> Any:
    request = kind(**fields)
    request.model_spec.name = "m"
    return request


def _echo(name: str) -> Any:
    value = np.full((2, 2), b"ab", object) if name == "BYTES" else np.ones((2, 2), NUMPY[name])
    return predict_request(name, x=value, y=value)


def _predictions() -> list[Any]:
    found = [
        predict_request(x=np.float32([[1, 2]])),
        predict_request("pair", 1, a=np.float32([1, 2]), b=np.int64([1, 2])),
        predict_request("text", s=np.array([b"ab", b"c"], object)),
        predict_request(x=tensor(dtype=1, tensor_content=np.float32([1, 2, 3, 4]).tobytes())),
        predict_request(x=tensor(dtype=1, float_val=[1])),
    ]
    return found + [_echo(name) for name in NUMPY]


def _infer(name: str, raw: bool) -> Any:
    """A V2 request that is given back."""
    value = np.full((2, 2), b"ab", object) if name == "BYTES" else np.ones((2, 2), NUMPY[name])
    request = messages.ModelInferRequest(model_name="m", id="7")
    request.parameters["signature"].string_param = name
    for key in ("x", "y"):
        tensor = request.inputs.add(name=key, datatype=name, shape=value.shape)
        if raw:
            request.raw_input_contents.append(to_bytes(value))
        else:
            fill(tensor.contents, value, of_name(name))
    return request


def _inferences() -> list[Any]:
    return [_infer(name, raw) for name in NUMPY for raw in (True, False) if raw or has_list(of_name(name))]


PREDICT = f"/{PREDICTION}/Predict"
SEEDS: dict[str, list[Any]] = {
    PREDICT: _predictions(),
    f"/{PREDICTION}/Classify": [_heads(serving.ClassificationRequest, ""), _heads(serving.ClassificationRequest, "labels")],
    f"/{PREDICTION}/Regress": [_heads(serving.RegressionRequest, "regress"), _heads(serving.RegressionRequest, "column")],
    f"/{PREDICTION}/MultiInference": [_multi_inference()],
    f"/{PREDICTION}/GetModelMetadata": [_about(serving.GetModelMetadataRequest, metadata_field=["signature_def"])],
    f"/{MODELS}/GetModelStatus": [_about(serving.GetModelStatusRequest)],
    f"/{SERVICE}/ModelInfer": _inferences(),
    f"/{SERVICE}/ModelMetadata": [messages.ModelMetadataRequest(name="m"), messages.ModelMetadataRequest(name="m", version="1")],
    f"/{SERVICE}/ModelReady": [messages.ModelReadyRequest(name="heads")],
    f"/{SERVICE}/ServerMetadata": [messages.ServerMetadataRequest()],
    f"/{SERVICE}/ServerReady": [messages.ServerReadyRequest()],
    f"/{SERVICE}/RepositoryIndex": [messages.RepositoryIndexRequest(ready=True)],
}
"""Requests that are answered, by method."""

_WEIGHTED = [path for path in SEEDS for _ in range(4 if path.endswith(("Predict", "ModelInfer")) else 1)]
_METADATA = [
    ("priority", "u=0"), ("priority", "u=99"), ("priority", "nonsense"), ("priority", "u=-1, i"), ("x", "y" * 3000),
    ("x-request-id", "7"), ("traceparent", "00-zz"), ("authorization", "Bearer x"),
]  # fmt: skip
_INTEGERS = [0, 1, -1, 2, 3, 7, 14, 127, 128, 255, 2**31 - 1, -(2**31), 2**31, 2**32 - 1, 2**63 - 1, -(2**63), 2**64 - 1]
_FLOATS = [0.0, -0.0, 1.5, float("nan"), float("inf"), -float("inf"), 1e38, 1e-45, 1e308]
_TEXTS = [
    "",
    "m",
    "heads",
    "x",
    "y",
    "regress",
    "serving_default",
    "é" * 20,
    "\x00",
    "a" * 3000,
    "tensorflow/serving/classify",
    "stable",
]


def make(number: int) -> GrpcCase:
    """The call of a case; the number decides all of it."""
    draw = random.Random(number)
    if draw.random() < 0.3:
        return GrpcCase(PREDICT, grpc_twins.twin(draw), [], 60.0)
    path = draw.choice(_WEIGHTED)
    seed = draw.choice(SEEDS[path])
    kind = draw.randrange(20)
    metadata = [draw.choice(_METADATA)] if draw.random() < 0.1 else []
    timeout = draw.choice((1e-4, 0.002)) if draw.random() < 0.05 else 60.0
    if kind == 0:
        return GrpcCase(path, seed.SerializeToString(), metadata, 60.0, undamaged=True)
    if kind <= 7:
        return GrpcCase(path, damaged(seed.SerializeToString(), draw), metadata, timeout)
    if kind == 8:
        return GrpcCase(path, draw.randbytes(draw.randrange(200)), metadata, timeout)
    if kind == 9:
        return GrpcCase(draw.choice((path + "x", "/nothing/Here", path)), seed.SerializeToString(), metadata, timeout)
    message = type(seed)()
    if kind <= 16:
        message.CopyFrom(seed)
        for _ in range(draw.choice((1, 1, 2, 4))):
            _change(message, draw)
    else:
        _fill(message, draw)
    return GrpcCase(path, message.SerializeToString(), metadata, timeout)


def _change(message: Any, draw: random.Random, depth: int = 0) -> None:
    """Changes one field, most often deep within the message."""
    fields = [(descriptor, value) for descriptor, value in message.ListFields() if descriptor.message_type is not None]
    if fields and depth < _MOST_DEPTH and draw.random() < 0.8:
        _, value = draw.choice(fields)
        inner = _messages(value)
        if inner:
            _change(draw.choice(inner), draw, depth + 1)
            return
    descriptor = draw.choice(message.DESCRIPTOR.fields) if message.DESCRIPTOR.fields else None
    if descriptor is None:
        return
    if draw.random() < 0.25:
        message.ClearField(descriptor.name)
    else:
        _set(message, descriptor, draw, depth)


def _messages(value: Any) -> list[Any]:
    """The messages in a field's value: itself, or those of a list or a map."""
    if hasattr(value, "ListFields"):
        return [value]
    return [each for each in (value.values() if hasattr(value, "values") else value) if hasattr(each, "ListFields")]


def _fill(message: Any, draw: random.Random, depth: int = 0) -> None:
    """Sets some fields at random."""
    for descriptor in message.DESCRIPTOR.fields:
        if depth < _MOST_DEPTH and draw.random() < 0.4:
            _set(message, descriptor, draw, depth)


def _set(message: Any, descriptor: Any, draw: random.Random, depth: int) -> None:
    value = getattr(message, descriptor.name)
    many = hasattr(value, "__len__") and not isinstance(value, str | bytes)
    if many and hasattr(value, "values"):  # a map
        _set_entry(value, descriptor.message_type, draw, depth)
    elif descriptor.message_type is not None:
        inner = value.add() if many else value
        if not many:
            inner.SetInParent()
        if isinstance(inner, TensorProto) and draw.random() < 0.7:
            inner.dtype = draw.randrange(24)
        _fill(inner, draw, depth + 1)
    elif many:
        made = _value(descriptor, draw)
        value.extend([made] * draw.choice((1, 2, 3, 1000)))
    else:
        setattr(message, descriptor.name, _value(descriptor, draw))


def _set_entry(value: Any, entry: Any, draw: random.Random, depth: int) -> None:
    key = _value(entry.fields_by_name["key"], draw)
    if entry.fields_by_name["value"].message_type is not None:
        _fill(value[key], draw, depth + 1)
    else:
        value[key] = _value(entry.fields_by_name["value"], draw)


def _value(descriptor: Any, draw: random.Random) -> Any:
    """An odd value of a field's type."""
    kinds: dict[int, Callable[[], Any]] = {
        descriptor.CPPTYPE_INT32: lambda: draw.choice([each for each in _INTEGERS if -(2**31) <= each < 2**31]),
        descriptor.CPPTYPE_INT64: lambda: draw.choice([each for each in _INTEGERS if -(2**63) <= each < 2**63]),
        descriptor.CPPTYPE_UINT32: lambda: draw.choice([each for each in _INTEGERS if 0 <= each < 2**32]),
        descriptor.CPPTYPE_UINT64: lambda: draw.choice([each for each in _INTEGERS if 0 <= each < 2**64]),
        descriptor.CPPTYPE_DOUBLE: lambda: draw.choice(_FLOATS),
        descriptor.CPPTYPE_FLOAT: lambda: draw.choice([each for each in _FLOATS if not 1e39 < abs(each) < float("inf")]),
        descriptor.CPPTYPE_BOOL: lambda: draw.random() < 0.5,
        descriptor.CPPTYPE_ENUM: lambda: draw.choice([each.number for each in descriptor.enum_type.values]),
    }
    make_value = kinds.get(descriptor.cpp_type)
    if make_value is not None:
        return make_value()
    if descriptor.type == descriptor.TYPE_BYTES:
        return draw.choice([b"", b"ab", b"\xff" * 7, draw.randbytes(16), b"a" * 10_000])
    return draw.choice(_TEXTS)
