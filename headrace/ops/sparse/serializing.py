"""Sparse tensors in strings: three serialized TensorProtos each (coordinates, values, shape)."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError

from headrace.core.dtypes import DType, from_numpy, int64, string
from headrace.core.errors import InvalidArgumentError, UnimplementedError
from headrace.core.shapes import TensorShape
from headrace.dispatch.opdef import op
from headrace.ops.strings.elements import strings
from headrace.proto.messages import TensorProto
from headrace.proto.tensors import content_of, from_proto, shape_to_proto

Array = np.ndarray[Any, Any]


def _serialized(*parts: Array) -> list[bytes]:
    return [_proto(part).SerializeToString(deterministic=True) for part in parts]


def _proto(array: Array) -> Any:
    """A TensorProto whose elements stand in `tensor_content`, as TensorFlow writes these, even a single one, and strings."""
    shape = shape_to_proto(TensorShape(array.shape))
    return TensorProto(dtype=from_numpy(array.dtype).enum, tensor_shape=shape, tensor_content=content_of(array))


def _only_strings(out_type: DType) -> None:
    if out_type is not string:
        raise UnimplementedError(f"sparse tensors are serialized into strings; out_type {out_type.name} is not there")


@op(
    "SerializeSparse",
    "sparse_indices: int64, sparse_values: T, sparse_shape: int64 -> serialized_sparse: out_type",
    host_only=True,
    differentiable=False,
    shape=lambda *_, **__: (3,),
)
def serialize_sparse(sparse_indices: Any, sparse_values: Any, sparse_shape: Any, *, out_type: DType = string) -> Any:
    """A sparse tensor as three strings."""
    _only_strings(out_type)
    return strings(_serialized(sparse_indices, sparse_values, sparse_shape))


@op(
    "SerializeManySparse",
    "sparse_indices: int64, sparse_values: T, sparse_shape: int64 -> serialized_sparse: out_type",
    host_only=True,
    differentiable=False,
    shape=lambda *_, **__: (None, 3),
)
def serialize_many_sparse(sparse_indices: Any, sparse_values: Any, sparse_shape: Any, *, out_type: DType = string) -> Any:
    """Each row of a sparse tensor as three strings, [rows, 3]; coordinates are in order."""
    _only_strings(out_type)
    if len(sparse_shape) < 2:
        raise InvalidArgumentError(f"the sparse tensor must have rank 2 or more to be taken apart; it has {len(sparse_shape)}")
    rows = sparse_indices[:, 0]
    if (np.diff(rows) < 0).any() or rows.size and not 0 <= rows[0] <= rows[-1] < sparse_shape[0]:
        raise InvalidArgumentError(f"the rows of the sparse tensor must rise and be below {sparse_shape[0]}; use tf.sparse.reorder")
    bounds = np.searchsorted(rows, np.arange(sparse_shape[0] + 1)).tolist()
    found = [
        _serialized(sparse_indices[start:end, 1:], sparse_values[start:end], sparse_shape[1:])
        for start, end in itertools.pairwise(bounds)
    ]
    return strings([item for row in found for item in row], (len(found), 3))


def _parsed(row: list[bytes], number: int, dtype: DType) -> list[Array]:
    """Coordinates, values and shape of one sparse tensor."""
    parts = []
    for data, wanted, rank in zip(row, (int64, dtype, int64), (2, 1, 1), strict=True):
        try:
            proto = TensorProto.FromString(data)
        except DecodeError:
            raise InvalidArgumentError(f"serialized sparse tensor {number} holds {len(data)} bytes that are no tensor") from None
        array = from_proto(proto, f"serialized sparse tensor {number}")
        found = from_numpy(array.dtype)
        if found is not wanted or array.ndim != rank:
            raise InvalidArgumentError(
                f"serialized sparse tensor {number} holds a tensor of {found.name} and rank {array.ndim} where {wanted.name}"
                f" and rank {rank} are expected"
            )
        parts.append(array)
    indices, values, shape = parts
    if indices.shape != (len(values), len(shape)):
        raise InvalidArgumentError(
            f"serialized sparse tensor {number} has coordinates of shape {list(indices.shape)} for {len(values)} values of rank"
            f" {len(shape)}"
        )
    return parts


def _deserialized(serialized: Any, dtype: DType) -> tuple[Array, Array, Array]:
    """Sparse tensors [..., 3] as one, of the dimensions before the last and the largest of each of theirs."""
    if serialized.ndim < 1 or serialized.shape[-1] != 3 or not serialized.size:
        raise InvalidArgumentError(f"serialized_sparse has the shape [..., 3], with something in it; got {list(serialized.shape)}")
    outer = serialized.shape[:-1]
    parsed = [_parsed(row, number, dtype) for number, row in enumerate(serialized.reshape(-1, 3).tolist())]
    ranks = {len(shape) for *_, shape in parsed}
    if len(ranks) > 1:
        raise InvalidArgumentError(f"the serialized sparse tensors have ranks from {min(ranks)} to {max(ranks)}; expected one rank")
    counts = [len(values) for _, values, _ in parsed]
    places = np.stack(np.unravel_index(np.repeat(np.arange(len(parsed)), counts), outer), 1) if outer else np.empty((counts[0], 0))
    indices = np.concatenate([places.astype(np.int64), np.concatenate([part for part, *_ in parsed])], 1)
    shape = np.concatenate([np.array(outer, np.int64), np.max([part for *_, part in parsed], 0)])
    return indices, np.concatenate([part for _, part, _ in parsed]), shape


def _shapes(serialized: Any, **_: Any) -> list[Any]:
    return [(None, None), (None,), (None,)]


@op(
    "DeserializeManySparse",
    "serialized_sparse: string -> sparse_indices: int64, sparse_values: dtype, sparse_shape: int64",
    host_only=True,
    differentiable=False,
    shape=_shapes,
)
def deserialize_many_sparse(serialized_sparse: Any, *, dtype: DType) -> Any:
    """Sparse tensors [n, 3] as one, with a first dimension of n."""
    return _deserialized(serialized_sparse, dtype)


@op(
    "DeserializeSparse",
    "serialized_sparse: Tserialized -> sparse_indices: int64, sparse_values: dtype, sparse_shape: int64",
    Tserialized=(string,),
    host_only=True,
    differentiable=False,
    shape=_shapes,
)
def deserialize_sparse(serialized_sparse: Any, *, dtype: DType) -> Any:
    """Sparse tensors [..., 3] as one, with the dimensions before the last in front."""
    return _deserialized(serialized_sparse, dtype)
