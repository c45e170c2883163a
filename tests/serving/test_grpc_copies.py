"""Large inputs and outputs over gRPC are copied once at most, whatever form their values have."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import TypeVar

import numpy as np
import pytest

from headrace.core import dtypes
from headrace.core.errors import InvalidArgumentError, OpError
from headrace.core.spec import TensorSpec
from headrace.proto.messages import TensorProto
from headrace.proto.serving import PredictRequest, PredictResponse
from headrace.proto.tensors import from_proto, to_content_proto, to_listed_proto
from headrace.proto.varint import put_varint
from headrace.serving.dataplane import Prediction
from headrace.serving.engines.base import Signature
from headrace.serving.grpc import predict_request
from headrace.serving.grpc.known_answers import Responses

IMAGE = np.random.default_rng(0).random((1, 224, 224, 3), np.float32)
LIMIT = 128 << 20
T = TypeVar("T")


def most_allocated(make: Callable[[], T]) -> tuple[T, int]:
    """What `make` makes, and the bytes that Python and numpy had at most for it."""
    make()
    tracemalloc.start()
    try:
        made = make()
        return made, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def serialized(**inputs: TensorProto) -> bytes:
    request = PredictRequest(output_filter=["y"])
    request.model_spec.name = "m"
    for name, proto in inputs.items():
        request.inputs[name].CopyFrom(proto)
    return request.SerializeToString()


def raw(tensor: bytes) -> bytes:
    """A request whose input x is these bytes."""
    entry = _field(1, b"x") + _field(2, tensor)
    return serialized() + _field(PredictRequest.DESCRIPTOR.fields_by_name["inputs"].number, entry)


def _field(number: int, content: bytes) -> bytes:
    head = bytearray()
    put_varint(head, number << 3 | 2)
    put_varint(head, len(content))
    return bytes(head) + content


@pytest.mark.parametrize("write", [to_content_proto, to_listed_proto])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int8, np.bool_])
def test_inputs_are_what_the_parser_reads(write: object, dtype: type) -> None:
    image = (IMAGE * 100).astype(dtype)
    data = serialized(x=write(image), small=write(image[:, :1, :1]))  # type: ignore[operator]
    found = predict_request.parse(data).inputs(LIMIT)
    assert found.keys() == {"x", "small"}
    assert np.array_equal(found["x"], image)
    assert np.array_equal(found["small"], image[:, :1, :1])
    assert found["x"].flags.aligned


@pytest.mark.parametrize("write", [to_content_proto, to_listed_proto])
def test_an_input_is_a_view_of_the_message_or_one_copy(write: object) -> None:
    views = 0
    for length in range(1, 5):  # one of four names puts the values where float32 are aligned
        data = serialized(**{"x" * length: write(IMAGE)})  # type: ignore[operator]
        array, most = most_allocated(lambda data=data: predict_request.parse(data).inputs(LIMIT).popitem()[1])
        shares = np.shares_memory(array, np.frombuffer(data, np.uint8))
        assert most < (0.1 if shares else 1.1) * IMAGE.nbytes
        assert not array.flags.writeable or not shares
        views += shares
    assert views == 1


def test_an_output_is_copied_once() -> None:
    signature = Signature({}, {"y": TensorSpec(IMAGE.shape, dtypes.float32, "y")})
    for answers in (Responses(True), Responses(False)) * 2:  # the second time the form of the answer is known
        made, most = most_allocated(lambda answers=answers: answers.write("m", Prediction({"y": IMAGE}, 1, "s"), signature))
        assert np.array_equal(from_proto(PredictResponse.FromString(made).outputs["y"]), IMAGE)
        assert most < 1.1 * IMAGE.nbytes


def test_what_is_of_no_usual_form_is_left_to_the_parser() -> None:
    half, whole = to_listed_proto(IMAGE), to_content_proto(IMAGE)
    short = TensorProto(dtype=1, float_val=IMAGE.ravel()[:70_000])
    short.tensor_shape.CopyFrom(whole.tensor_shape)
    text = TensorProto(dtype=7, tensor_content=b"\xc0\x9a\x0c" + b"x" * 200_000)
    parts = whole.SerializeToString() + TensorProto(tensor_content=IMAGE[:, ::-1].tobytes()).SerializeToString()
    both = TensorProto.FromString(
        half.SerializeToString() + TensorProto(tensor_content=IMAGE[:, ::-1].tobytes()).SerializeToString()
    )
    beside = TensorProto.FromString(half.SerializeToString() + TensorProto(tensor_content=b"1234").SerializeToString())
    beside.tensor_shape.Clear()
    cases = {
        "filled up": serialized(x=short),
        "a string": serialized(x=text),
        "both forms": serialized(x=both),
        "two blocks": raw(parts),
        "a small value of the other form": serialized(x=beside),
        "twice": serialized(x=whole) + serialized(x=to_content_proto(IMAGE * 2)),
        "twice, the last small": serialized(x=whole) + serialized(x=to_content_proto(IMAGE[:, :1])),
    }
    for name, data in cases.items():
        expected = from_proto(PredictRequest.FromString(data).inputs["x"])
        assert np.array_equal(predict_request.parse(data).inputs(LIMIT)["x"], expected), name


def test_first_value_and_errors_are_those_of_the_parser() -> None:
    request = predict_request.parse(serialized(x=to_content_proto(IMAGE)))
    assert request.first_value(LIMIT, "x") == IMAGE.ravel()[0]
    assert request.first_value(LIMIT, "z") is None
    wrong = to_content_proto(IMAGE)
    wrong.tensor_shape.dim[0].size = 2
    with pytest.raises(InvalidArgumentError, match=f'input "x" holds {IMAGE.nbytes} bytes; float32 of shape'):
        predict_request.parse(serialized(x=wrong)).inputs(LIMIT)
    for dtype in (0, 20, 9_999):
        wrong.dtype = dtype
        with pytest.raises(OpError):
            predict_request.parse(serialized(x=wrong)).inputs(LIMIT)


def test_damaged_bytes_never_give_other_values_than_the_parser() -> None:
    data = serialized(x=to_content_proto(IMAGE), y=to_listed_proto(IMAGE))
    numbers = np.random.default_rng(1)
    agreed = 0
    for _ in range(300):
        damaged = bytearray(data)
        at = int(numbers.integers(0, 60)) if numbers.random() < 0.7 else int(numbers.integers(0, len(data)))
        damaged[at] = int(numbers.integers(0, 256))
        text = bytes(damaged)
        try:
            expected = {name: from_proto(proto) for name, proto in PredictRequest.FromString(text).inputs.items()}
        except Exception:  # noqa: BLE001  whatever the parser refuses
            with pytest.raises(OpError):
                predict_request.parse(text).inputs(LIMIT)
            continue
        found = predict_request.parse(text).inputs(LIMIT)
        assert found.keys() == expected.keys()
        assert all(np.array_equal(found[name], expected[name], equal_nan=found[name].dtype.kind in "fc") for name in found)
        agreed += 1
    assert agreed > 50
