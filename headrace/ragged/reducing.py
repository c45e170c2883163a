"""Reductions of ragged tensors, by segments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from headrace.core import dtypes
from headrace.core.errors import UnimplementedError
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import get
from headrace.ops.math import functions
from headrace.ragged import partitions
from headrace.ragged.joining import axis_of, expand_dims, rank_of
from headrace.ragged.tensor import RaggedTensor

Segment = Callable[[Any, Any, Any], Any]


def _with_op(name: str) -> Segment:
    def segment(values: Any, ids: Any, count: Any) -> Any:
        result = get(name)(values, ids, count)
        result.set_shape([None, *values.shape[1:]])  # inference knows no rank while the count depends on data
        return result

    return segment


_sum = _with_op("UnsortedSegmentSum")


def _mean(values: Any, ids: Any, count: Any) -> Any:
    ones = get("OnesLike")(values)
    total, number = (_sum(x, ids, count) for x in (values, ones))
    return get("RealDiv")(total, number) if total.dtype.is_floating else get("TruncateDiv")(total, number)


def _logical(name: str) -> Segment:
    def segment(values: Any, ids: Any, count: Any) -> Any:
        return get("Greater")(_with_op(name)(get("Cast")(values, DstT=dtypes.int32), ids, count), 0)

    return segment


SEGMENTS: dict[Callable[..., Any], Segment] = {
    functions.reduce_sum: _sum,
    functions.reduce_prod: _with_op("UnsortedSegmentProd"),
    functions.reduce_max: _with_op("UnsortedSegmentMax"),
    functions.reduce_min: _with_op("UnsortedSegmentMin"),
    functions.reduce_mean: _mean,
    functions.reduce_all: _logical("UnsortedSegmentMin"),
    functions.reduce_any: _logical("UnsortedSegmentMax"),
}


def reduce(function: Callable[..., Any], x: RaggedTensor, axis: Any, keepdims: bool) -> Any:
    """A reduction over one axis, several, or (None) all.

    Raises:
        UnimplementedError: over an outer axis of a tensor that has a further ragged dimension below.
    """
    rank = rank_of(x)
    if axis is None:
        result = function(x.flat_values)
        return get("Reshape")(result, [1] * rank) if keepdims else result
    axes = sorted({axis_of(int(a), rank) for a in np.atleast_1d(np.asarray(axis)).tolist()}, reverse=True)
    if len(axes) == rank:
        return reduce(function, x, None, keepdims)
    if function is functions.reduce_mean and len(axes) > 1:
        ones = x.with_flat_values(get("OnesLike")(x.flat_values))
        total, count = (reduce(functions.reduce_sum, t, axis, keepdims) for t in (x, ones))
        return total / count
    reduced: Any = x
    for one in axes:
        reduced = _along(function, reduced, one, keepdims)
    return reduced


def _along(function: Callable[..., Any], x: Any, axis: int, keepdims: bool) -> Any:
    if not isinstance(x, RaggedTensor):
        return function(x, axis, keepdims)
    if axis > 1:
        return x.with_values(_along(function, x.values, axis - 1, keepdims))
    if isinstance(x.values, RaggedTensor):
        raise UnimplementedError(
            f"{function.__name__} over axis {axis} of a ragged tensor that is ragged further in is not there;"
            " reduce an inner axis first, or use merge_dims"
        )
    ids = x.value_rowids()
    if axis == 1:
        result = SEGMENTS[function](x.values, ids, x.nrows())
    else:
        number = ids.dtype.np_dtype.type
        places = partitions.positions(number(0), get("Size")(ids, out_type=ids.dtype), number(1))
        columns = get("Sub")(places, get("GatherV2")(x.row_starts(), ids, 0))
        result = SEGMENTS[function](x.values, columns, x.bounding_shape()[1])
    return expand_dims(convert_to_tensor(result), axis) if keepdims else result
