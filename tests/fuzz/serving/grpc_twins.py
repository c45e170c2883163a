"""Predict requests that are almost alike, and what a request must be answered, by way of the whole message."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError

from headrace.core.errors import OpError
from headrace.proto import serving
from headrace.proto.messages import TensorProto
from headrace.proto.tensors import from_proto
from tests.serving.toy_grpc import predict_request
from tests.serving.toy_v2 import NUMPY

SCALE = 2.0
"""Of the model `m`."""
_PACKED = {"FP32": (1, "float_val"), "FP64": (2, "double_val"), "INT32": (3, "int_val"), "INT64": (9, "int64_val")}
"""Numbers of datatypes, and the typed lists of tensors that hold them."""
_ROWS = (1, 1, 2, 4, 5, 64)


def twin(draw: random.Random) -> bytes:
    """A request of one of a few lengths, so that most have the length of another one; half have a byte or two changed.

    What is changed is often the framing: a shape, a datatype, a name or a length that leaves the message as long as it was.
    """
    data = bytearray(_request(draw).SerializeToString())
    for _ in range(draw.choice((0, 0, 1, 1, 2))):
        at = draw.randrange(min(len(data), draw.choice((12, 60, len(data)))))
        kind = draw.randrange(5)
        if kind == 0:
            data[at] ^= 1 << draw.randrange(8)
        elif kind == 1:
            data[at] = draw.choice((0, 1, 2, 3, 4, 8, 0x0A, 0x12, 0x22, ord("m"), ord("x"), 0x80, 0xFF))
        elif kind == 2:  # one longer here, one shorter there
            data.insert(at, data[at])
            del data[draw.randrange(len(data))]
        elif kind == 3:
            other = draw.randrange(len(data))
            data[at], data[other] = data[other], data[at]
        else:
            data[at] = (data[at] + draw.choice((1, -1))) % 256
    return bytes(data)


def _request(draw: random.Random) -> Any:
    """A request whose numbers are drawn."""
    name = draw.choice(("FP32", "FP32", "FP32", *_PACKED, "FP16", "BF16", "INT8"))
    rows = draw.choice(_ROWS)
    value = np.array([draw.randrange(-100, 100) for _ in range(2 * rows)]).astype(NUMPY[name])
    shape = draw.choice(((rows, 2), (rows, 2), (2, rows), (2 * rows,), (2 * rows, 1), (1, 2 * rows)))
    if name in _PACKED and draw.random() < 0.5:
        dtype, field = _PACKED[name]
        made = TensorProto(dtype=dtype, **{field: value.tolist()})
        for size in shape:
            made.tensor_shape.dim.add().size = size
    else:
        made = value.reshape(shape)
    if name == "FP32" and draw.random() < 0.7:
        signature, inputs = draw.choice(("", "", "serving_default")), {"x": made}
    else:
        signature, inputs = name, {"x": made, **({"y": made} if draw.random() < 0.5 else {})}
    request = predict_request(signature, draw.choice((None, None, 1)), **inputs)
    if draw.random() < 0.2:
        request.output_filter.append("y" if signature in ("", "serving_default") else draw.choice("xy"))
    return request


def fault(data: bytes, answer: bytes) -> str:
    """What is wrong with the answer to a Predict request; "" for nothing, or when another model than `m` answered."""
    try:
        request = serving.PredictRequest.FromString(data)
    except DecodeError:
        return "bytes that are no message were answered"
    response = serving.PredictResponse.FromString(answer)
    signature = request.model_spec.signature_name or "serving_default"
    if request.model_spec.name != "m" or signature not in ("serving_default", *NUMPY):
        return ""
    try:
        inputs = {name: from_proto(proto) for name, proto in request.inputs.items()}
    except OpError as error:
        return f"inputs that cannot be read were answered: {error.message}"
    if signature == "serving_default":
        with np.errstate(all="ignore"):
            wanted = {"y": inputs["x"] * np.float32(SCALE)}
    else:
        wanted = {"x": inputs["x"], "y": inputs.get("y", np.zeros(0, NUMPY[signature]))}
    if request.output_filter:
        wanted = {name: wanted[name] for name in request.output_filter}
    found = {name: from_proto(proto) for name, proto in response.outputs.items()}
    if found.keys() != wanted.keys():
        return f"outputs {sorted(found)} were answered, not {sorted(wanted)}"
    for name, value in wanted.items():
        if (found[name].dtype, found[name].shape) != (value.dtype, value.shape) or not _same(found[name], value):
            return f"output {name} is {found[name]!r:.200}, not {value!r:.200}"
    return ""


def _same(a: Any, b: Any) -> bool:
    """True for equal arrays, in which each NaN is like every other."""
    if a.dtype == object:
        return bool(a.tolist() == b.tolist())
    with np.errstate(invalid="ignore"):
        return bool(np.all((a == b) | ((a != a) & (b != b))))
