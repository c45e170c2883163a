"""Requests of a form that is known: they say exactly what the parser reads in them."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as shapes

from headrace.core.errors import InvalidArgumentError, OpError
from headrace.proto.messages import TensorProto
from headrace.proto.serving import PredictRequest
from headrace.proto.tensors import from_proto, to_content_proto, to_listed_proto
from headrace.serving.grpc import forms, known_requests
from headrace.serving.grpc.codec import model_spec
from headrace.serving.grpc.known_requests import KnownRequest, Requests
from headrace.serving.grpc.predict_request import Request
from tests.serving.toy_grpc import predict_request

LIMIT = 1 << 30
X = np.float32([[1, 2, 3]])
DTYPES = st.sampled_from([np.float32, np.float64, np.int32, np.int64, np.uint8, np.float16, np.complex64, np.bool_])
ARRAYS = DTYPES.flatmap(lambda dtype: shapes.arrays(dtype, shapes.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)))


def serialized(signature: str = "", wanted: list[str] | None = None, **inputs: object) -> bytes:
    """A PredictRequest; inputs are arrays, or TensorProtos."""
    request = PredictRequest(output_filter=wanted or [])
    request.model_spec.name = "m"
    request.model_spec.signature_name = signature
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(to_content_proto(value) if isinstance(value, np.ndarray) else value)
    return request.SerializeToString()


def check(request: Request, data: bytes) -> None:
    """Asserts that `request` says what the parser reads."""
    proto = PredictRequest.FromString(data)
    assert request.spec == model_spec(proto)
    assert list(request.output_filter) == list(proto.output_filter)
    found = request.inputs(LIMIT)
    assert found.keys() == set(proto.inputs)
    for name, tensor in proto.inputs.items():
        expected = from_proto(tensor)
        assert (found[name].dtype, found[name].shape) == (expected.dtype, expected.shape)
        assert found[name].tobytes() == expected.tobytes()
        assert found[name].flags.aligned
        assert not (found[name].flags.writeable and np.shares_memory(found[name], np.frombuffer(data, np.uint8)))
        if expected.size:
            assert np.array_equal(
                np.array(request.first_value(LIMIT, name)), expected.flat[0], equal_nan=expected.dtype.kind in "fc"
            )
    assert request.first_value(LIMIT, "none of that name") is None


@given(
    st.dictionaries(st.text(max_size=6), st.tuples(ARRAYS, st.booleans()), max_size=3),
    st.text(max_size=5),
    st.lists(st.text(max_size=5), max_size=2),
    st.randoms(use_true_random=False),
)
@settings(max_examples=300, deadline=None)
def test_a_known_request_says_what_the_parser_reads(inputs: dict, signature: str, wanted: list[str], random: object) -> None:
    requests = Requests()
    written = {name: to_listed_proto(value) if listed else to_content_proto(value) for name, (value, listed) in inputs.items()}
    check(requests.read(serialized(signature, wanted, **written)), serialized(signature, wanted, **written))
    others = {}
    for name, (value, listed) in inputs.items():
        other = np.frombuffer(random.randbytes(value.nbytes), value.dtype).reshape(value.shape)  # type: ignore[attr-defined]
        other = other % 2 if value.dtype == np.bool_ else other
        others[name] = to_listed_proto(other) if listed else to_content_proto(other)
    data = serialized(signature, wanted, **others)
    found = requests.read(data)
    blocks = [(not listed or value.dtype in (np.float32, np.float64)) and value.size for value, listed in inputs.values()]
    plain = bool(inputs) and all(blocks) and not any(value.dtype == np.bool_ for value, _ in inputs.values())
    if plain:
        assert isinstance(found, KnownRequest)
    check(found, data)


@given(st.data())
@settings(max_examples=400, deadline=None)
def test_other_bytes_around_the_numbers_are_parsed_anew(data: st.DataObject) -> None:
    requests = Requests()
    message = serialized("s", ["y"], x=X, other=to_listed_proto(np.float64([7, 8])))
    requests.read(message)
    known = requests.read(message)
    assert isinstance(known, KnownRequest)
    values = {at for slot in known.form.slots for at in range(slot.at, slot.at + slot.dtype.itemsize * int(np.prod(slot.shape)))}
    at = data.draw(st.sampled_from([at for at in range(len(message)) if at not in values]))
    changed = bytearray(message)
    changed[at] ^= data.draw(st.integers(1, 255))
    try:
        PredictRequest.FromString(bytes(changed))
    except Exception:  # noqa: BLE001  whatever the parser refuses
        with pytest.raises(InvalidArgumentError):
            requests.read(bytes(changed))
        return
    found = requests.read(bytes(changed))
    assert not isinstance(found, KnownRequest)
    again = requests.read(bytes(changed))  # of its own form, if it has one
    try:
        expected = {name: from_proto(tensor).tobytes() for name, tensor in PredictRequest.FromString(bytes(changed)).inputs.items()}
    except OpError:
        with pytest.raises(OpError):
            again.inputs(LIMIT)
    else:
        assert {name: array.tobytes() for name, array in again.inputs(LIMIT).items()} == expected


def field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2, len(content)]) + content


def test_what_is_of_no_usual_form_is_not_remembered() -> None:
    tensor = to_content_proto(X).SerializeToString()
    twice = TensorProto.FromString(tensor + to_listed_proto(X).SerializeToString()).SerializeToString()
    entry = field(1, b"x") + field(2, tensor)
    spec = predict_request().SerializeToString()
    cases = {
        "no model": field(2, entry),
        "no inputs": spec,
        "an input twice": spec + field(2, entry) * 2,
        "a value twice": spec + field(2, entry + field(2, tensor)),
        "values twice": spec + field(2, field(1, b"x") + field(2, tensor + tensor)),
        "both forms": spec + field(2, field(1, b"x") + field(2, twice)),
        "flags": serialized(x=np.array([True, False])),
        "strings": serialized(x=np.array([b"ab"], object)),
        "integers one by one": serialized(x=to_listed_proto(np.int64([1, 2]))),
        "one value for many": serialized(x=TensorProto(dtype=1, float_val=[1], tensor_shape=to_content_proto(X).tensor_shape)),
        "one of two": serialized(x=X, k=to_listed_proto(np.int64([1, 2]))),
        "a field that is unknown": spec + field(2, field(1, b"x") + field(2, tensor + b"\x98\x06\x01")),
        "many fields": spec + field(2, entry) + spec * known_requests.MAX_FIELDS,
        "long names": serialized("s" * forms.MAX_FRAME_BYTES, x=X),
    }
    requests = Requests()
    for name, data in cases.items():
        for _ in range(2):
            assert not isinstance(requests.read(data), KnownRequest), name
    assert len(requests) == 0


def test_a_wrong_request_is_an_error_each_time() -> None:
    requests = Requests()
    wrong = to_content_proto(X)
    wrong.tensor_shape.dim[0].size = 2
    for _ in range(2):
        with pytest.raises(InvalidArgumentError, match='input "x" holds 12 bytes; float32 of shape'):
            requests.read(serialized(x=wrong)).inputs(LIMIT)
        with pytest.raises(InvalidArgumentError, match="the request is no serialized"):
            requests.read(b"\x0a\xff\xff")


def test_the_forms_kept_are_bounded() -> None:
    requests = Requests()
    for number in range(2 * forms.FORMS_EACH):
        requests.read(serialized(f"signature{number}", x=X))
    assert len(requests) == forms.FORMS_EACH
    assert isinstance(requests.read(serialized(f"signature{number}", x=X)), KnownRequest)
    for size in range(1, forms.MAX_LENGTHS):
        requests.read(serialized(x=np.ones([1, 50 + size], np.float32)))
    assert len(requests) >= forms.MAX_LENGTHS
    requests.read(serialized(x=np.ones([1, 1000], np.float32)))
    assert len(requests) == 1
    assert isinstance(requests.read(serialized(x=np.ones([1, 1000], np.float32))), KnownRequest)


def test_a_large_input_of_a_known_form_is_not_copied() -> None:
    requests = Requests()
    image = np.random.default_rng(0).random((100, 300)).astype(np.float32)
    views = 0
    for length in range(1, 5):  # one of four names puts the values where float32 are aligned
        data = serialized(**{"x" * length: image}, k=np.float32([1]))
        requests.read(data)
        found = requests.read(data)
        assert isinstance(found, KnownRequest)
        check(found, data)
        views += np.shares_memory(found.inputs(LIMIT)["x" * length], np.frombuffer(data, np.uint8))
    assert views == 1


def test_many_threads_read_and_learn_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forms, "MAX_LENGTHS", 3)
    requests = Requests()
    faults: list[object] = []

    def ask(slot: int) -> None:
        for turn in range(200):
            data = serialized(f"s{slot % 3}", x=np.full([1, 1 + turn % 7], 1000 * slot + turn, np.float32))
            request = requests.read(data)
            found = request.inputs(LIMIT)["x"]
            if request.spec.signature != f"s{slot % 3}" or found.shape != (1, 1 + turn % 7) or (found != 1000 * slot + turn).any():
                faults.append((slot, turn, found))

    threads = [threading.Thread(target=ask, args=(slot,)) for slot in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults
    assert len(requests) <= 3 * forms.FORMS_EACH
