"""Requests and answers of the Open Inference Protocol of a known form: they are what the parser reads and the writer writes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as shapes

from headrace.core.errors import InvalidArgumentError, OpError
from headrace.serving.dataplane import Prediction
from headrace.serving.grpc.forms import Answers
from headrace.serving.grpc.v2.known_requests import Form, Requests
from headrace.serving.grpc.v2.messages import ModelInferRequest, ModelInferResponse
from headrace.serving.grpc.v2.request import Named, parse, read_names
from headrace.serving.grpc.v2.response import answer
from headrace.serving.v2.infer import InferRequest

NAMES = {"f4": "FP32", "f8": "FP64", "f2": "FP16", "i4": "INT32", "i8": "INT64", "u1": "UINT8", "b1": "BOOL"}
ARRAYS = st.sampled_from(sorted(NAMES)).flatmap(
    lambda kind: shapes.arrays(kind, shapes.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
)
X = np.float32([[1, 2, 3]])


def serialized(inputs: dict[str, Any], outputs: tuple[str, ...] = (), **fields: Any) -> bytes:
    """A ModelInferRequest with raw contents."""
    priority = fields.pop("priority", 0)
    request = ModelInferRequest(**{"model_name": "m", **fields})
    if priority:
        request.parameters["priority"].int64_param = priority
    for name, value in inputs.items():
        request.inputs.add(name=name, datatype=NAMES[value.dtype.str[1:]], shape=value.shape)
        request.raw_input_contents.append(value.tobytes())
    for name in outputs:
        request.outputs.add(name=name)
    data: bytes = request.SerializeToString()
    return data


def read(requests: Requests, data: bytes) -> tuple[Named, InferRequest]:
    named = requests.read_names(data)
    return named, requests.request(data, named)


def check(found: tuple[Named, InferRequest], data: bytes) -> None:
    """Asserts that a request is what the parser reads."""
    named, request = found
    parsed = read_names(data)
    expected = parse(data, parsed)
    assert (named.spec, named.raw) == (parsed.spec, parsed.raw)
    for field in ("id", "signature", "priority", "timeout_seconds", "outputs"):
        assert getattr(request, field) == getattr(expected, field)
    assert list(request.inputs) == list(expected.inputs)
    for name, value in expected.inputs.items():
        assert (request.inputs[name].dtype, request.inputs[name].shape) == (value.dtype, value.shape)
        assert request.inputs[name].tobytes() == value.tobytes()
        assert request.inputs[name].flags.aligned


@given(
    st.dictionaries(st.text(max_size=6), ARRAYS, max_size=3),
    st.lists(st.text(max_size=5), max_size=2),
    st.sampled_from(["", "7", "stable"]),
    st.integers(0, 8),
    st.randoms(use_true_random=False),
)
@settings(max_examples=300, deadline=None)
def test_a_known_request_says_what_the_parser_reads(
    inputs: dict, outputs: list[str], version: str, priority: int, random: Any
) -> None:
    requests = Requests()
    fields: dict[str, Any] = {"outputs": tuple(outputs), "model_version": version, "priority": priority}
    check(read(requests, serialized(inputs, **fields)), serialized(inputs, **fields))
    others = {name: np.frombuffer(random.randbytes(x.nbytes), x.dtype).reshape(x.shape) for name, x in inputs.items()}
    others = {name: x.view(np.uint8) % 2 == 1 if x.dtype == np.bool_ else x for name, x in others.items()}
    data = serialized(others, **fields)
    found = read(requests, data)
    plain = bool(inputs) and all(x.size and x.dtype != np.bool_ for x in inputs.values())
    assert isinstance(found[0], Form) == plain
    check(found, data)


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_other_bytes_around_the_numbers_are_parsed_anew(data: st.DataObject) -> None:
    requests = Requests()
    message = serialized({"x": X, "k": np.int64([7, 8])}, ("y",), priority=2)
    read(requests, message)
    form = requests.read_names(message)
    assert isinstance(form, Form)
    values = {at for slot in form.slots for at in range(slot.at, slot.at + slot.dtype.itemsize * int(np.prod(slot.shape)))}
    at = data.draw(st.sampled_from([at for at in range(len(message)) if at not in values]))
    changed = bytearray(message)
    changed[at] ^= data.draw(st.integers(1, 255))
    text = bytes(changed)
    for turn in range(2):  # the second time it may have a form of its own
        try:
            parse(text, read_names(text))
        except OpError:
            with pytest.raises(OpError):
                read(requests, text)
            continue
        found = read(requests, text)
        assert turn or not isinstance(found[0], Form)
        check(found, text)


def test_what_has_no_form_is_read_each_time() -> None:
    requests = Requests()
    text = ModelInferRequest(model_name="m", raw_input_contents=[b"\x02\x00\x00\x00ab"])
    text.inputs.add(name="x", datatype="BYTES", shape=[1])
    listed = ModelInferRequest(model_name="m")
    listed.inputs.add(name="x", datatype="FP32", shape=[2]).contents.fp32_contents.extend([1, 2])
    cases = {
        "no inputs": serialized({}),
        "flags": serialized({"x": np.array([True])}),
        "nothing": serialized({"x": np.zeros([0, 2], np.float32)}),
        "an id": serialized({"x": X}, id="a"),
        "a long name": serialized({"x" * 5000: X}),
        "strings": text.SerializeToString(),
        "lists": listed.SerializeToString(),
    }
    for name, data in cases.items():
        for _ in range(2):
            assert not isinstance(read(requests, data)[0], Form), name
    wrong = serialized({"x": X}) + serialized({"x": X})
    for _ in range(2):
        with pytest.raises(InvalidArgumentError, match='input "x" is given twice'):
            read(requests, wrong)
    assert len(requests) == 0


@given(st.dictionaries(st.text(max_size=6), ARRAYS, max_size=3), st.booleans(), st.sampled_from([None, "a", "b"]))
@settings(max_examples=200, deadline=None)
def test_a_known_answer_is_what_the_writer_writes(outputs: dict, raw: bool, request_id: str | None) -> None:
    answers = Answers()
    request = InferRequest(request_id, "", None, 1.0, {}, [])
    for version in (3, 3, 4):
        for turn in range(2):
            given_ = {name: value if turn else np.roll(value, 1) for name, value in outputs.items()}
            prediction = Prediction(given_, version, "s")
            try:
                expected = answer(Answers(), "m", request, prediction, raw)
            except OpError:  # a type that the typed lists lack is no error with raw contents only
                continue
            found = answer(answers, "m", request, prediction, raw)
            assert found == expected
            message = ModelInferResponse.FromString(found)
            assert (message.id, message.model_version) == (request_id or "", str(version))
            if raw:
                assert list(message.raw_output_contents) == [value.tobytes() for value in given_.values()]
    plain = raw and request_id is None and outputs and all(value.size for value in outputs.values())
    assert (len(answers) > 0) == bool(plain or (raw and request_id is None and not outputs))
