"""tf.io.serialize_sparse and its like."""

from __future__ import annotations

from typing import Any

from headrace.core import dtypes
from headrace.core.dtypes import as_dtype
from headrace.dispatch.tensor import Tensor
from headrace.ops.sparse import serializing
from headrace.sparse.tensor import SparseTensor, as_sparse


def serialize_sparse(sp_input: Any, out_type: Any = dtypes.string, name: str | None = None) -> Tensor:
    """A sparse tensor as three strings: its coordinates, values and shape, each a serialized TensorProto."""
    x = as_sparse(sp_input, "serialize_sparse")
    return serializing.serialize_sparse(x.indices, x.values, x.dense_shape, out_type=as_dtype(out_type), name=name)


def serialize_many_sparse(sp_input: Any, out_type: Any = dtypes.string, name: str | None = None) -> Tensor:
    """Each row of a sparse tensor as three strings, [rows, 3]; coordinates must be in order."""
    x = as_sparse(sp_input, "serialize_many_sparse")
    return serializing.serialize_many_sparse(x.indices, x.values, x.dense_shape, out_type=as_dtype(out_type), name=name)


def deserialize_many_sparse(serialized_sparse: Any, dtype: Any, rank: int | None = None, name: str | None = None) -> SparseTensor:
    """Sparse tensors that were serialized, [n, 3], as one with a first dimension of n.

    Args:
        serialized_sparse: strings [n, 3].
        dtype: of the values.
        rank: of the result.
        name: of the operation.

    Raises:
        InvalidArgumentError: a string is no such tensor, or the ranks differ.
    """
    found = serializing.deserialize_sparse.all(serialized_sparse, dtype=as_dtype(dtype), name=name)
    indices, values, shape = found
    if rank is not None:
        indices.set_shape([None, rank])
        shape.set_shape([rank])
    return SparseTensor(indices, values, shape)
