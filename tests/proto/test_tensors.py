"""Arrays to TensorProto and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from headrace.core import dtypes, errors
from headrace.core.shapes import TensorShape
from headrace.proto.messages import AttrValue, TensorProto
from headrace.proto.tensors import (
    _numbers,
    content_of,
    from_proto,
    shape_from_proto,
    shape_to_proto,
    to_content_proto,
    to_listed_proto,
    to_proto,
    to_wire,
)

STORED = [d for d in dtypes.ALL if d.is_numpy_compatible]


def joined(array: np.ndarray, dtype: dtypes.DType | None = None, content: bool = True) -> Any:
    return TensorProto.FromString(b"".join(to_wire(array, dtype, content)))


def joined_list(array: np.ndarray, dtype: dtypes.DType | None = None) -> Any:
    return joined(array, dtype, content=False)


WRITERS = [to_proto, to_listed_proto, to_content_proto, joined, joined_list]


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("shape", [(), (1,), (3, 2), (0, 4)])
@pytest.mark.parametrize("dtype", STORED, ids=lambda d: d.name)
def test_every_dtype_round_trips(dtype: dtypes.DType, shape: tuple[int, ...], write: Callable[..., Any]) -> None:
    values = np.arange(int(np.prod(shape))) % 7
    if dtype is dtypes.string:
        array = np.empty(shape, object)
        array[...] = b"x\x00y"
    else:
        array = values.astype(np.float32).astype(dtype.np_dtype).reshape(shape)
    proto = write(array, dtype)
    back = from_proto(TensorProto.FromString(proto.SerializeToString()))
    assert not (write in (to_listed_proto, joined_list) and proto.tensor_content)
    assert proto.dtype == dtype.enum
    assert back.dtype == dtype.np_dtype
    assert back.shape == shape
    assert back.tolist() == array.tolist()


@settings(max_examples=60, deadline=None)
@given(
    hnp.arrays(
        st.sampled_from([np.float32, np.float64, np.int64, np.uint8, np.complex64, np.bool_]),
        hnp.array_shapes(min_dims=0, max_side=4),
    )
)
def test_any_array_round_trips_bit_for_bit(array: np.ndarray) -> None:
    for write in WRITERS:
        assert from_proto(write(array)).tobytes() == array.tobytes()


def test_a_proto_within_a_message_can_be_filled() -> None:
    attributes = AttrValue()
    for write in (to_listed_proto, to_content_proto):
        attributes.tensor.Clear()
        assert write(np.float32([[1, 2], [3, 4]])[:, ::-1], into=attributes.tensor) is attributes.tensor
        assert from_proto(attributes.tensor).tolist() == [[2, 1], [4, 3]]


def test_pieces_are_views_of_the_array() -> None:
    array = np.float32([[1, 2], [3, 4]])
    for content in (True, False):
        *_, block = to_wire(array, content=content)
        assert isinstance(block, memoryview)
        assert np.shares_memory(np.frombuffer(block, np.float32), array)
    assert joined(array.T).tensor_content == array.T.tobytes()
    assert joined(array.astype(">f4"), dtypes.float32).tensor_content == array.tobytes()
    assert list(joined_list(array).float_val) == [1, 2, 3, 4]


def test_content_can_be_read_in_place() -> None:
    proto = to_content_proto(np.float32([1, 2]))
    assert from_proto(proto).flags.writeable
    found = from_proto(proto, writable=False)
    assert (found.tolist(), found.flags.writeable) == ([1, 2], False)


def test_what_a_repeated_value_may_fill_can_be_less() -> None:
    proto = TensorProto(dtype=1, float_val=[1])
    proto.tensor_shape.dim.add().size = 100
    assert from_proto(proto, max_expansion=400).sum() == 100
    with pytest.raises(errors.ResourceExhaustedError, match="at most 300 bytes"):
        from_proto(proto, max_expansion=300)


def test_repeated_fields_that_are_no_arrays() -> None:
    for values, dtype in (([1.5, -2.0], np.float32), ([2**64 - 1], np.uint64), ([True, False], np.bool_), ([], np.int64)):
        found = _numbers(values, dtype)  # as of protobuf 5 and 6
        assert (found.tolist(), found.dtype) == (values, dtype)


@pytest.mark.parametrize(
    ("field", "dtype", "values", "expected"),
    [
        ("float_val", 1, [1.0, 2.0], [1.0, 2.0, 2.0, 2.0]),
        ("float_val", 1, [], [0.0, 0.0, 0.0, 0.0]),
        ("int_val", 6, [-3], [-3, -3, -3, -3]),
        ("bool_val", 10, [True], [True, True, True, True]),
        ("string_val", 7, [b"a", b"b"], [b"a", b"b", b"b", b"b"]),
        ("string_val", 7, [], [b"", b"", b"", b""]),
        ("half_val", 14, [0x3F80], [1.0, 1.0, 1.0, 1.0]),
        ("half_val", 19, [0x3C00], [1.0, 1.0, 1.0, 1.0]),
        ("dcomplex_val", 18, [1.0, 2.0], [1 + 2j] * 4),
        ("uint64_val", 23, [2**63], [2**63] * 4),
    ],
)
def test_the_last_listed_value_fills_the_rest(field, dtype, values, expected) -> None:
    proto = TensorProto(dtype=dtype, **{field: values})
    for _ in range(2):
        proto.tensor_shape.dim.add().size = 2
    assert from_proto(proto).ravel().tolist() == expected


def test_reference_types_count_as_their_base() -> None:
    assert from_proto(TensorProto(dtype=101, float_val=[2.0])).dtype == np.float32


def test_big_endian_arrays_are_turned() -> None:
    assert from_proto(to_proto(np.array([1, 2], ">i4"), dtypes.int32)).tolist() == [1, 2]


def _sized(dtype: int, sizes: list[int], **fields: object) -> object:
    proto = TensorProto(dtype=dtype, **fields)
    for size in sizes:
        proto.tensor_shape.dim.add().size = size
    return proto


@pytest.mark.parametrize(
    ("proto", "error", "message"),
    [
        (_sized(1, [2], tensor_content=b"abc"), errors.InvalidArgumentError, "holds 3 bytes; float32 of shape .2. takes 8"),
        (_sized(1, [1], float_val=[1, 2]), errors.InvalidArgumentError, "lists 2 values"),
        (_sized(1, [-2]), errors.InvalidArgumentError, "sizes of 0 or more"),
        (_sized(1, [-1]), errors.InvalidArgumentError, "needs every dimension"),
        (_sized(1, [1 << 40, 1 << 40]), errors.InvalidArgumentError, "2\\*\\*48"),
        (_sized(1, [0, 1 << 60]), errors.InvalidArgumentError, "2\\*\\*48"),
        (_sized(1, [1] * 65), errors.InvalidArgumentError, "64 dimensions"),
        (_sized(1, [1 << 33]), errors.ResourceExhaustedError, "repeat the last one"),
        (_sized(7, [1 << 30]), errors.ResourceExhaustedError, "repeat the last one"),
        (_sized(4, [1], int_val=[256]), errors.InvalidArgumentError, "outside uint8"),
        (_sized(8, [1], scomplex_val=[1.0]), errors.InvalidArgumentError, "even number"),
        (_sized(20, []), errors.UnimplementedError, "resource"),
        (_sized(99, []), errors.InvalidArgumentError, "DataType 99"),
        (_sized(0, []), errors.InvalidArgumentError, "DataType 0"),
    ],
)
def test_contradictions_are_named(proto, error, message) -> None:
    with pytest.raises(error, match=message):
        from_proto(proto)


def test_handles_have_no_stored_form() -> None:
    with pytest.raises(errors.UnimplementedError, match="resource"):
        to_proto(np.empty((), object), dtypes.resource)


def test_bytes_other_than_one_read_as_true() -> None:
    assert from_proto(_sized(10, [3], tensor_content=b"\x00\x01\x07")).tolist() == [False, True, True]


@pytest.mark.parametrize("shape", [None, (), (None, 3), (2, 0)])
def test_shapes_round_trip(shape) -> None:
    assert shape_from_proto(shape_to_proto(TensorShape(shape)), "x").dims == TensorShape(shape).dims


def test_small_floats_keep_their_bits() -> None:
    value = np.array(ml_dtypes.bfloat16(-0.0))
    assert from_proto(to_proto(value)).tobytes() == value.tobytes()


def test_strings_may_stand_in_the_content() -> None:
    """As SerializeSparse of TensorFlow writes them; the bytes are its own."""
    proto = TensorProto(
        dtype=dtypes.string.enum, tensor_shape=shape_to_proto(TensorShape([2, 2])), tensor_content=b"\x01\x01\x02\x00abcc"
    )
    array = from_proto(proto)
    assert array.tolist() == [[b"a", b"b"], [b"cc", b""]]
    assert content_of(array) == proto.tensor_content


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        (b"\x01\x01", errors.DataLossError, "cut off"),
        (b"\x01\x01\x02\x00abc", errors.InvalidArgumentError, "holds 7 bytes; its 4 strings take 8"),
        (b"\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x00\x00\x00a", errors.InvalidArgumentError, "its 4 strings take"),
    ],
)
def test_damaged_strings_in_the_content_are_named(content: bytes, error: type[Exception], message: str) -> None:
    proto = TensorProto(dtype=dtypes.string.enum, tensor_shape=shape_to_proto(TensorShape([4])), tensor_content=content)
    with pytest.raises(error, match=message):
        from_proto(proto)
