"""What the V2 protocol refuses, each with a message that says what is wrong."""

from __future__ import annotations

import contextlib
import json
import math
import tracemalloc
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.core.errors import InvalidArgumentError, UnimplementedError
from headrace.serving.rest.app import RestOptions
from headrace.serving.rest.v2.request import JsonInferRequest, padding, parse
from tests.serving.toy import Service
from tests.serving.toy_v2 import PATH, binary, echoing

X = {"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]}
BINARY = {"name": "x", "datatype": "FP32", "shape": [1, 2], "parameters": {"binary_data_size": 8}}
DATA = np.array([1, 2], np.float32).tobytes()
SIZE = "Inference-Header-Content-Length"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with echoing(tmp_path_factory.mktemp("models"), rest=RestOptions(max_body_bytes=100_000)) as service:
        yield service


def error(response: httpx.Response, status: int = 400) -> str:
    assert response.status_code == status, response.text
    content = response.json()
    assert content.keys() == {"error"}
    return str(content["error"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "the request is not a JSON object"),
        ({}, 'the request has no "inputs"'),
        ({"inputs": {}}, '"inputs" is not a list'),
        ({"inputs": [1]}, 'item 0 of "inputs" is not an object with a "name"'),
        ({"inputs": [X | {"name": 1}]}, 'item 0 of "inputs" is not an object with a "name"'),
        ({"inputs": [X, X]}, 'input "x" is given twice'),
        ({"inputs": [X | {"datatype": "FP8"}]}, 'input "x": "datatype" is \'FP8\'; expected one of BOOL, UINT8'),
        ({"inputs": [{"name": "x", "shape": [1], "data": [1]}]}, 'input "x": "datatype" is no string'),
        ({"inputs": [X | {"shape": [-1, 2]}]}, '"shape" is not a list of integers from 0 up'),
        ({"inputs": [X | {"shape": [True, 2]}]}, '"shape" is not a list of integers from 0 up'),
        ({"inputs": [X | {"shape": [1.0, 2]}]}, '"shape" is not a list of integers from 0 up'),
        ({"inputs": [X | {"shape": 2}]}, '"shape" is not a list of integers from 0 up'),
        ({"inputs": [X | {"shape": [1] * 33}]}, '"shape" has 33 dimensions; expected at most 32'),
        ({"inputs": [X | {"shape": [0, 2**40, 2**40]}]}, '"shape" is larger than any tensor can be'),
        ({"inputs": [X | {"shape": [2**30, 2**27], "data": []}]}, '"data" has 0 elements'),
        ({"inputs": [X | {"shape": [1, 3]}]}, '"data" has 2 elements; shape [1, 3] takes 3'),
        ({"inputs": [X | {"data": 1}]}, '"data" is not a list'),
        ({"inputs": [X | {"data": [[1], [2, 3]]}]}, 'input "x": Encountered list at unexpected size'),
        ({"inputs": [X | {"data": ["1", "2"]}]}, 'input "x": JSON Value: "1" Type: String is not of expected type: float'),
        ({"inputs": [X | {"datatype": "INT8", "data": [1, 128]}]}, "is not of expected type: int8"),
        ({"inputs": [X | {"datatype": "INT32", "data": [1, 1.5]}]}, "is not of expected type: int32"),
        ({"inputs": [X | {"datatype": "BOOL", "data": [1, 0]}]}, "is not of expected type: bool"),
        ({"inputs": [BINARY]}, '"binary_data_size" needs the header Inference-Header-Content-Length'),
        ({"inputs": [X | {"parameters": {"binary_data_size": "8"}}]}, '"binary_data_size" is not an integer'),
        ({"inputs": [X | {"parameters": {"binary_data_size": True}}]}, '"binary_data_size" is not an integer'),
        ({"inputs": [X | {"parameters": []}]}, '"parameters" is not an object'),
        ({"inputs": [X], "id": 1}, '"id" is not a string'),
        ({"inputs": [X], "id": "\ud800", "odd": math.nan}, "is not valid Unicode"),
        ({"inputs": [X], "parameters": {"signature": 1}}, '"signature" is not a string'),
        ({"inputs": [X], "parameters": {"signature": "s"}}, 'Serving signature key "s" not found.'),
        ({"inputs": [X], "parameters": {"priority": -1}}, '"priority" is -1; expected 0, or from 1'),
        ({"inputs": [X], "parameters": {"timeout": -1}}, '"timeout" is -1; expected microseconds'),
        ({"inputs": [X], "parameters": {"binary_data_output": 1}}, '"binary_data_output" is not true or false'),
        ({"inputs": [X], "outputs": [{"name": "z"}]}, 'output_filter names "z"; expected some of {y}'),
        ({"inputs": [X], "outputs": ["y"]}, 'item 0 of "outputs" is not an object with a "name"'),
        ({"inputs": [X | {"name": "z"}]}, "Sent extra: {z}. Missing but required: {x}."),
        ({"inputs": [X | {"name": "\ud800", "odd": math.nan}]}, "Sent extra: {?}."),
        ({"inputs": [X | {"datatype": "FP64"}]}, 'input "x" has dtype float64; expected float32'),
        ({"inputs": [X | {"shape": [2, 1]}]}, 'input "x" has shape (2, 1); expected (None, 2)'),
    ],
)
def test_requests_that_are_refused(service: Service, content: Any, message: str) -> None:
    assert message in error(service.ask("POST", PATH, content=json.dumps(content)))


@pytest.mark.parametrize("depth", [40, 900, 1020, 30_000])
def test_deep_nesting(service: Service, depth: int) -> None:
    nested = "[" * depth + "1" + "]" * depth
    for text in (nested, json.dumps({"inputs": [X]}).replace("[1, 2]}", nested + "}"), '{"inputs":[],"id":' + nested + "}"):
        for odd in ("", ",NaN"):
            error(service.ask("POST", PATH, content=text + odd))


@pytest.mark.parametrize(
    ("entries", "blocks", "message"),
    [
        ([BINARY], [DATA[:-1]], '"binary_data_size" is 8; 7 bytes are left in the body'),
        ([BINARY], [DATA + b"1"], "1 bytes are left after the binary data of the last input"),
        ([BINARY | {"parameters": {"binary_data_size": -8}}], [DATA], '"binary_data_size" is -8'),
        ([BINARY | {"parameters": {"binary_data_size": 2**62}}], [DATA], '"binary_data_size" is 4611686018427387904'),
        ([BINARY | {"shape": [1, 3]}], [DATA], "8 bytes of binary data; shape [1, 3] of float32 takes 12"),
        ([BINARY | {"shape": [2**20, 2**20]}], [DATA], "of float32 takes 4398046511104"),
        ([BINARY | {"data": []}], [DATA], 'both "data" and "binary_data_size" are given'),
        ([BINARY | {"datatype": "BOOL", "shape": [8]}], [DATA], "binary data of BOOL has bytes other than 0 and 1"),
        ([BINARY | {"datatype": "BYTES", "shape": [3]}], [DATA], "8 bytes of binary data are too few for 3 elements of BYTES"),
        ([BINARY | {"datatype": "BYTES", "shape": [1]}], [b"\5\0\0\0abcd"], "element 0 of BYTES goes beyond the 8 bytes"),
        ([BINARY | {"datatype": "BYTES", "shape": [2]}], [b"\1\0\0\0abcd"], "element 1 of BYTES goes beyond the 8 bytes"),
        ([BINARY | {"datatype": "BYTES", "shape": [1]}], [b"\1\0\0\0abcd"], "3 bytes of binary data are left after 1 elements"),
        ([X], [DATA], "8 bytes are left after the binary data of the last input"),
    ],
)
def test_binary_data_that_does_not_add_up(service: Service, entries: list[Any], blocks: list[bytes], message: str) -> None:
    assert message in error(service.ask("POST", PATH, **binary({"inputs": entries}, *blocks)))


@pytest.mark.parametrize(
    ("length", "message"),
    [
        ("-1", "is not a number"),
        ("x", "is not a number"),
        ("1" * 30, "is not a number"),
        ("٣", "is not a number"),
        ("9999", "is 9999, but the body has"),
        ("3", "JSON Parse error"),
        ("0", "JSON Parse error: The document is empty"),
    ],
)
def test_wrong_lengths_of_the_json(service: Service, length: str, message: str) -> None:
    request = binary({"inputs": [BINARY]}, DATA)
    assert message in error(service.ask("POST", PATH, content=request["content"], headers={SIZE: length.encode()}))


def test_nothing_is_allocated_for_a_shape_without_data() -> None:
    entries = [
        X | {"shape": [2**30]},
        BINARY | {"shape": [2**30], "parameters": {"binary_data_size": 0}},
        BINARY | {"shape": [2**30], "datatype": "BYTES", "parameters": {"binary_data_size": 0}},
    ]
    tracemalloc.start()
    try:
        for entry in entries:
            text = json.dumps({"inputs": [entry]}).encode()
            with pytest.raises(InvalidArgumentError):
                parse(text, str(len(text)))
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ({"inputs": [X], "parameters": {"sequence_id": 3}}, "sequence_id"),
        ({"inputs": [X | {"parameters": {"shared_memory_region": "r"}}]}, "shared_memory_region"),
        ({"inputs": [X], "outputs": [{"name": "y", "parameters": {"classification": 2}}]}, "classification"),
    ],
)
def test_extensions_that_are_not_there(service: Service, content: Any, name: str) -> None:
    message = error(service.ask("POST", PATH, content=json.dumps(content)), 501)
    assert f'has the parameter "{name}", which this server does not support; leave it out' in message


def test_a_type_that_the_protocol_has_not(service: Service) -> None:
    request = {"parameters": {"signature": "complex"}, "inputs": [X | {"shape": [2]}]}
    assert 'output "y" of type complex64 has no datatype' in error(service.ask("POST", PATH, content=json.dumps(request)), 501)


def test_bodies_over_the_limit(service: Service) -> None:
    assert "larger than 100000 bytes" in error(service.ask("POST", PATH, content=b" " * 100_001), 413)
    assert "'br' is not supported" in error(service.ask("POST", PATH, content=b"x", headers={"Content-Encoding": "br"}), 415)


ENTRY = json.dumps({"inputs": [BINARY], "outputs": [{"name": "y"}]}).encode()


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_garbage_is_refused_by_name_or_read(data: st.DataObject) -> None:
    """Changed bytes and lengths give a request or a named error, never another one."""
    body = bytearray(ENTRY + DATA)
    for _ in range(data.draw(st.integers(0, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    length = str(data.draw(st.one_of(st.just(len(ENTRY)), st.integers(0, 2 * len(body)))))
    spaces = padding(length)
    with contextlib.suppress(InvalidArgumentError, UnimplementedError):
        assert isinstance(parse(b" " * spaces + bytes(body), length, spaces), JsonInferRequest)
