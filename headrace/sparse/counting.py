"""Counts of whole numbers in dense and sparse tensors, and in those with row splits: ragged ones, which stand a room higher."""

from __future__ import annotations

from typing import Any

import numpy as np

from headrace.core.dtypes import INDEX, as_dtype, int32, int64
from headrace.core.spec import is_only_composite
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import get
from headrace.dispatch.tensor import Tensor
from headrace.ops.math import contraction
from headrace.ops.sparse import counting
from headrace.sparse.tensor import SparseTensor


def _checked(weights: Any, axis: Any, binary_output: bool) -> None:
    if axis not in (None, 0, -1):
        raise ValueError(f"axis must be None, 0 or -1; got {axis!r}")
    if weights is not None and binary_output:
        raise ValueError("weights and binary_output exclude each other")


def _flat(value: Any) -> Tensor:
    """The elements of a dense, sparse or ragged tensor as a vector."""
    if isinstance(value, SparseTensor):
        return value.values
    return get("Reshape")(value.flat_values if hasattr(value, "row_splits") else value, [-1])


def bincount(
    arr: Any,
    weights: Any = None,
    minlength: Any = None,
    maxlength: Any = None,
    dtype: Any = int32,
    name: str | None = None,
    axis: Any = None,
    binary_output: bool = False,
) -> Tensor:
    """How often each whole number occurs in a dense, sparse or ragged tensor, or in each row of one (`axis=-1`).

    See `headrace.ops.math.contraction.bincount`; weights are of the kind of `arr`.
    """
    if not is_only_composite(arr):
        return contraction.bincount(arr, weights, minlength, maxlength, dtype, name, axis, binary_output)
    _checked(weights, axis, binary_output)
    values, amounts = _flat(arr), None if weights is None else _flat(weights)
    if axis != -1:
        return contraction.bincount(values, amounts, minlength, maxlength, dtype, name, None, binary_output)
    size = contraction.bin_count(values, minlength, maxlength)
    amounts = convert_to_tensor(np.zeros(0, as_dtype(dtype).np_dtype)) if amounts is None else amounts
    if isinstance(arr, SparseTensor):
        return counting.sparse_bincount(arr.indices, values, arr.dense_shape, size, amounts, binary_output=binary_output, name=name)
    splits = get("Cast")(arr.row_splits, DstT=int64)
    return counting.ragged_bincount(splits, values, size, amounts, binary_output=binary_output, name=name)


def sparse_bincount(
    values: Any,
    weights: Any = None,
    axis: Any = 0,
    minlength: int | None = None,
    maxlength: int | None = None,
    binary_output: bool = False,
    name: str | None = None,
) -> SparseTensor:
    """How often each whole number occurs, as a sparse tensor.

    Args:
        values: integers that are not negative: a dense, sparse or ragged tensor.
        weights: amounts to add instead of 1, of the kind and shape of `values`.
        axis: 0 or None counts the whole; -1 counts each row.
        minlength, maxlength: the least and the greatest size of the last dimension; larger values are left out.
        binary_output: 1 for what occurs, instead of counts.
        name: a name for the node in a graph.

    Returns:
        [size], or [rows, size].

    Raises:
        ValueError: the axis is another, or there are weights for a binary output.
        InvalidArgumentError: a value is negative, or weights do not fit.
    """
    _checked(weights, axis, binary_output)
    x: Any = values if is_only_composite(values) else convert_to_tensor(values)
    if isinstance(x, Tensor) and x.dtype not in INDEX:
        x = get("Cast")(x, DstT=int64)
    amounts = weights
    if axis != -1:
        x, amounts = _flat(x), None if weights is None else _flat(weights)
    elif is_only_composite(weights):
        amounts = _flat(weights)
    amounts = convert_to_tensor(np.zeros(0, x.dtype.np_dtype)) if amounts is None else convert_to_tensor(amounts)
    options: dict[str, Any] = {
        "minlength": -1 if minlength is None else int(minlength),
        "maxlength": -1 if maxlength is None else int(maxlength),
        "binary_output": binary_output,
        "name": name,
    }
    if isinstance(x, SparseTensor):
        found = counting.sparse_count.all(x.indices, x.values, x.dense_shape, amounts, **options)
    elif hasattr(x, "row_splits"):
        found = counting.ragged_count.all(get("Cast")(x.row_splits, DstT=int64), x.flat_values, amounts, **options)
    else:
        found = counting.dense_count.all(x, amounts, **options)
    return SparseTensor(*found)
