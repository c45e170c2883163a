"""Damaged requests to a live server, by every front end; and the fuzzer itself, which has to see what it looks for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from headrace.proto import serving
from headrace.proto.tensors import to_proto
from tests.fuzz.runs import assert_fuzzer_found_nothing
from tests.fuzz.serving import grpc_cases, grpc_twins, rest_cases
from tests.fuzz.serving.campaign import LEGS, Leg
from tests.fuzz.serving.rest_client import is_wanted
from tests.fuzz.serving.rest_wire import Answer
from tests.serving.toy_grpc import predict_request


@pytest.mark.parametrize("leg", LEGS, ids=lambda leg: leg.name)
def test_damaged_requests_are_refused_and_harm_nothing(tmp_path: Path, leg: Leg) -> None:
    if not leg.there:
        pytest.skip(f"{leg.needs} is not installed")
    report = assert_fuzzer_found_nothing("tests.fuzz.serving.run", str(tmp_path), *leg.arguments)
    assert report["cases"] > 50, report
    assert report["outcomes"].get("200", report["outcomes"].get("OK", 0)) > 10, report


def test_a_case_is_its_number() -> None:
    for number in range(300):
        assert rest_cases.make(number) == rest_cases.make(number)
        assert grpc_cases.make(number) == grpc_cases.make(number)


def test_many_of_the_twins_have_one_length_and_not_one_form() -> None:
    cases = [grpc_cases.make(number) for number in range(2000)]
    twins = [case.data for case in cases if case.path == grpc_cases.PREDICT]
    lengths: dict[int, set[bytes]] = {}
    for data in twins:
        lengths.setdefault(len(data), set()).add(data[:20])
    assert sum(len(forms) for forms in lengths.values() if len(forms) > 5) > len(twins) / 4


@pytest.mark.parametrize(
    ("wanted", "status", "body", "right"),
    [
        (Answer(200, {"outputs": [[1.0]]}), 200, b'{"outputs":[[1.0]]}', True),
        (Answer(200, {"outputs": [[1.0]]}), 200, b'{"outputs":[[2.0]]}', False),
        (Answer(200, {"outputs": [[1.0]]}), 200, b'{"predictions":[[1.0]]}', False),
        (Answer(200, {"outputs": [[1.0]]}), 400, b"{}", False),
        (Answer(200, {"outputs": [[1.0]]}), 503, b"{}", True),
        (Answer(404), 404, b"", True),
    ],
)
def test_a_wrong_answer_over_rest_is_seen(wanted: Answer, status: int, body: bytes, right: bool) -> None:
    assert is_wanted(wanted, status, body) is right


def _response(value: Any, name: str = "y") -> bytes:
    response = serving.PredictResponse()
    response.outputs[name].CopyFrom(to_proto(value))
    data: bytes = response.SerializeToString()
    return data


def test_a_wrong_answer_over_grpc_is_seen() -> None:
    request = predict_request(x=np.float32([[1, 2]])).SerializeToString()
    assert grpc_twins.fault(request, _response(np.float32([[2, 4]]))) == ""
    assert "output y is" in grpc_twins.fault(request, _response(np.float32([[2], [4]])))
    assert "output y is" in grpc_twins.fault(request, _response(np.float32([[2, 5]])))
    assert "outputs ['z']" in grpc_twins.fault(request, _response(np.float32([[2, 4]]), "z"))
    assert grpc_twins.fault(b"\xff", _response(np.float32([1]))) == "bytes that are no message were answered"
