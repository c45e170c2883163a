"""Ragged tensors joined and given further dimensions."""

from __future__ import annotations

from typing import Any

from headrace.core import dtypes
from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.opdef import get
from headrace.ragged import partitions, subscripts
from headrace.ragged.elements import check_partitions
from headrace.ragged.tensor import RaggedTensor


def rank_of(value: Any) -> int:
    """The number of dimensions of a dense or ragged tensor.

    Raises:
        ValueError: it is unknown.
    """
    rank: int | None = value.shape.rank
    if rank is None:
        raise ValueError("a ragged tensor of known rank is needed; give the signature a shape")
    return rank


def axis_of(axis: int, rank: int) -> int:
    """An axis counted from the front.

    Raises:
        ValueError: it is out of range.
    """
    if not -rank <= axis < rank:
        raise ValueError(f"axis {axis} is out of range for {rank} dimensions")
    return axis % rank


def expand_dims(value: Any, axis: int) -> Any:
    """A dense or ragged tensor with a dimension of size 1 at `axis`."""
    axis = axis_of(axis, rank_of(value) + 1)
    if not isinstance(value, RaggedTensor):
        return get("ExpandDims")(value, axis)
    if axis == 0:
        return subscripts.subscript(RaggedTensor, value, None)
    if axis == 1:
        return subscripts.subscript(RaggedTensor, value, (slice(None), None))
    return value.with_values(expand_dims(value.values, axis - 1))


def as_ragged(value: Any, ragged_rank: int) -> RaggedTensor:
    """A tensor with at least so many ragged dimensions, as a ragged tensor."""
    if isinstance(value, RaggedTensor):
        if value.ragged_rank >= ragged_rank:
            return value
        return value.with_values(as_ragged(value.values, ragged_rank - 1))
    return RaggedTensor.from_tensor(value, ragged_rank=ragged_rank)


def concat(values: list[Any], axis: int) -> Any:
    """Dense and ragged tensors of one rank one after the other along `axis`."""
    ranks = {rank_of(v) for v in values}
    if len(ranks) != 1:
        raise InvalidArgumentError(f"the tensors to join must have one rank; got the ranks {sorted(ranks)}")
    (rank,) = ranks
    axis = axis_of(axis, rank)
    if len(values) == 1:
        return values[0]
    if not any(isinstance(v, RaggedTensor) for v in values) and axis == rank - 1:
        return get("ConcatV2")(values, axis)
    deepest = max((v.ragged_rank for v in values if isinstance(v, RaggedTensor)), default=1)
    ragged = [as_ragged(v, deepest) for v in values]
    if axis == 0:
        return _stacked_rows(ragged)
    if axis == 1:
        return _side_by_side(ragged)
    for other in ragged[1:]:
        first = ragged[0]
        check_partitions(RaggedTensor(first.flat_values, first.row_splits), RaggedTensor(other.flat_values, other.row_splits))
    return ragged[0].with_values(concat([r.values for r in ragged], axis - 1))


def _stacked_rows(ragged: list[RaggedTensor]) -> RaggedTensor:
    values = concat([r.values for r in ragged], 0)
    splits, offset = [ragged[0].row_splits], ragged[0].row_splits[-1]
    for item in ragged[1:]:
        splits.append(get("AddV2")(item.row_splits[1:], offset))
        offset = get("AddV2")(offset, item.row_splits[-1])
    return RaggedTensor(values, get("ConcatV2")(splits, 0))


def _side_by_side(ragged: list[RaggedTensor]) -> RaggedTensor:
    """Row i is what the tensors have in their rows i."""
    counts = {r.shape[0] for r in ragged if r.shape[0] is not None}
    if len(counts) > 1:
        raise InvalidArgumentError(f"the tensors to join along axis 1 must have one number of rows; got {sorted(counts)}")
    whole = _stacked_rows(ragged)
    n, rows = len(ragged), ragged[0].nrows()
    number = rows.dtype.np_dtype.type
    table = get("Reshape")(partitions.positions(number(0), get("Mul")(rows, number(n)), number(1)), get("Pack")([number(n), rows]))
    mixed = subscripts.rows(RaggedTensor, whole, get("Reshape")(get("Transpose")(table, [1, 0]), [-1]))
    return RaggedTensor(mixed.values, mixed.row_splits[::n])


def stack(values: list[Any], axis: int) -> Any:
    """Dense and ragged tensors of one rank, with a new dimension at `axis`."""
    if not values:
        raise ValueError("stack needs at least one tensor")
    rank = rank_of(values[0]) + 1
    axis = axis_of(axis, rank)
    if rank == 1:
        return get("Pack")(values, axis=0)
    if axis == 0:
        counts = [partitions.rows_of(v, _splits_dtype(values)) for v in values]
        return RaggedTensor(concat(values, 0), partitions.splits_of_lengths(get("Pack")(counts)))
    return concat([expand_dims(v, axis) for v in values], axis)


def _splits_dtype(values: list[Any]) -> Any:
    """That of the first ragged tensor; TensorFlow takes int32 for vectors, int64 for other dense tensors."""
    dense = dtypes.int32 if rank_of(values[0]) == 1 else dtypes.int64
    return next((v.row_splits.dtype for v in values if isinstance(v, RaggedTensor)), dense)
