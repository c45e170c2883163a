"""Row partitions: splits, lengths and row ids, one from the other."""

from __future__ import annotations

from typing import Any

import numpy as np

from headrace.core import dtypes
from headrace.core.dtypes import DType
from headrace.core.errors import InvalidArgumentError
from headrace.core.spec import CompositeTensor
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import get
from headrace.dispatch.tensor import Tensor
from headrace.ops.array.portable import static_value


def check_splits(splits: Tensor, count: int | None) -> None:
    """Checks row splits as far as their content is known.

    Raises:
        InvalidArgumentError: they do not begin with 0, fall, or do not end with the number of values.
    """
    known = static_value(splits)
    if known is None:
        return
    if not known.size or known[0] != 0 or (np.diff(known) < 0).any():
        raise InvalidArgumentError(f"row_splits must begin with 0 and never fall; got {known.tolist()[:20]}")
    if count is not None and known[-1] != count:
        raise InvalidArgumentError(f"row_splits must end with the number of values, {count}; got {known[-1]}")


def rows_of(values: Any, dtype: DType) -> Tensor:
    """The number of rows of a dense or ragged tensor, a scalar."""
    if isinstance(values, CompositeTensor):
        size = get("Size")(values.row_splits, out_type=dtype)  # type: ignore[attr-defined]
        return get("Sub")(size, np.array(1, dtype.np_dtype))
    return get("GatherV2")(get("Shape")(values, out_type=dtype), 0, 0)


def positions(start: Any, limit: Any, step: Any) -> Tensor:
    """The numbers from `start` up to but not with `limit`, as a vector also where their count depends on data."""
    numbers = get("Range")(start, limit, step)
    numbers.set_shape([None])
    return numbers


def splits_of_lengths(lengths: Tensor) -> Tensor:
    """Where rows of these lengths begin and end."""
    zero = np.zeros(1, lengths.dtype.np_dtype)
    return get("ConcatV2")([zero, get("Cumsum")(lengths, 0)], 0)


def rowids_of(splits: Tensor) -> Tensor:
    """The row of each value."""
    count = get("GatherV2")(splits, get("Sub")(get("Size")(splits), 1), 0)
    places = positions(np.array(0, splits.dtype.np_dtype), count, np.array(1, splits.dtype.np_dtype))
    found = get("UpperBound")(get("ExpandDims")(splits, 0), get("ExpandDims")(places, 0), out_type=splits.dtype)
    return get("Sub")(get("Reshape")(found, [-1]), np.array(1, splits.dtype.np_dtype))


def splits_of_rowids(rowids: Tensor, nrows: Any) -> Tensor:
    """Where rows begin and end, of the sorted row of each value."""
    one = np.array(1, rowids.dtype.np_dtype)
    if nrows is None:
        last = get("ConcatV2")([np.full(1, -1, rowids.dtype.np_dtype), rowids], 0)
        count = get("AddV2")(get("Max")(last, [0]), one)
    else:
        count = get("Cast")(nrows, DstT=rowids.dtype)
    bounds = positions(np.array(0, rowids.dtype.np_dtype), get("AddV2")(count, one), one)
    found = get("LowerBound")(get("ExpandDims")(rowids, 0), get("ExpandDims")(bounds, 0), out_type=rowids.dtype)
    return get("Reshape")(found, [-1])


def from_tensor(kind: Any, tensor: Any, lengths: Any, padding: Any, ragged_rank: int, dtype: DType) -> Any:
    """See RaggedTensor.from_tensor."""
    x = convert_to_tensor(tensor)
    if lengths is not None and padding is not None:
        raise ValueError("give lengths or padding, not both")
    if x.shape.rank is None or not 1 <= ragged_rank < x.shape.rank:
        raise ValueError(f"from_tensor needs a tensor of known rank above ragged_rank (1 or more); got {x.shape} and {ragged_rank}")
    if ragged_rank > 1:
        if lengths is not None or padding is not None:
            raise ValueError("from_tensor with lengths or padding takes ragged_rank=1")
        inner = get("Reshape")(x, get("ConcatV2")([[-1], get("Shape")(x)[2:]], 0))
        return _uniform_rows(kind, from_tensor(kind, inner, None, None, ragged_rank - 1, dtype), x, dtype)
    if padding is not None:
        lengths = _lengths_without(x, padding)
    flat = get("Reshape")(x, get("ConcatV2")([[-1], get("Shape")(x)[2:]], 0))
    if lengths is None:
        return _uniform_rows(kind, flat, x, dtype)
    lengths = get("Cast")(lengths, DstT=dtype)
    width = get("GatherV2")(get("Shape")(x, out_type=dtype), 1, 0)
    lengths = get("Maximum")(get("Minimum")(lengths, width), np.array(0, dtype.np_dtype))
    columns = get("ExpandDims")(positions(np.array(0, dtype.np_dtype), width, np.array(1, dtype.np_dtype)), 0)
    kept = get("Reshape")(get("Where")(get("Reshape")(get("Less")(columns, get("ExpandDims")(lengths, 1)), [-1])), [-1])
    return kind(get("GatherV2")(flat, kept, 0), splits_of_lengths(lengths))


def _uniform_rows(kind: Any, values: Any, x: Tensor, dtype: DType) -> Any:
    """The rows of a dense tensor."""
    sizes = get("Shape")(x, out_type=dtype)
    one = np.array(1, dtype.np_dtype)
    rows = get("AddV2")(get("GatherV2")(sizes, 0, 0), one)
    splits = get("Mul")(positions(np.array(0, dtype.np_dtype), rows, one), get("GatherV2")(sizes, 1, 0))
    return kind(values, splits, x.shape[1])


def _lengths_without(x: Tensor, padding: Any) -> Tensor:
    """How much of each row [n, m, ...] is left without the padding at its end."""
    pad = convert_to_tensor(padding, x.dtype)
    filled = get("NotEqual")(x, pad)
    if len(x.shape) > 2:
        filled = get("Any")(filled, list(range(2, len(x.shape))))
    width = get("GatherV2")(get("Shape")(x), 1, 0)
    ends = get("Mul")(get("Cast")(filled, DstT=dtypes.int32), positions(1, get("AddV2")(width, 1), 1))
    return get("Max")(get("Pad")(ends, [[0, 0], [1, 0]]), [1])


def merged(tensor: Any, outer: int, inner: int) -> Any:
    """The dimensions from `outer` to `inner` of a dense or ragged tensor as one."""
    if outer == inner:
        return tensor
    if not isinstance(tensor, CompositeTensor):
        sizes = get("Shape")(tensor)
        return get("Reshape")(tensor, get("ConcatV2")([sizes[:outer], [-1], sizes[inner + 1 :]], 0))
    values, splits = tensor.values, tensor.row_splits  # type: ignore[attr-defined]
    if outer == 0:
        return merged(values, 0, inner - 1)
    if outer > 1:
        return tensor.with_values(merged(values, outer - 1, inner - 1))  # type: ignore[attr-defined]
    for _ in range(inner - outer):
        if isinstance(values, CompositeTensor):
            values, splits = values.values, get("GatherV2")(values.row_splits, splits, 0)  # type: ignore[attr-defined]
        else:
            splits = get("Mul")(splits, get("GatherV2")(get("Shape")(values, out_type=splits.dtype), 1, 0))
            values = merged(values, 0, 1)
    return type(tensor)(values, splits)  # type: ignore[call-arg]
