"""The V2 protocol over gRPC: tensors in both forms, and requests that are wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import grpc
import numpy as np
import pytest
from google.protobuf.message import DecodeError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headrace.core.errors import DataLossError
from headrace.proto.raw_fields import MAX_FIELDS, split
from headrace.serving.engines.base import Array
from headrace.serving.grpc.v2 import messages
from headrace.serving.grpc.v2.contents import fill, has_list
from headrace.serving.grpc.v2.request import parse, read_names
from headrace.serving.v2.datatypes import of_name
from tests.serving.toy import write_version
from tests.serving.toy_grpc import Client, GrpcService
from tests.serving.toy_v2 import NUMPY, EchoEngine, to_bytes

SERVICE = "inference.GRPCInferenceService"
VALUES: dict[str, Array] = {
    name: np.array([[b"a", b"", b"\xff\0"]], object) if name == "BYTES" else np.array([[0, 1, 1]]).astype(dtype)
    for name, dtype in NUMPY.items()
}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GrpcService]:
    base_path = tmp_path_factory.mktemp("models")
    write_version(base_path, 7, 2.0)
    with GrpcService(base_path, engine=EchoEngine()) as service:
        yield service


@pytest.fixture(scope="module")
def client(service: GrpcService) -> Client:
    return service.client()


def ask(client: Client, request: Any, timeout: float = 60) -> Any:
    method = client.channel.unary_unary(
        f"/{SERVICE}/ModelInfer",
        request_serializer=lambda given: given if isinstance(given, bytes) else given.SerializeToString(),
        response_deserializer=messages.ModelInferResponse.FromString,
    )
    return method(request, timeout=timeout, wait_for_ready=True)


def refusal(client: Client, request: Any) -> tuple[str, str]:
    with pytest.raises(grpc.RpcError) as caught:
        ask(client, request)
    return caught.value.code().name, str(caught.value.details())


def request_of(raw: bool, signature: str = "", model: str = "m", **inputs: tuple[str, Array]) -> Any:
    """A request; inputs are datatypes and arrays."""
    request = messages.ModelInferRequest(model_name=model, id="9")
    request.parameters["signature"].string_param = signature
    for name, (datatype, value) in inputs.items():
        tensor = request.inputs.add(name=name, datatype=datatype, shape=value.shape)
        if raw:
            request.raw_input_contents.append(to_bytes(value))
        else:
            fill(tensor.contents, value, of_name(datatype))
    return request


X = np.array([[1, 2]], np.float32)
TAILS = (b"\x0a\x01m", b"\xa0\x06\x01", b"\xa5\x06abcd")  # a name once more, and unknown fields of numbers


@pytest.mark.parametrize("datatype", NUMPY)
class TestEveryDatatype:
    def test_raw(self, client: Client, datatype: str) -> None:
        value = VALUES[datatype]
        response = ask(client, request_of(True, datatype, x=(datatype, value), y=(datatype, value[:, :0])))
        assert (response.id, response.model_name, response.model_version) == ("9", "m", "7")
        assert response.parameters["signature"].string_param == datatype
        assert [(each.name, each.datatype, list(each.shape)) for each in response.outputs] == [
            ("x", datatype, [1, 3]),
            ("y", datatype, [1, 0]),
        ]
        assert list(response.raw_output_contents) == [to_bytes(value), b""]

    def test_typed(self, client: Client, datatype: str) -> None:
        if not has_list(of_name(datatype)):
            request = request_of(False, datatype)
            request.inputs.add(name="x", datatype=datatype, shape=[1]).contents.fp32_contents.append(1)
            told = f'input "x": {of_name(datatype).name} has no typed contents; send it in raw_input_contents'
            assert refusal(client, request) == ("INVALID_ARGUMENT", told)
            return
        request = request_of(False, datatype, x=(datatype, VALUES[datatype]))
        response = ask(client, request)
        assert response.outputs[0].contents == request.inputs[0].contents
        assert not response.raw_output_contents


def test_an_output_without_a_typed_list_makes_the_answer_raw(client: Client) -> None:
    request = request_of(False, "BF16")
    request.inputs.add(name="x", datatype="BF16", shape=[0])
    request.raw_input_contents.append(b"")
    assert list(ask(client, request).raw_output_contents) == [b"", b""]


def test_inputs_are_views_of_the_message_where_they_are_aligned() -> None:
    value = np.arange(1000, dtype=np.uint8)
    data = request_of(True, x=("UINT8", value)).SerializeToString()
    found = parse(data, read_names(data)).inputs["x"]
    assert np.shares_memory(found, np.frombuffer(data, np.uint8))
    assert found.tolist() == value.tolist()


def change(**fields: Any) -> Any:
    """A request for `serving_default` with raw inputs and other fields."""
    request = request_of(True, x=("FP32", X))
    request.MergeFrom(messages.ModelInferRequest(**fields))
    return request


def with_parameter(name: str, **value: Any) -> Any:
    request = request_of(True, x=("FP32", X))
    for field, content in value.items():
        setattr(request.parameters[name], field, content)
    return request


def with_contents(datatype: str, shape: list[int], **lists: list[Any]) -> Any:
    request = messages.ModelInferRequest(model_name="m")
    request.inputs.add(name="x", datatype=datatype, shape=shape, contents=lists)
    return request


BOTH = "both contents and raw_input_contents are given; expected one of them for all inputs"
WRONG = {
    "model": (request_of(True, model="nobody"), "NOT_FOUND", "Servable not found for request: Latest(nobody)"),
    "no model": (request_of(True, model=""), "INVALID_ARGUMENT", "ModelSpec has no name specified."),
    "version": (change(model_version="9"), "NOT_FOUND", "Servable not found for request: Specific(m, 9)"),
    "label": (change(model_version="new"), "INVALID_ARGUMENT", "Unrecognized servable version label: new"),
    "signature": (request_of(True, "none"), "FAILED_PRECONDITION", 'Serving signature key "none" not found.'),
    "twice": (change(inputs=[{"name": "x"}], raw_input_contents=[b""]), "INVALID_ARGUMENT", 'input "x" is given twice'),
    "blocks": (
        change(raw_input_contents=[b""]),
        "INVALID_ARGUMENT",
        "2 raw_input_contents for 1 inputs; expected one for each, or none",
    ),
    "both": (
        change(inputs=[{"name": "y", "datatype": "FP32", "contents": {"fp32_contents": [1]}}], raw_input_contents=[b"1234"]),
        "INVALID_ARGUMENT",
        f'input "y": {BOTH}',
    ),
    "output": (change(outputs=[{"name": "z"}]), "INVALID_ARGUMENT", '"z"'),
    "sequence": (with_parameter("sequence_id", int64_param=1), "UNIMPLEMENTED", 'the parameter "sequence_id"'),
    "timeout kind": (with_parameter("timeout", string_param="1"), "INVALID_ARGUMENT", '"timeout" is not an integer'),
    "timeout": (with_parameter("timeout", int64_param=-1), "INVALID_ARGUMENT", '"timeout" is -1'),
    "priority": (with_parameter("priority", int64_param=-1), "INVALID_ARGUMENT", '"priority" is -1'),
    "datatype": (with_contents("FP31", [1]), "INVALID_ARGUMENT", "\"datatype\" is 'FP31'"),
    "shape": (with_contents("FP32", [-1]), "INVALID_ARGUMENT", '"shape" is not a list of integers from 0 up'),
    "huge": (with_contents("FP32", [1 << 30] * 3), "INVALID_ARGUMENT", '"shape" is larger than any tensor can be'),
    "size": (with_contents("FP32", [2], fp32_contents=[1]), "INVALID_ARGUMENT", "contents has 1 elements; shape [2] takes 2"),
    "list": (with_contents("FP32", [1], fp64_contents=[1]), "INVALID_ARGUMENT", "fp64_contents; the elements of float32 belong in"),
    "range": (with_contents("UINT8", [1], uint_contents=[256]), "INVALID_ARGUMENT", "integers that uint8 cannot hold"),
    "bytes": (b"\xff", "INVALID_ARGUMENT", "no serialized inference.ModelInferRequest"),
    "group": (b"\x0b\x0c", "INVALID_ARGUMENT", "no serialized inference.ModelInferRequest"),
    "text": (b"\x0a\x01\xff", "INVALID_ARGUMENT", "inference.ModelInferRequest"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_request_is_told_what_is_wrong(client: Client, case: str) -> None:
    request, code, text = WRONG[case]
    found = refusal(client, request)
    assert found[0] == code
    assert text in found[1]


def test_the_metrics_count_it(service: GrpcService, client: Client) -> None:
    ask(client, request_of(True, x=("FP32", X)))
    page = service.metrics.page(service.models)
    assert 'headrace_serving_requests_total{model="m",version="7",api="Infer",protocol="GRPC",code="OK"}' in page
    assert 'request_latency_count{model_name="m",API="Infer",entrypoint="GRPC"}' in page


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_message_is_split_as_protobuf_reads_it(data: st.DataObject) -> None:
    """Also a damaged one: what protobuf refuses is refused, at the latest when the rest is read."""
    request = messages.ModelInferRequest(model_name=data.draw(st.text(max_size=3)), id=data.draw(st.text(max_size=3)))
    request.raw_input_contents.extend(data.draw(st.lists(st.binary(max_size=300), max_size=3)))
    whole = bytearray(request.SerializeToString() + data.draw(st.sampled_from([b"", *TAILS])))
    if whole and data.draw(st.booleans()):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        expected = messages.ModelInferRequest.FromString(bytes(whole))
    except DecodeError:
        expected = None
    try:
        rest, found = split(bytes(whole), 7, "it")
        read = messages.ModelInferRequest.FromString(rest)
    except (DataLossError, DecodeError):
        return  # protobuf takes some messages that this refuses: groups
    assert expected is not None
    assert [bytes(whole[at : at + size]) for at, size in found] == list(expected.raw_input_contents)
    expected.ClearField("raw_input_contents")
    assert read == expected


def test_a_message_of_very_many_fields_is_refused() -> None:
    with pytest.raises(DataLossError, match="more than 100000 fields"):
        split(b"\x0a\x00" * (MAX_FIELDS + 1), 7, "it")
