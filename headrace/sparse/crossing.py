"""tf.sparse.cross and cross_hashed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from headrace.core import dtypes
from headrace.dispatch.opdef import get
from headrace.dispatch.tensor import Tensor
from headrace.ops.sparse import crossing
from headrace.sparse.tensor import SparseTensor


def cross(inputs: Sequence[Any], name: str | None = None, separator: str | None = None) -> SparseTensor:
    """Every combination of one feature from each input, row by row, as text joined by `separator` ("_X_" by default).

    Args:
        inputs: sparse or dense matrices of strings or integers with one number of rows; sparse ones come first in each combination.
        name: of the operation.
        separator: what stands between features.

    Returns:
        A sparse matrix of strings.

    Raises:
        TypeError: `inputs` is no list of dense or sparse tensors.
        InvalidArgumentError: the inputs are no matrices, or differ in their number of rows.
    """
    sparse, dense = _split(inputs)
    indices, values, shape = crossing.sparse_cross_v2.all(
        [x.indices for x in sparse],
        [x.values for x in sparse],
        [x.dense_shape for x in sparse],
        dense,
        crossing.SEPARATOR if separator is None else separator,
        name=name,
    )
    return SparseTensor(indices, values, shape)


def cross_hashed(inputs: Sequence[Any], num_buckets: int = 0, hash_key: int | None = None, name: str | None = None) -> SparseTensor:
    """Every combination of one feature from each input, row by row, as a hash.

    Args:
        inputs: as in `cross`.
        num_buckets: the hashes are below this; 0 leaves them as they are.
        hash_key: where hashing begins.
        name: of the operation.

    Returns:
        A sparse matrix of int64.

    Raises:
        TypeError: `inputs` is no list of dense or sparse tensors.
        InvalidArgumentError: the inputs are no matrices, or differ in their number of rows.
    """
    sparse, dense = _split(inputs)
    numeric = any(x.dtype is not dtypes.string for x in (*sparse, *dense))
    indices, values, shape = crossing.sparse_cross.all(
        [x.indices for x in sparse],
        [x.values for x in sparse],
        [x.dense_shape for x in sparse],
        dense,
        hashed_output=True,
        num_buckets=num_buckets,
        hash_key=crossing.HASH_KEY if hash_key is None else hash_key,
        out_type=dtypes.int64,
        internal_type=dtypes.int64 if numeric else dtypes.string,
        name=name,
    )
    return SparseTensor(indices, values, shape)


def _split(inputs: Any) -> tuple[list[SparseTensor], list[Any]]:
    """The inputs that are sparse, and the dense ones, all of int64 or strings."""
    if not isinstance(inputs, list | tuple):
        raise TypeError(f"a cross takes a list of inputs; got {inputs!r}")
    sparse, dense = [], []
    for value in inputs:
        if isinstance(value, SparseTensor):
            sparse.append(value if value.dtype is dtypes.string else value.with_values(_wide(value.values)))
        elif isinstance(value, Tensor):
            dense.append(_wide(value))
        else:
            raise TypeError(f"a cross takes dense and sparse tensors; got {value!r}; make it one by tf.constant")
    return sparse, dense


def _wide(values: Any) -> Any:
    if values.dtype in (dtypes.string, dtypes.int64):
        return values
    if not values.dtype.is_integer:
        raise TypeError(f"a cross takes features of integers or strings; got {values.dtype.name}")
    return get("Cast")(values, DstT=dtypes.int64)
