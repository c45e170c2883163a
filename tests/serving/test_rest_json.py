"""Predict bodies: JSON to arrays and back."""

from __future__ import annotations

import base64
import json
import math
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from headrace.core.errors import InvalidArgumentError, UnimplementedError
from headrace.core.spec import TensorSpec
from headrace.serving.engines.base import Array, Signature
from headrace.serving.rest import decode, encode

ONE = {"x": TensorSpec(None, "float32")}
TWO = {"a": TensorSpec(None, "float32"), "b": TensorSpec(None, "int64")}
SCALARS = [
    "float16",
    "bfloat16",
    "float32",
    "float64",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "bool",
]


def arrays(content: Any, inputs: dict[str, TensorSpec] | str = ONE) -> dict[str, Array]:
    if isinstance(inputs, str):
        inputs = {"x": TensorSpec(None, inputs)}
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    return decode.to_arrays(decode.parse(text), Signature(inputs, {}))[0]


def refusal(content: Any, inputs: dict[str, TensorSpec] | str = ONE) -> str:
    with pytest.raises(InvalidArgumentError) as caught:
        arrays(content, inputs)
    return caught.value.message


@pytest.mark.parametrize(
    ("content", "dtype", "expected"),
    [
        ({"instances": [1.0, 2.5]}, "float32", np.float32([1, 2.5])),
        ({"instances": [1, 2]}, "float32", np.float32([1, 2])),
        ({"instances": [[[1, 2.5]], [[3, 4]]]}, "float64", np.float64([[[1, 2.5]], [[3, 4]]])),
        ({"instances": [[], []]}, "float32", np.zeros((2, 0), np.float32)),
        ({"inputs": [[], []]}, "int32", np.zeros((2, 0), np.int32)),
        ({"inputs": []}, "float32", np.zeros(0, np.float32)),
        ({"inputs": 3}, "int8", np.int8(3)),
        ({"inputs": [-128, 127]}, "int8", np.int8([-128, 127])),
        ({"inputs": [2**64 - 1]}, "uint64", np.uint64([2**64 - 1])),
        ({"inputs": [-(2**63), 2**63 - 1]}, "int64", np.int64([-(2**63), 2**63 - 1])),
        ({"inputs": [True, False]}, "bool", np.array([True, False])),
        ({"inputs": 16777215}, "float32", np.float32(16777215)),
        ({"inputs": 3.4028234e38}, "float32", np.float32(3.4028234e38)),
        ({"inputs": -3.4028235e38}, "float32", np.finfo(np.float32).min),
        ({"inputs": [3.3895314e38]}, "bfloat16", np.array([ml_dtypes.finfo(ml_dtypes.bfloat16).max])),
        ({"inputs": [1700000000.5]}, "float32", np.float32([1700000000.5])),
        ({"inputs": {"x": [1.5]}}, "float32", np.float32([1.5])),
        ({"inputs": {"x": [1.5], "more": "ignored"}}, "float32", np.float32([1.5])),
        ({"instances": [{"x": [1.5]}, {"x": [2.5]}]}, "float32", np.float32([[1.5], [2.5]])),
        ({"instances": [1.5], "signature_name": "s", "more": 1}, "float32", np.float32([1.5])),
        ({"inputs": [1.5]}, "bfloat16", np.array([1.5], ml_dtypes.bfloat16)),
    ],
)
def test_numbers(content: Any, dtype: str, expected: Array) -> None:
    found = arrays(content, dtype)["x"]
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape
    assert np.array_equal(found, expected)


def test_several_inputs() -> None:
    for content in ({"instances": [{"a": 1.5, "b": 2}, {"b": 3, "a": 4}]}, {"inputs": {"a": [1.5, 4], "b": [2, 3]}}):
        found = arrays(content, TWO)
        assert np.array_equal(found["a"], np.float32([1.5, 4]))
        assert np.array_equal(found["b"], np.int64([2, 3]))


@pytest.mark.parametrize("key", ["instances", "inputs"])
def test_strings_and_base64(key: str) -> None:
    found = arrays({key: ["é", {"b64": base64.b64encode(b"\xff\x00").decode()}, {"b64": "YQ"}, {"b64": "Y Q =="}, ""]}, "string")[
        "x"
    ]
    assert found.dtype == object
    assert found.tolist() == ["é".encode(), b"\xff\x00", b"a", b"a", b""]


def test_base64_comes_first_or_alone() -> None:
    assert arrays({"instances": [{"b64": "YQ=="}, "b"]}, "string")["x"].tolist() == [b"a", b"b"]
    assert arrays({"inputs": {"b64": "YQ=="}}, "string")["x"].item() == b"a"
    assert arrays({"inputs": {"x": {"b64": "YQ=="}}}, "string")["x"].item() == b"a"


def test_an_input_may_be_called_b64() -> None:
    assert arrays({"inputs": {"b64": [1.5]}}, {"b64": TensorSpec(None, "float32")})["b64"].tolist() == [1.5]


def test_nan_and_infinities_stand_bare() -> None:
    found = arrays(b'{"instances": [NaN, Infinity, -Infinity, 1.5]}')["x"]
    assert np.array_equal(found, np.float32([math.nan, math.inf, -math.inf, 1.5]), equal_nan=True)


@pytest.mark.parametrize(
    ("content", "dtype", "message"),
    [
        ({"instances": [1.5]}, "int32", "JSON Value: 1.5 Type: Number is not of expected type: int32"),
        ({"instances": [True]}, "int32", "JSON Value: true Type: True is not of expected type: int32"),
        ({"instances": [1.0, True]}, "float32", "JSON Value: true Type: True is not of expected type: float"),
        ({"instances": [1.0, None]}, "float32", "JSON Value: null Type: Null is not of expected type: float"),
        ({"instances": ["1"]}, "float64", 'JSON Value: "1" Type: String is not of expected type: double'),
        ({"instances": [1]}, "string", "JSON Value: 1 Type: Number is not of expected type: string"),
        ({"instances": [1]}, "bool", "JSON Value: 1 Type: Number is not of expected type: bool"),
        ({"inputs": [300]}, "uint8", "JSON Value: 300 Type: Number is not of expected type: uint8"),
        ({"inputs": [-1]}, "uint32", "JSON Value: -1 Type: Number is not of expected type: uint32"),
        ({"inputs": [2**63]}, "int64", "is not of expected type: int64"),
        ({"inputs": [2**70]}, "int64", "is not of expected type: int64"),
        ({"inputs": [{"b64": "YQ=="}]}, "float32", "Type: Object is not of expected type: float"),
        ({"inputs": 16777216}, "float32", "Cannot convert JSON value: 16777216 to float without loss of precision."),
        ({"inputs": [1, -16777216]}, "float32", "Cannot convert JSON value: -16777216 to float without loss of precision."),
        ({"inputs": 2**53}, "float64", "Cannot convert JSON value: 9007199254740992 to double without loss of precision."),
        ({"inputs": 3.4028236e38}, "float32", "Cannot convert JSON value: 3.4028236e+38 to float without loss of precision."),
        ({"inputs": 1e39}, "float32", "Cannot convert JSON value: 1e+39 to float without loss of precision."),
        ({"inputs": 70000.0}, "float16", "Cannot convert JSON value: 70000.0 to half without loss of precision."),
        ({"inputs": [{"b64": 1}]}, "string", "not formatted correctly for base64"),
        ({"inputs": [{"b64": "YQ==", "c": 1}]}, "string", "not formatted correctly for base64"),
        ({"inputs": [{"b64": "@@@"}]}, "string", "Unable to base64 decode"),
        ({"inputs": [{"b64": "Y"}]}, "string", "Unable to base64 decode"),
        ({"inputs": [[1], 2]}, "float32", "JSON Value: 2 found at level 1"),
        ({"inputs": [1, [2]]}, "float32", "Encountered list at unexpected level: 1 expected < 1"),
        ({"inputs": [[1, 2], [3]]}, "float32", "Encountered list at unexpected size: 1 at level: 1 expected size: 2"),
        (
            {"instances": [[1, 2], [3]]},
            "float32",
            "element: 1 of 'instances' list. Error: INVALID_ARGUMENT: Expecting tensor size: 2 but got: 1",
        ),
        ({"instances": [[[1, 2]], [[1], [2]]]}, "float32", "Expecting shape [1,2] but got: [2,1]"),
        ({"instances": [[1], {"x": 1}]}, "float32", "item 1 of 'instances' is an object"),
        ({"instances": [{"x": 1}, [1]]}, "float32", "item 1 of 'instances' is a Array"),
        ({"instances": [{"x": 1}, {"y": 1}]}, "float32", "keys must be equal to: x"),
        ({"instances": [{"x": 1}, {"x": True}]}, "float32", "Failed to process element: 1 key: x of 'instances' list."),
        ({"instances": []}, "float32", "expected a list of at least one element"),
        ({"instances": 1}, "float32", "expected a list of at least one element"),
        ({"instances": {"x": 1}}, "float32", "expected a list of at least one element"),
        ({"inputs": {"y": 1}}, "float32", "Missing named input: x in 'inputs' object."),
        ({"instances": [1], "inputs": [1]}, "float32", "both 'instances' and 'inputs'"),
        ({"signature_name": "s"}, "float32", "Missing 'inputs' or 'instances' key"),
        ({"signature_name": 1, "inputs": [1]}, "float32", "is not a valid 'signature_name'"),
        ([1], "float32", "JSON Value: [1] Is not object"),
        (None, "float32", "JSON Value: null Is not object"),
    ],
)
def test_what_is_refused(content: Any, dtype: str, message: str) -> None:
    assert message in refusal(content, dtype)


def test_what_is_refused_with_several_inputs() -> None:
    assert "is a plain list" in refusal({"instances": [1, 2]}, TWO)
    assert "plain value or list" in refusal({"inputs": [1, 2]}, TWO)
    assert "keys must be equal to: a,b" in refusal({"instances": [{"a": 1}]}, TWO)
    assert "keys must be equal to: a,b" in refusal({"instances": [{"a": 1, "b": 1, "c": 1}]}, TWO)
    assert "Failed to get input map for signature: DEFAULT" in refusal({"inputs": []}, {})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" \n",
        b"{",
        b"instances = [1, 2]",
        b'{"instances": [1,]}',
        b'{"instances": [1 2]}',
        b"{'instances': [1]}",
        b'{"instances": [1]}}',
        b'{"instances": [01]}',
        b'{"instances": [1.]}',
        b'{"instances": [.5]}',
        b'{"instances": [nan]}',
        b'{"instances": [1e400]}',
        b'{"instances": [NaN, 1e400]}',
        b'{"instances": [NaN, ]}',
        b'{"instances": [NaN], "a": "\xff"}',
        b'{"instances": ["\xff"]}',
        b'{"instances": ["\\ud800"]}',
        b'{"instances": ' + b"[" * 100_000,
        b'{"instances": [NaN, ' + b"[" * 100_000,
        b'{"instances": [NaN, ' + b"9" * 5000 + b"]}",
        b"\x00",
        b"\xef\xbb\xbf{}",
        b"\x1f\x8b\x08\x00",
    ],
)
def test_what_is_not_json(body: bytes) -> None:
    assert refusal(body).startswith("JSON Parse error: ")


def test_an_empty_body_is_named_as_such() -> None:
    assert refusal(b"") == "JSON Parse error: The document is empty"


@pytest.mark.parametrize("part", [b"[],", b"{},", b'{"a":1},'])
def test_too_many_parts_are_refused_before_they_fill_the_memory(part: bytes) -> None:
    assert "more than 4194304 lists, objects and keys" in refusal(b'{"instances": [' + part * (4 << 20) + b"1]}")


def test_lists_nested_too_deep_are_refused() -> None:
    deep = b'{"instances": ' + b"[" * 40 + b"1" + b"]" * 40 + b"}"
    assert "expected at most 32" in refusal(deep)
    assert arrays(b'{"instances": ' + b"[" * 32 + b"1" + b"]" * 32 + b"}")["x"].shape == (1,) * 32


def test_long_values_are_cut_in_messages() -> None:
    assert len(refusal({"inputs": ["x" * 100_000]})) < 2000


def test_a_lone_surrogate_is_refused() -> None:
    assert "is not of expected type: string" in refusal(b'{"inputs": ["\\ud800"], "a": NaN}', "string")


def test_complex_inputs_have_no_json_form() -> None:
    with pytest.raises(UnimplementedError, match="complex64"):
        arrays({"inputs": [1]}, "complex64")


class TestEncode:
    def test_one_output_drops_its_name(self) -> None:
        y = np.float32([[1, 2], [3, 4]])
        assert json.loads(encode.from_arrays({"y": y}, "row")) == {"predictions": [[1, 2], [3, 4]]}
        assert json.loads(encode.from_arrays({"y": y}, "columnar")) == {"outputs": [[1, 2], [3, 4]]}

    def test_several_outputs_keep_theirs(self) -> None:
        outputs = {"y": np.float32([1, 2]), "z": np.int64([[3], [4]])}
        assert json.loads(encode.from_arrays(outputs, "row")) == {"predictions": [{"y": 1, "z": [3]}, {"y": 2, "z": [4]}]}
        assert json.loads(encode.from_arrays(outputs, "columnar")) == {"outputs": {"y": [1, 2], "z": [[3], [4]]}}

    def test_floats_are_written_short_and_as_floats(self) -> None:
        assert encode.from_arrays({"y": np.float32([0.2, 3.0, 1e20])}, "columnar") == b'{"outputs":[0.2,3.0,1e+20]}'
        assert encode.from_arrays({"y": np.float64([0.1])}, "columnar") == b'{"outputs":[0.1]}'
        assert encode.from_arrays({"y": np.array([1.5], ml_dtypes.bfloat16)}, "columnar") == b'{"outputs":[1.5]}'

    def test_odd_floats_stand_bare(self) -> None:
        y = np.float32([[np.nan, 1.5], [np.inf, -np.inf]])
        assert encode.from_arrays({"y": y}, "columnar") == b'{"outputs":[[NaN,1.5],[Infinity,-Infinity]]}'
        assert encode.from_arrays({"y": y[1, 0], "z": y}, "columnar") == (
            b'{"outputs":{"y":Infinity,"z":[[NaN,1.5],[Infinity,-Infinity]]}}'
        )
        assert encode.from_arrays({"a": y, "b": y[:, 0]}, "row") == (
            b'{"predictions":[{"a":[NaN,1.5],"b":NaN},{"a":[Infinity,-Infinity],"b":Infinity}]}'
        )

    def test_strings_and_bytes(self) -> None:
        words = np.array([["a", b"\xc3\xa9"]], object)
        assert json.loads(encode.from_arrays({"w": words}, "columnar")) == {"outputs": [["a", "é"]]}
        assert json.loads(encode.from_arrays({"w_bytes": words}, "columnar")) == {"outputs": [[{"b64": "YQ=="}, {"b64": "w6k="}]]}
        with pytest.raises(InvalidArgumentError, match="'w' holds bytes that are not UTF-8; an output named 'w_bytes'"):
            encode.from_arrays({"w": np.array([b"\xff"], object)}, "columnar")

    def test_transposed_and_scalar_arrays(self) -> None:
        assert json.loads(encode.from_arrays({"y": np.arange(4).reshape(2, 2).T}, "columnar")) == {"outputs": [[0, 2], [1, 3]]}
        assert encode.from_arrays({"y": np.float32(1)}, "columnar") == b'{"outputs":1.0}'
        assert encode.from_arrays({"y": np.array(b"a", object)}, "columnar") == b'{"outputs":"a"}'

    def test_rows_need_one_common_first_dimension(self) -> None:
        with pytest.raises(InvalidArgumentError, match=r"outputs \['y'\] are scalars"):
            encode.from_arrays({"y": np.float32(1), "z": np.float32([1])}, "row")
        with pytest.raises(InvalidArgumentError, match=r"differ in their number of rows: \{'y': 2, 'z': 1\}"):
            encode.from_arrays({"y": np.float32([1, 2]), "z": np.float32([1])}, "row")

    def test_what_has_no_json_form(self) -> None:
        with pytest.raises(UnimplementedError, match="complex64"):
            encode.from_arrays({"y": np.complex64([1])}, "columnar")
        with pytest.raises(InvalidArgumentError, match="no outputs"):
            encode.from_arrays({}, "columnar")


def tensors() -> st.SearchStrategy[tuple[str, Array]]:
    def of_dtype(name: str) -> st.SearchStrategy[tuple[str, Array]]:
        shapes = hnp.array_shapes(min_dims=1, max_dims=4, min_side=1, max_side=4)
        if name == "bfloat16":
            return shapes.flatmap(
                lambda shape: hnp.arrays(np.uint16, shape).map(lambda bits: (name, bits.view(ml_dtypes.bfloat16)))
            )
        if name == "string":
            texts = st.one_of(st.binary(max_size=8), st.text(max_size=8).map(str.encode))
            return shapes.flatmap(lambda shape: hnp.arrays(object, shape, elements=texts).map(lambda array: (name, array)))
        return shapes.flatmap(lambda shape: hnp.arrays(name, shape).map(lambda array: (name, array)))

    return st.sampled_from([*SCALARS, "string"]).flatmap(of_dtype)


@given(tensors(), st.sampled_from(["row", "columnar"]))
def test_what_is_encoded_decodes_to_the_same(tensor: tuple[str, Array], layout: decode.Layout) -> None:
    dtype, array = tensor
    body = encode.from_arrays({"x_bytes": array}, layout)
    body = body.replace(b'"predictions"', b'"instances"').replace(b'"outputs"', b'"inputs"')
    found = arrays(body, {"x_bytes": TensorSpec(None, dtype)})["x_bytes"]
    assert found.dtype == array.dtype
    assert found.shape == array.shape
    assert np.array_equal(found, array, equal_nan=array.dtype.kind not in "Obiu")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just({"b64": "YQ=="}),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["a", "b", "x", "b64"]), inner, max_size=3),
    max_leaves=12,
)


@given(json_values, st.sampled_from(["instances", "inputs"]), st.sampled_from([*SCALARS, "string", "two"]))
def test_any_json_either_becomes_arrays_or_is_refused_by_name(value: Any, key: str, dtype: str) -> None:
    inputs = TWO if dtype == "two" else {"x": TensorSpec(None, dtype)}
    try:
        found = arrays({key: value}, inputs)
    except InvalidArgumentError:  # any other error fails the test
        return
    assert found.keys() == inputs.keys()
    assert all(array.dtype == inputs[name].dtype.np_dtype for name, array in found.items())


@given(st.binary(max_size=64))
def test_any_bytes_are_parsed_or_refused_by_name(body: bytes) -> None:
    try:
        document = decode.parse(body)
    except InvalidArgumentError:  # any other error fails the test
        return
    assert isinstance(document.content, dict)
