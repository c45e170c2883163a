"""tf.Example messages into numpy arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.core import errors
from headrace.data.example import (
    BytesList,
    Example,
    Feature,
    Features,
    FixedLenFeature,
    FloatList,
    Int64List,
    parse_arrays,
    parse_single_arrays,
)

pytestmark = pytest.mark.usefixtures("both_ways")


def make(**features: Any) -> bytes:
    return Example(features=Features(feature=features)).SerializeToString()


def ints(*values: int) -> Any:
    return Feature(int64_list=Int64List(value=values))


def floats(*values: float) -> Any:
    return Feature(float_list=FloatList(value=values))


def strings(*values: bytes) -> Any:
    return Feature(bytes_list=BytesList(value=values))


@given(
    rows=st.lists(
        st.tuples(
            st.lists(st.integers(-(2**63), 2**63 - 1), min_size=2, max_size=2),
            st.lists(st.floats(width=32, allow_nan=False), min_size=6, max_size=6),
            st.lists(st.binary(max_size=20), min_size=3, max_size=3),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_values_come_back(rows: list[tuple[list[int], list[float], list[bytes]]]) -> None:
    features = {
        "i": FixedLenFeature([2], "int64"),
        "f": FixedLenFeature([2, 3], "float32"),
        "s": FixedLenFeature([3, 1], "string"),
    }
    got = parse_arrays([make(i=ints(*i), f=floats(*f), s=strings(*s)) for i, f, s in rows], features)
    assert got["i"].tolist() == [i for i, _, _ in rows]
    assert got["f"].reshape(len(rows), 6).tolist() == [f for _, f, _ in rows]
    assert got["s"].reshape(len(rows), 3).tolist() == [s for _, _, s in rows]
    assert (got["i"].dtype, got["f"].dtype, got["s"].dtype) == (np.int64, np.float32, object)
    assert (got["f"].shape, got["s"].shape) == ((len(rows), 2, 3), (len(rows), 3, 1))


@pytest.mark.parametrize("count", [0, 1, 31, 32, 4095, 4096, 40000])
def test_floats_of_every_length_of_length(count: int) -> None:
    values = np.linspace(-1, 1, count, dtype=np.float32)
    got = parse_single_arrays(make(x=floats(*values)), {"x": FixedLenFeature([count], "float32")})
    np.testing.assert_array_equal(got["x"], values)


def test_unpacked_floats_and_unknown_fields_are_read_right() -> None:
    # A writer may store floats one by one (tag 0x0d), and newer ones may add fields (here number 9).
    float_list = b"\x0d" + np.float32(1.5).tobytes() + b"\x4d" + b"\xff\xff\xff\xff" + b"\x0d" + np.float32(-2).tobytes()
    feature = b"\x12" + bytes([len(float_list)]) + float_list
    entry = b"\x0a\x01x" + b"\x12" + bytes([len(feature)]) + feature
    features = b"\x0a" + bytes([len(entry)]) + entry
    got = parse_single_arrays(b"\x0a" + bytes([len(features)]) + features, {"x": FixedLenFeature([2], "float32")})
    assert got["x"].tolist() == [1.5, -2.0]


def test_zero_bytes_at_the_end_of_strings_stay() -> None:
    assert parse_single_arrays(make(s=strings(b"a\0\0")), {"s": FixedLenFeature([], "string")})["s"] == b"a\0\0"


@pytest.mark.parametrize("empty", [make(), make(a=Feature()), b""])
def test_the_default_stands_in_for_a_missing_feature(empty: bytes) -> None:
    features = {
        "a": FixedLenFeature([2], "int64", [5, 6]),
        "b": FixedLenFeature([3], "float32", 0.5),
        "c": FixedLenFeature([], "string", "text"),
    }
    got = parse_single_arrays(empty, features)
    assert got["a"].tolist() == [5, 6]
    assert got["b"].tolist() == [0.5] * 3
    assert got["c"] == b"text"


def test_an_empty_batch_keeps_the_shape() -> None:
    assert parse_arrays([], {"a": FixedLenFeature([2], "int64")})["a"].shape == (0, 2)


@pytest.mark.parametrize(
    ("feature", "message"),
    [
        (FixedLenFeature([3], "int64"), "has 2 values; shape .3. needs 3"),
        (FixedLenFeature([2], "float32"), "int64_list; float32 needs a float_list"),
        (FixedLenFeature([2], "int32"), "expected float32, int64 or string"),
        (FixedLenFeature([None], "int64"), "every dimension known"),
        (FixedLenFeature([2], "int64", [1, 2, 3]), "default of feature 'a' has shape"),
    ],
)
def test_what_does_not_fit_is_named(feature: FixedLenFeature, message: str) -> None:
    with pytest.raises(errors.InvalidArgumentError, match=message):
        parse_single_arrays(make(a=ints(1, 2)), {"a": feature})


def test_a_required_feature_must_be_there() -> None:
    with pytest.raises(errors.InvalidArgumentError, match="example 1 has no feature 'z'"):
        parse_arrays([make(z=ints(1)), make(a=ints(1))], {"z": FixedLenFeature([], "int64")})


def test_an_empty_list_is_not_a_missing_feature() -> None:
    with pytest.raises(errors.InvalidArgumentError, match="has 0 values"):
        parse_single_arrays(make(a=ints()), {"a": FixedLenFeature([2], "int64", [5, 6])})


@given(st.binary(max_size=60))
def test_bytes_from_outside_give_a_named_error_or_the_default(data: bytes) -> None:
    try:
        assert parse_single_arrays(data, {"a": FixedLenFeature([], "int64", 7)})["a"] == 7
    except errors.InvalidArgumentError as error:
        assert "example 0" in str(error)
