"""Reductions of rows that share a segment id."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np

from headrace.core.dtypes import FLOATING, INDEX, NUMERIC, REAL, from_numpy, int16, int32
from headrace.core.errors import InvalidArgumentError
from headrace.core.shapes import TensorShape
from headrace.dispatch.opdef import OpDef, get, op
from headrace.dispatch.tensor import Tensor
from headrace.ops.math.elementwise import multiply, real_divide
from headrace.ops.math.unary import sqrt

SORTED = "data: T, segment_ids: Tindices -> output: T"
UNSORTED = "data: T, segment_ids: Tindices, num_segments: Tnumsegments -> output: T"


# Sorted ids: the number of segments is the last id plus 1, so the shape depends on data and the kernels run on the host.


def _rows_shape(data: tuple[int, ...], *_: Any, **__: Any) -> tuple[int | None, ...]:
    return (None, *data[1:])


def _check_sorted(data: Any, segment_ids: Any) -> None:
    if segment_ids.ndim != 1 or data.shape[:1] != segment_ids.shape:
        raise InvalidArgumentError(
            f"segment_ids must be a vector with one id a row of data; got shape {segment_ids.shape} for data of shape {data.shape}"
        )
    if segment_ids.size and (segment_ids[0] < 0 or (np.diff(segment_ids) < 0).any()):
        raise InvalidArgumentError("segment_ids must be sorted and not negative; sort them or use tf.math.unsorted_segment_sum")


def _reduce_runs(reduction: np.ufunc, data: Any, segment_ids: Any, missing: Any) -> Any:
    """`reduction` over each run of equal ids; rows of absent ids hold `missing`."""
    _check_sorted(data, segment_ids)
    count = int(segment_ids[-1]) + 1 if segment_ids.size else 0
    result = np.full((count, *data.shape[1:]), missing, data.dtype)
    if count:
        ids, starts = np.unique(segment_ids, return_index=True)
        result[ids] = reduction.reduceat(data, starts, axis=0).astype(data.dtype)
    return result


@op("SegmentSum", SORTED, T=NUMERIC, Tindices=INDEX, host_only=True, shape=_rows_shape)
def segment_sum(data: Any, segment_ids: Any) -> Any:
    """The sum of the rows of each segment; `segment_ids` are sorted."""
    return _reduce_runs(np.add, data, segment_ids, 0)


@op("SegmentMean", SORTED, T=NUMERIC, Tindices=INDEX, host_only=True, shape=_rows_shape)
def segment_mean(data: Any, segment_ids: Any) -> Any:
    """The mean of the rows of each segment; `segment_ids` are sorted."""
    total = _reduce_runs(np.add, data, segment_ids, 0)
    counts = np.maximum(np.bincount(segment_ids, minlength=len(total)), 1).reshape(-1, *[1] * (data.ndim - 1))
    if data.dtype.kind in "iu":
        return (np.sign(total) * (np.abs(total) // counts)).astype(data.dtype)
    return (total / counts.astype(data.dtype)).astype(data.dtype)


@op("SegmentProd", SORTED, T=NUMERIC, Tindices=INDEX, host_only=True, shape=_rows_shape, differentiable=False)
def segment_prod(data: Any, segment_ids: Any) -> Any:
    """The product of the rows of each segment; `segment_ids` are sorted."""
    return _reduce_runs(np.multiply, data, segment_ids, 1)


@op("SegmentMax", SORTED, T=REAL, Tindices=INDEX, host_only=True, shape=_rows_shape)
def segment_max(data: Any, segment_ids: Any) -> Any:
    """The greatest of the rows of each segment; `segment_ids` are sorted."""
    return _reduce_runs(np.maximum, data, segment_ids, 0)


@op("SegmentMin", SORTED, T=REAL, Tindices=INDEX, host_only=True, shape=_rows_shape)
def segment_min(data: Any, segment_ids: Any) -> Any:
    """The smallest of the rows of each segment; `segment_ids` are sorted."""
    return _reduce_runs(np.minimum, data, segment_ids, 0)


def _rows(params: Tensor, ids: Tensor) -> Tensor:
    return get("GatherV2")(params, ids, 0)


@segment_sum.gradient
def _segment_sum_gradient(record: Any, grad: Any) -> Any:
    return _rows(grad, record.inputs[1]), None


@segment_mean.gradient
def _segment_mean_gradient(record: Any, grad: Any) -> Any:
    data, ids = record.inputs
    ones = get("Fill")(get("Shape")(ids), get("Cast")(1, DstT=data.dtype))
    counts = get("Maximum")(segment_sum(ones, ids), 1)
    for _ in range(len(data.shape) - 1):
        counts = get("ExpandDims")(counts, -1)
    return _rows(real_divide(grad, counts), ids), None


def _sorted_extreme_gradient(record: Any, grad: Any) -> Any:
    """Rows that tie share the gradient."""
    data, ids = record.inputs
    chosen = get("Cast")(get("Equal")(data, _rows(record.outputs[0], ids)), DstT=data.dtype)
    shares = real_divide(grad, get("Maximum")(segment_sum(chosen, ids), 1))
    return multiply(chosen, _rows(shares, ids)), None


segment_max.gradient(_sorted_extreme_gradient)
segment_min.gradient(_sorted_extreme_gradient)


# Unsorted ids with a given number of segments; rows with a negative id are dropped.


def _of_any_number(data: Any, segment_ids: Any, *_: Any, **__: Any) -> tuple[int | None, ...]:
    return (None, *data.shape[len(segment_ids.shape) :])


def _unsorted_shape(data: tuple[int, ...], segment_ids: tuple[int, ...], num_segments: Any) -> tuple[int, ...]:
    if len(data) < len(segment_ids):
        raise InvalidArgumentError(
            f"the shape of segment_ids must begin the shape of data; got {TensorShape(segment_ids)} for data {TensorShape(data)}"
        )
    if num_segments < 0:
        raise InvalidArgumentError(f"num_segments must not be negative; got {int(num_segments)}")
    return (int(num_segments), *data[len(segment_ids) :])


def _scatter(method: str, start: Any, data: Any, segment_ids: Any, num_segments: Any) -> Any:
    shape = _unsorted_shape(data.shape, segment_ids.shape, num_segments)
    if data.shape[: segment_ids.ndim] != segment_ids.shape:
        raise InvalidArgumentError(f"the shape of segment_ids, {segment_ids.shape}, must begin the shape of data, {data.shape}")
    ids = segment_ids.ravel()
    rows = data.reshape(ids.shape + data.shape[segment_ids.ndim :])
    target = jnp.full(shape, start, data.dtype).at[jnp.where(ids < 0, shape[0], ids)]
    return getattr(target, method)(rows, mode="drop")


_SEGMENTED: Any = {"unsized": _of_any_number, "static": ("num_segments",), "shape": _unsorted_shape}


@op("UnsortedSegmentSum", UNSORTED, T=NUMERIC, Tindices=(int16, *INDEX), Tnumsegments=INDEX, **_SEGMENTED)
def unsorted_segment_sum(data: Any, segment_ids: Any, num_segments: Any) -> Any:
    """The sum of the rows of each segment."""
    return _scatter("add", 0, data, segment_ids, num_segments)


@op("UnsortedSegmentProd", UNSORTED, T=NUMERIC, Tindices=INDEX, Tnumsegments=INDEX, **_SEGMENTED)
def unsorted_segment_prod(data: Any, segment_ids: Any, num_segments: Any) -> Any:
    """The product of the rows of each segment."""
    return _scatter("multiply", 1, data, segment_ids, num_segments)


@op("UnsortedSegmentMax", UNSORTED, T=REAL, Tindices=INDEX, Tnumsegments=INDEX, **_SEGMENTED)
def unsorted_segment_max(data: Any, segment_ids: Any, num_segments: Any) -> Any:
    """The greatest of the rows of each segment; of none the least value of the dtype."""
    return _scatter("max", from_numpy(data.dtype).min, data, segment_ids, num_segments)


@op("UnsortedSegmentMin", UNSORTED, T=REAL, Tindices=INDEX, Tnumsegments=INDEX, **_SEGMENTED)
def unsorted_segment_min(data: Any, segment_ids: Any, num_segments: Any) -> Any:
    """The smallest of the rows of each segment; of none the greatest value of the dtype."""
    return _scatter("min", from_numpy(data.dtype).max, data, segment_ids, num_segments)


def _over_segments(definition: OpDef, rows: Any, record: Any) -> Tensor:
    """Another reduction over the segments of a record; its shape is known even where the number of segments is not."""
    result = definition(rows, *record.inputs[1:])
    if record.outputs[0].shape.rank is not None:
        result.set_shape(record.outputs[0].shape)
    return result


def _taken(params: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
    """The row of each id, and a mask of ids that are not negative in the shape of those rows."""
    rows = _rows(params, get("Maximum")(ids, 0))
    mask = get("GreaterEqual")(ids, 0)
    for _ in range(len(rows.shape) - len(ids.shape)):
        mask = get("ExpandDims")(mask, -1)
    return rows, mask


@unsorted_segment_sum.gradient
def _unsorted_segment_sum_gradient(record: Any, grad: Any) -> Any:
    rows, mask = _taken(grad, record.inputs[1])
    return get("SelectV2")(mask, rows, get("ZerosLike")(rows)), None, None


def _unsorted_extreme_gradient(record: Any, grad: Any) -> Any:
    """Rows that tie share the gradient."""
    data, ids, _ = record.inputs
    best, mask = _taken(record.outputs[0], ids)
    chosen = get("Cast")(get("LogicalAnd")(get("Equal")(data, best), mask), DstT=data.dtype)
    shares = real_divide(grad, get("Maximum")(_over_segments(unsorted_segment_sum, chosen, record), 1))
    rows, _ = _taken(shares, ids)
    return multiply(chosen, rows), None, None


unsorted_segment_max.gradient(_unsorted_extreme_gradient)
unsorted_segment_min.gradient(_unsorted_extreme_gradient)


@unsorted_segment_prod.gradient
def _unsorted_segment_prod_gradient(record: Any, grad: Any) -> Any:
    """The product of the other rows: by division where no row is 0, else counted apart."""
    data, ids, _ = record.inputs
    select, zeros = get("SelectV2"), get("ZerosLike")(data)
    is_zero = get("Equal")(data, zeros)
    zero_counts = _over_segments(unsorted_segment_sum, get("Cast")(is_zero, DstT=int32), record)
    live = select(get("Greater")(zero_counts, 1), get("ZerosLike")(grad), grad)
    others = _over_segments(unsorted_segment_prod, select(is_zero, get("OnesLike")(data), data), record)
    without, mask = _taken(others, ids)
    with_all, _ = _taken(record.outputs[0], ids)
    partial = select(is_zero, without, real_divide(with_all, select(is_zero, get("OnesLike")(data), data)))
    rows, _ = _taken(live, ids)
    return select(mask, multiply(rows, partial), zeros), None, None


# Rows picked by index first.

PICKED = "data: T, indices: Tidx, segment_ids: Tsegmentids -> output: T"


@op("SparseSegmentSum", PICKED, T=REAL, Tidx=INDEX, Tsegmentids=INDEX, host_only=True, shape=_rows_shape)
def sparse_segment_sum_op(data: Any, indices: Any, segment_ids: Any, *, sparse_gradient: bool = False) -> Any:
    """The sum of the rows `data[indices]` of each segment; `segment_ids` are sorted."""
    return _reduce_runs(np.add, data[indices], segment_ids, 0)


@op("SparseSegmentMean", PICKED, T=FLOATING, Tidx=INDEX, Tsegmentids=INDEX, host_only=True, shape=_rows_shape)
def sparse_segment_mean_op(data: Any, indices: Any, segment_ids: Any, *, sparse_gradient: bool = False) -> Any:
    """The mean of the rows `data[indices]` of each segment; `segment_ids` are sorted."""
    return _scaled_sum(data[indices], segment_ids, lambda counts: counts)


@op("SparseSegmentSqrtN", PICKED, T=FLOATING, Tidx=INDEX, Tsegmentids=INDEX, host_only=True, shape=_rows_shape)
def sparse_segment_sqrt_n_op(data: Any, indices: Any, segment_ids: Any, *, sparse_gradient: bool = False) -> Any:
    """The sum of the rows `data[indices]` of each segment over the root of their number; `segment_ids` are sorted."""
    return _scaled_sum(data[indices], segment_ids, np.sqrt)


def _scaled_sum(rows: Any, segment_ids: Any, scale: Callable[[Any], Any]) -> Any:
    total = _reduce_runs(np.add, rows, segment_ids, 0)
    counts = np.maximum(np.bincount(segment_ids, minlength=len(total)), 1).reshape(-1, *[1] * (rows.ndim - 1))
    return (total / scale(counts).astype(rows.dtype)).astype(rows.dtype)


def _picked_gradient(scale: Callable[[Tensor], Tensor] | None) -> Callable[[Any, Any], Any]:
    def rule(record: Any, grad: Any) -> Any:
        data, indices, ids = record.inputs
        if scale is not None:
            ones = get("Fill")(get("Shape")(ids), get("Cast")(1, DstT=data.dtype))
            factors = scale(get("Maximum")(segment_sum(ones, ids), 1))
            for _ in range(len(data.shape) - 1):
                factors = get("ExpandDims")(factors, -1)
            grad = real_divide(grad, factors)
        rows = get("StridedSlice")(get("Shape")(data), [0], [1], [1], shrink_axis_mask=1)
        return unsorted_segment_sum(_rows(grad, ids), indices, rows), None, None

    return rule


sparse_segment_sum_op.gradient(_picked_gradient(None))
sparse_segment_mean_op.gradient(_picked_gradient(lambda counts: counts))
sparse_segment_sqrt_n_op.gradient(_picked_gradient(sqrt))
