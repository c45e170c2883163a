"""Requests of arbitrary and of damaged bytes: each ends in a response or in an error that blames the request."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from headrace.core.errors import OpError
from headrace.proto import serving
from headrace.proto.messages import TensorProto
from headrace.serving.dataplane import Dataplane
from headrace.serving.grpc.calls import Call, Method, outcome
from headrace.serving.grpc.options import GrpcOptions
from headrace.serving.grpc.prediction import PredictionService
from tests.serving.toy import write_version
from tests.serving.toy_grpc import PREDICTION, GrpcService, predict_request
from tests.serving.toy_heads import HeadsEngine
from tests.serving.toy_heads import example as tf_example

BLAMED = {"INVALID_ARGUMENT", "NOT_FOUND", "FAILED_PRECONDITION", "RESOURCE_EXHAUSTED", "UNIMPLEMENTED"}
FEW = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


class Context:
    """A call that nobody ends."""

    def time_remaining(self) -> None:
        return None

    def is_active(self) -> bool:
        return True

    def invocation_metadata(self) -> tuple[()]:
        return ()


def heads_request(kind: Any, signature: str) -> bytes:
    request = kind()
    request.model_spec.name = "m"
    request.model_spec.signature_name = signature
    request.input.example_list_with_context.examples.add().ParseFromString(tf_example(x=[0.5], k=[b"a", b"b"]))
    request.input.example_list_with_context.context.ParseFromString(tf_example(y=[1]))
    data: bytes = request.SerializeToString()
    return data


def tensor(**fields: Any) -> Any:
    proto = TensorProto(**fields)
    for size in (2, 2):
        proto.tensor_shape.dim.add().size = size
    return proto


SEEDS = [
    ("Predict", predict_request(x=np.float32([[1, 2]])).SerializeToString()),
    ("Predict", predict_request(x=tensor(dtype=1, float_val=[1, 2, 3])).SerializeToString()),
    ("Predict", predict_request("pair", 1, a=np.float32([1, 2]), b=np.int64([1, 2])).SerializeToString()),
    ("Predict", predict_request("text", s=np.array([b"ab", b"c"], object)).SerializeToString()),
    ("Classify", heads_request(serving.ClassificationRequest, "")),
    ("Regress", heads_request(serving.RegressionRequest, "regress")),
]


@pytest.fixture(scope="module")
def methods(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Method]]:
    """PredictionService's methods: Predict on the toy model, the others on the toy heads."""
    folder = tmp_path_factory.mktemp("garbage")
    for name in ("toy", "heads"):
        write_version(folder / name, 1)
    options = GrpcOptions(threads=1, max_message_bytes=1 << 20)
    with (
        ThreadPoolExecutor(1) as pool,
        GrpcService(folder / "toy") as toy,
        GrpcService(folder / "heads", engine=HeadsEngine()) as heads,
    ):
        found = [PredictionService(Dataplane(each.models, each.metrics), options, pool).methods() for each in (heads, toy)]
        path = f"/{PREDICTION}/Predict"
        yield found[0] | {path: found[1][path]}


def check(methods: dict[str, Method], name: str, data: bytes) -> None:
    result = outcome(methods[f"/{PREDICTION}/{name}"], data, Call(Context()))
    if isinstance(result, OpError):
        assert result.code in BLAMED, result


@FEW
@given(st.sampled_from(["Predict", "Classify", "Regress", "MultiInference", "GetModelMetadata"]), st.binary(max_size=200))
@example("Predict", b"")
def test_arbitrary_bytes(methods: dict[str, Method], name: str, data: bytes) -> None:
    check(methods, name, data)


@FEW
@given(
    st.sampled_from(SEEDS),
    st.lists(st.tuples(st.integers(0, 300), st.integers(0, 255)), min_size=1, max_size=4),
    st.integers(0, 20),
)
def test_damaged_requests(methods: dict[str, Method], seed: tuple[str, bytes], changes: list[tuple[int, int]], cut: int) -> None:
    name, whole = seed
    data = bytearray(whole)
    for place, value in changes:
        data[place % len(data)] = value
    check(methods, name, bytes(data[: len(data) - cut]))


@pytest.mark.parametrize("depth", [120, 10_000])
def test_messages_nested_too_deep(methods: dict[str, Method], depth: int) -> None:
    """A tensor of variants holds tensors, and so on; such a message is built by hand, since the library makes none so deep."""
    data = b""
    for _ in range(depth):
        inner = length(3, data)  # VariantTensorDataProto.tensors
        data = length(15, inner)  # TensorProto.variant_val
    request = length(1, length(1, b"m")) + length(2, length(1, b"x") + length(2, data))
    found = outcome(methods[f"/{PREDICTION}/Predict"], request, Call(Context()))
    assert isinstance(found, OpError)
    assert (found.code, "no serialized tensorflow.serving.PredictRequest" in found.message) == ("INVALID_ARGUMENT", True)


def length(number: int, content: bytes) -> bytes:
    """A field of bytes as protobuf writes it."""
    size, digits = len(content), bytearray()
    while size >= 0x80:
        digits.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes([number << 3 | 2, *digits, size]) + content


@pytest.mark.parametrize("name", ["Predict", "Classify", "Regress"])
def test_undamaged_ones_are_answered(methods: dict[str, Method], name: str) -> None:
    for each, data in SEEDS:
        if each == name:
            assert isinstance(outcome(methods[f"/{PREDICTION}/{name}"], data, Call(Context())), bytes)
