"""How the values of a RaggedFeature are divided into rows, by other features of the same example."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from headrace.core import dtypes
from headrace.core.dtypes import DType
from headrace.dispatch.opdef import get
from headrace.dispatch.tensor import Tensor
from headrace.ops.math.functions import cast, cumsum, reduce_max
from headrace.ragged.tensor import RaggedTensor


class RowSplits(NamedTuple):
    """Where rows begin, and where the last ends: the int64 feature `key`."""

    key: str


class RowLengths(NamedTuple):
    """How many values rows have: the int64 feature `key`."""

    key: str


class RowStarts(NamedTuple):
    """Where rows begin: the int64 feature `key`."""

    key: str


class RowLimits(NamedTuple):
    """Where rows end: the int64 feature `key`."""

    key: str


class ValueRowIds(NamedTuple):
    """Which row each value belongs to: the int64 feature `key`."""

    key: str


class UniformRowLength(NamedTuple):
    """Every row has `length` values."""

    length: int


KINDS = (RowSplits, RowLengths, RowStarts, RowLimits, ValueRowIds, UniformRowLength)


def divided(values: Any, partitions: Sequence[Any], found: Mapping[str, Any], splits: DType, validate: bool) -> Any:
    """Values divided into rows.

    Args:
        values: one example's, a vector; a batch's, a ragged tensor [batch, (values)]; or those of feature lists
            [batch, (time), (values)].
        partitions: outermost first.
        found: the features that they name, as `values` is.
        splits: the dtype of row splits.
        validate: whether they are checked.

    Raises:
        InvalidArgumentError: a partition does not fit, and `validate` is set.
    """
    if not isinstance(values, RaggedTensor):
        for part in reversed(partitions):
            values = _of_one(values, part, found, splits, validate)
        return values
    if values.ragged_rank == 2:
        parts = {key: item.values for key, item in found.items()}
        return values.with_values(divided(values.values, partitions, parts, splits, validate))
    for part in reversed(partitions):
        values = _of_batch(values, part, found, validate)
    return values


def _uniform(values: Any, length: int) -> Any:
    """Rows of one length: another dimension of a dense tensor."""
    if isinstance(values, RaggedTensor):
        return RaggedTensor.from_uniform_row_length(values, length)
    inner = get("Slice")(get("Shape")(values), [1], [-1])
    return get("Reshape")(values, get("ConcatV2")([[-1, length], inner], 0))


def _of_one(values: Any, part: Any, found: Mapping[str, Any], splits: DType, validate: bool) -> Any:
    if isinstance(part, UniformRowLength):
        return _uniform(values, part.length)
    make: Any = {
        RowSplits: RaggedTensor.from_row_splits,
        RowLengths: RaggedTensor.from_row_lengths,
        RowStarts: RaggedTensor.from_row_starts,
        RowLimits: RaggedTensor.from_row_limits,
        ValueRowIds: RaggedTensor.from_value_rowids,
    }[type(part)]
    return make(values, cast(found[part.key], splits), validate=validate)


def _of_batch(values: RaggedTensor, part: Any, found: Mapping[str, Any], validate: bool) -> RaggedTensor:
    """[batch, (values), ...] as [batch, (rows), (values), ...]."""
    if isinstance(part, UniformRowLength):
        splits = get("FloorDiv")(values.row_splits, part.length)
        return RaggedTensor.from_row_splits(_uniform(values.values, part.length), splits, validate=validate)
    index = found[part.key]
    index = index.with_values(cast(index.values, values.row_splits.dtype))
    if isinstance(part, RowLengths):
        rows = RaggedTensor.from_row_lengths(values.values, index.values, validate=validate)
    elif isinstance(part, ValueRowIds):
        return _by_row_ids(values, index, validate)
    elif isinstance(part, RowStarts):
        rows = RaggedTensor.from_row_starts(values.values, _from_first(values, index), validate=validate)
    else:
        index = index[:, 1:] if isinstance(part, RowSplits) else index
        rows = RaggedTensor.from_row_limits(values.values, _from_first(values, index), validate=validate)
    return RaggedTensor.from_row_splits(rows, index.row_splits, validate=validate)


def _from_first(values: RaggedTensor, index: RaggedTensor) -> Tensor:
    """Places in each example's values as places in those of all."""
    return get("AddV2")(index.values, get("GatherV2")(values.row_starts(), index.value_rowids(), 0))


def _by_row_ids(values: RaggedTensor, index: RaggedTensor, validate: bool) -> RaggedTensor:
    splits_dtype = values.row_splits.dtype
    counts = get("Maximum")(reduce_max(index.with_values(index.values + 1), axis=1), splits_dtype.np_dtype.type(0))
    first = get("GatherV2")(cumsum(counts, exclusive=True), index.value_rowids(), 0)
    total = get("Sum")(counts, [0])
    rows = RaggedTensor.from_value_rowids(values.values, index.values + first, cast(total, dtypes.int64), validate=validate)
    return RaggedTensor.from_row_lengths(rows, counts, validate=validate)
