"""Arrays to TensorProto and back, and the same for dtypes and shapes."""

from __future__ import annotations

import math
from typing import Any

import ml_dtypes
import numpy as np

from headrace.core import dtypes, errors
from headrace.core.dtypes import DType
from headrace.core.shapes import TensorShape
from headrace.proto.messages import TensorProto, TensorShapeProto
from headrace.proto.varint import get_varint, put_varint

Array = np.ndarray[Any, np.dtype[Any]]

_LIST_FIELD = {
    dtypes.float32: "float_val",
    dtypes.float64: "double_val",
    dtypes.float16: "half_val",
    dtypes.bfloat16: "half_val",
    dtypes.string: "string_val",
    dtypes.complex64: "scomplex_val",
    dtypes.complex128: "dcomplex_val",
    dtypes.int64: "int64_val",
    dtypes.bool_: "bool_val",
    dtypes.uint32: "uint32_val",
    dtypes.uint64: "uint64_val",
    dtypes.float8_e5m2: "float8_val",
    dtypes.float8_e4m3fn: "float8_val",
}
"""Types that are missing here stand in `int_val`."""

_BLOCKS = {"tensor_content", "float_val", "double_val", "scomplex_val", "dcomplex_val"}
"""Fields that hold numbers on the wire as they stand in memory."""

MAX_RANK = 64
MAX_ELEMENTS = 1 << 48
MAX_EXPANSION = 1 << 30
"""Bytes that a repeated last value may fill: a message of a few bytes can claim any shape."""


def dtype_from_proto(number: int, what: str) -> DType:
    """The DType of a `DataType` number; a reference type (100 more) counts as its base.

    Raises:
        InvalidArgumentError: Headrace has no such type.
    """
    try:
        return dtypes.as_dtype(number - 100 if number > 100 else number)
    except TypeError:
        raise errors.InvalidArgumentError(f"{what} has DataType {number}; Headrace has no such element type") from None


def enum_name(dtype: DType) -> str:
    """The name of a dtype in `DataType`, such as DT_FLOAT."""
    name: str = TensorProto.DESCRIPTOR.fields_by_name["dtype"].enum_type.values_by_number[dtype.enum].name
    return name


def shape_to_proto(shape: TensorShape) -> Any:
    """A TensorShapeProto; unknown dimensions become -1."""
    proto = TensorShapeProto()
    if shape.rank is None:
        proto.unknown_rank = True
        return proto
    for dim in shape.as_tuple():
        proto.dim.add().size = -1 if dim is None else dim
    return proto


def shape_from_proto(proto: Any, what: str) -> TensorShape:
    """The shape that a TensorShapeProto gives.

    Raises:
        InvalidArgumentError: a dimension is below -1.
    """
    if proto.unknown_rank:
        return TensorShape(None)
    sizes = [dim.size for dim in proto.dim]
    if any(size < -1 for size in sizes):
        raise errors.InvalidArgumentError(f"{what} has the shape {sizes}; expected sizes of 0 or more, or -1 for unknown")
    return TensorShape([None if size == -1 else size for size in sizes])


def concrete_shape(proto: Any, what: str) -> tuple[int, ...]:
    """The shape of a stored tensor, which must be fully known.

    Raises:
        InvalidArgumentError: a dimension, or the rank, is unknown, or the shape is beyond what an array can have.
    """
    shape = shape_from_proto(proto, what)
    if not shape.is_fully_defined():
        raise errors.InvalidArgumentError(f"{what} has the shape {shape}; a stored tensor needs every dimension")
    dims = shape.concrete()
    if len(dims) > MAX_RANK or math.prod(dim for dim in dims if dim) >= MAX_ELEMENTS:
        raise errors.InvalidArgumentError(
            f"{what} has the shape {shape}; at most {MAX_RANK} dimensions and 2**48 elements are taken"
        )
    return dims


def as_bytes(value: Any) -> bytes:
    """One element of a string tensor as bytes."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogateescape")


def little_endian(array: Array) -> Array:
    """`array`, contiguous and in little-endian order."""
    if array.dtype.kind in "iufc" and array.dtype.byteorder == ">":
        array = array.astype(array.dtype.newbyteorder("<"))
    return np.ascontiguousarray(array).reshape(array.shape)


def to_proto(array: Array, dtype: DType | None = None) -> Any:
    """A TensorProto of `array`: one value or strings in the typed list, all else in `tensor_content`.

    Args:
        array: any shape; strings as an object array of bytes or str.
        dtype: given for types that share a numpy dtype with another (quantized ones).

    Raises:
        UnimplementedError: handles and variants have no stored form.
    """
    dtype = dtype or dtypes.from_numpy(array.dtype)
    if array.size < 2 or dtype is dtypes.string:
        return to_listed_proto(array, dtype)
    return to_content_proto(array, dtype)


def to_listed_proto(array: Array, dtype: DType | None = None, into: Any = None) -> Any:
    """A TensorProto of `array` with every value in the typed list, none in `tensor_content`.

    Args:
        array: as for `to_proto`.
        dtype: as for `to_proto`.
        into: an empty TensorProto to fill in place of a new one.

    Raises:
        UnimplementedError: handles and variants have no stored form.
    """
    dtype = dtype or dtypes.from_numpy(array.dtype)
    proto = _typed(array.shape, dtype, into)
    if dtype is dtypes.string:
        proto.string_val.extend(as_bytes(item) for item in array.ravel().tolist())
    elif array.size:
        _list_values(proto, dtype, array.astype(dtype.np_dtype, copy=False).ravel())
    return proto


def to_content_proto(array: Array, dtype: DType | None = None, into: Any = None) -> Any:
    """A TensorProto of `array` with numbers in `tensor_content` and strings in their list; arguments as for `to_listed_proto`.

    Raises:
        UnimplementedError: handles and variants have no stored form.
    """
    dtype = dtype or dtypes.from_numpy(array.dtype)
    if dtype is dtypes.string:
        return to_listed_proto(array, dtype, into)
    proto = _typed(array.shape, dtype, into)
    proto.tensor_content = little_endian(array.astype(dtype.np_dtype, copy=False)).tobytes()
    return proto


def to_wire(array: Array, dtype: DType | None = None, content: bool = True) -> list[bytes | memoryview]:
    """A serialized TensorProto in pieces, to be joined; numbers are not copied until then.

    Args:
        array: as for `to_proto`.
        dtype: as for `to_proto`.
        content: numbers stand in `tensor_content`; else in the typed list.

    Raises:
        UnimplementedError: handles and variants have no stored form.
    """
    dtype = dtype or dtypes.from_numpy(array.dtype)
    field = "tensor_content" if content and dtype is not dtypes.string else _LIST_FIELD.get(dtype, "int_val")
    if field not in _BLOCKS:
        return [to_listed_proto(array, dtype).SerializeToString()]
    head = _typed(array.shape, dtype).SerializeToString()
    if not array.size:
        return [head]
    values = little_endian(array.astype(dtype.np_dtype, copy=False)).ravel()
    return [head, _block_head(field, values.nbytes), values.view(np.uint8).data]


def _block_head(field: str, size: int) -> bytes:
    """What stands before a field of TensorProto that is a block of `size` bytes."""
    head = bytearray()
    put_varint(head, TensorProto.DESCRIPTOR.fields_by_name[field].number << 3 | 2)
    put_varint(head, size)
    return bytes(head)


def _typed(shape: tuple[int, ...], dtype: DType, into: Any = None) -> Any:
    """A TensorProto with dtype and shape, without values."""
    if not dtype.is_numpy_compatible:
        raise errors.UnimplementedError(f"a tensor of {dtype.name} cannot be written as a TensorProto; expected numbers or strings")
    proto = TensorProto() if into is None else into
    proto.dtype = dtype.enum
    proto.tensor_shape.CopyFrom(shape_to_proto(TensorShape(shape)))
    return proto


def _list_values(proto: Any, dtype: DType, values: Array) -> None:
    """Puts numbers, [n] with n > 0, into the typed list of an empty TensorProto."""
    field = _LIST_FIELD.get(dtype, "int_val")
    if field in _BLOCKS:
        # protobuf would make a Python object of each number.
        proto.MergeFromString(_block_head(field, values.nbytes) + little_endian(values).tobytes())
    elif field == "half_val":
        proto.half_val.extend(values.view(np.uint16).tolist())
    elif field == "float8_val":
        proto.float8_val = values.tobytes()
    else:
        getattr(proto, field).extend((values.astype(np.int64) if field == "int_val" else values).tolist())


def from_proto(proto: Any, what: str = "a tensor", writable: bool = True, max_expansion: int = MAX_EXPANSION) -> Array:
    """The array of a TensorProto.

    When the typed list is shorter than the shape asks, its last value fills the rest (zero when it is empty).

    Args:
        proto: the message.
        what: names it in errors.
        writable: False saves a copy where the values stand in `tensor_content`.
        max_expansion: the bytes that a repeated last value may fill.

    Raises:
        InvalidArgumentError: the values do not fit the shape.
        DataLossError: the content of strings is cut short.
        ResourceExhaustedError: filling up would take more than `max_expansion` bytes.
        UnimplementedError: the tensor holds handles or variants.
    """
    dtype = dtype_from_proto(proto.dtype, what)
    if not dtype.is_numpy_compatible:
        raise errors.UnimplementedError(f"{what} holds {dtype.name} values, which cannot be read from a file")
    shape = concrete_shape(proto.tensor_shape, what)
    count = math.prod(shape)
    if proto.tensor_content:
        if dtype is dtypes.string:
            return _strings_of(proto.tensor_content, count, what).reshape(shape)
        return from_bytes(proto.tensor_content, dtype, shape, what, writable)
    values = _listed(proto, dtype, what)
    if len(values) > count:
        raise errors.InvalidArgumentError(f"{what} lists {len(values)} values for shape {list(shape)}, which holds {count}")
    missing = count - len(values)
    if missing * max(dtype.size, 8 if dtype is dtypes.string else 1) > max_expansion:
        raise errors.ResourceExhaustedError(
            f"{what} lists {len(values)} values and asks to repeat the last one {missing} times for shape {list(shape)}; "
            f"at most {max_expansion} bytes are filled this way"
        )
    if missing:
        blank = b"" if dtype is dtypes.string else 0
        tail = np.full(missing, values[-1] if len(values) else blank, dtype=dtype.np_dtype)
        values = np.concatenate([values, tail])
    shaped: Array = values.reshape(shape)
    return shaped


def content_of(array: Array) -> bytes:
    """The `tensor_content` of an array: little-endian numbers; of strings their lengths, then their bytes."""
    if array.dtype != object:
        return little_endian(array).tobytes()
    items = [as_bytes(item) for item in array.ravel().tolist()]
    lengths = bytearray()
    for item in items:
        put_varint(lengths, len(item))
    return bytes(lengths) + b"".join(items)


def _strings_of(content: bytes, count: int, what: str) -> Array:
    """The strings of a `tensor_content`, [count]."""
    lengths: list[int] = []
    at = 0
    while len(lengths) < count:
        length, at = get_varint(content, at, what)
        lengths.append(length)
    if len(content) != at + sum(lengths):
        raise errors.InvalidArgumentError(f"{what} holds {len(content)} bytes; its {count} strings take {at + sum(lengths)}")
    items = np.empty(count, dtype=object)
    for index, length in enumerate(lengths):
        items[index] = content[at : at + length]
        at += length
    return items


def from_bytes(content: bytes | memoryview, dtype: DType, shape: tuple[int, ...], what: str, writable: bool = True) -> Array:
    """An array from little-endian bytes, a view of them unless it is to be writable.

    Raises:
        InvalidArgumentError: the number of bytes is not what dtype and shape ask.
    """
    expected = math.prod(shape) * dtype.np_dtype.itemsize
    if len(content) != expected:
        raise errors.InvalidArgumentError(
            f"{what} holds {len(content)} bytes; {dtype.name} of shape {list(shape)} takes {expected}"
        )
    if dtype is dtypes.bool_:
        flags: Array = np.frombuffer(content, np.uint8) != 0
        return flags.reshape(shape)
    array = np.frombuffer(content, dtype.np_dtype).reshape(shape)
    return array.copy() if writable else array


def _listed(proto: Any, dtype: DType, what: str) -> Array:
    field = _LIST_FIELD.get(dtype, "int_val")
    values = getattr(proto, field)
    if field == "string_val":
        strings = np.empty(len(values), dtype=object)
        strings[:] = list(values)
        return strings
    if field == "float8_val":
        return np.frombuffer(values, dtype.np_dtype)
    if field == "half_val":
        return (_numbers(values, np.int64) & 0xFFFF).astype(np.uint16).view(dtype.np_dtype)
    if dtype.is_complex:
        if len(values) % 2:
            raise errors.InvalidArgumentError(f"{what} lists {len(values)} parts of complex numbers; expected an even number")
        part = np.float32 if dtype is dtypes.complex64 else np.float64
        return _numbers(values, part).view(dtype.np_dtype)
    if field == "int_val":
        return _narrow(values, dtype, what)
    return _numbers(values, dtype.np_dtype)


def _numbers(values: Any, dtype: Any) -> Array:
    """A repeated field as an array. Those of protobuf 7 are arrays of their own; of others an iterator is the faster way."""
    return np.array(values, dtype) if hasattr(values, "__array__") else np.fromiter(values, dtype, len(values))


def _narrow(values: Any, dtype: DType, what: str) -> Array:
    wide = _numbers(values, np.int64)
    info = ml_dtypes.iinfo(dtype.np_dtype)
    if wide.size and (wide.min() < int(info.min) or wide.max() > int(info.max)):
        raise errors.InvalidArgumentError(f"{what} lists a value outside {dtype.name}, which holds {info.min} to {info.max}")
    return wide.astype(dtype.np_dtype)
