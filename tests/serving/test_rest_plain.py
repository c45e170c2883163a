"""The quick way to read a request of plain numbers gives what the general way gives."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.core.errors import InvalidArgumentError
from headrace.core.spec import TensorSpec
from headrace.native import library
from headrace.serving.engines.base import Signature
from headrace.serving.rest import decode, plain

DTYPES = ["float16", "bfloat16", "float32", "float64", "int8", "int32", "int64", "uint8", "uint64", "bool", "string"]
VALUES = st.one_of(
    st.integers(-300, 300),
    st.integers(-(2**64), 2**64),
    st.floats(-1e3, 1e3),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0, -0.0, 2**24 - 1, 2**24, 2**24 + 1, 3.4028234663852886e38, 3.5e38, 65504.0, 65505, 1.0, True, "a", None]),
)
ROWS = st.integers(1, 3).flatmap(lambda width: st.lists(st.lists(VALUES, min_size=width, max_size=width), min_size=1, max_size=3))


def outcome(body: bytes, dtype: str) -> Any:
    """What becomes of a request: the input's bytes and shape and the layout, or the error."""
    signature = Signature({"x": TensorSpec(None, dtype)}, {})
    try:
        document = decode.parse(body)
        arrays, layout = decode.to_arrays(document, signature)
    except InvalidArgumentError as error:
        return error.message
    array = arrays["x"]
    return document.signature, layout, array.dtype, array.shape, array.tobytes() if dtype != "string" else array.tolist()


def padded(body: str) -> bytes:
    """The body, long enough for the quick way."""
    return (body[0] + " " * 200 + body[1:]).encode()


def general(body: bytes, dtype: str) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plain, "read", lambda _: None)
        return outcome(body, dtype)


@given(ROWS, st.sampled_from(["instances", "inputs"]), st.sampled_from(DTYPES))
def test_both_ways_agree_on_values_and_refusals(rows: Any, key: str, dtype: str) -> None:
    body = padded(json.dumps({key: rows}))
    assert outcome(body, dtype) == general(body, dtype)


@pytest.mark.skipif(library.load() is None, reason="there is no C compiler here")
@pytest.mark.parametrize(
    ("body", "signature", "key"),
    [
        ('{"instances":[[1,2.5]]}', "", "instances"),
        (' {\n"inputs" : [1] } \n', "", "inputs"),
        ('{"signature_name": "s_1", "instances": [1]}', "s_1", "instances"),
        ('{"instances": [1], "signature_name": ""}', "", "instances"),
        ('{"instances": [1] , "signature_name" : "other"}', "other", "instances"),
    ],
)
def test_the_usual_forms_take_the_quick_way(body: str, signature: str, key: str) -> None:
    found = plain.read(body.replace("{", "{" + " " * 200, 1).encode())
    assert found is not None
    assert (found.signature, found.key) == (signature, key)
    assert general(body.encode(), "float32") == outcome(body.replace("{", "{" + " " * 200, 1).encode(), "float32")


@pytest.mark.parametrize(
    "body",
    [
        '{"instances": [1], "inputs": [2]}',
        '{"instances": [1], "instances": [2]}',
        '{"signature_name": "a", "instances": [1], "signature_name": "b"}',
        '{"signature_name": "é", "instances": [1]}',
        '{"instances": [1]',
        '{"instances": [1]} x',
        '{"instances": [1],}',
        '{"instances": 1}',
        '{"instances": []}',
        '{"instances": [{"x": 1}]}',
        '{"instances": [1], "other": 2}',
        '["instances", [1]]',
    ],
)
def test_other_forms_take_the_general_way(body: str) -> None:
    assert plain.read(padded(body)) is None
    assert outcome(padded(body), "float32") == general(padded(body), "float32")


def test_several_inputs_take_the_general_way() -> None:
    document = decode.parse(padded('{"instances": [1, 2]}'))
    signature = Signature({"a": TensorSpec([None], "float32"), "b": TensorSpec([None], "float32")}, {})
    with pytest.raises(InvalidArgumentError, match="'instances' is a plain list; expected a list of objects"):
        decode.to_arrays(document, signature)


def test_a_picture_is_read_exactly() -> None:
    image = np.random.default_rng(0).random((1, 32, 32, 3)).astype(np.float32)
    arrays, layout = decode.to_arrays(
        decode.parse(json.dumps({"instances": image.tolist()}).encode()), Signature({"x": TensorSpec(None, "float32")}, {})
    )
    assert layout == "row"
    np.testing.assert_array_equal(arrays["x"], image)
