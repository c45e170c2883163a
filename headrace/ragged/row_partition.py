"""tf.experimental.RowPartition: how values are spread over rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from headrace.core import dtypes
from headrace.core.dtypes import DType
from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import get
from headrace.dispatch.tensor import Tensor
from headrace.ops.array.portable import static_value
from headrace.ragged import partitions


def _integers(value: Any, dtype: Any, hint: Any = None) -> Tensor:
    """A tensor of int32 or int64; of the dtype asked for, or int64 for plain numbers."""
    wanted = None if dtype is None else dtypes.as_dtype(dtype)
    if isinstance(value, Tensor) or hasattr(value, "dtype"):
        tensor = convert_to_tensor(value)
        if not tensor.dtype.is_integer:
            raise ValueError(f"a partition is told by int32 or int64 numbers; got {tensor.dtype.name}")
        return tensor if wanted in (None, tensor.dtype) else get("Cast")(tensor, DstT=wanted)
    return convert_to_tensor(value, wanted or (dtypes.int64 if hint is None else dtypes.as_dtype(hint)))


class RowPartition:
    """A partition of values into rows, made by one of the `from_...` methods.

    Args:
        row_splits: where rows begin and end, [rows + 1].
        uniform_row_length: the length of all rows, where they have one.
    """

    __slots__ = ("_splits", "_uniform")

    def __init__(self, row_splits: Tensor, uniform_row_length: Tensor | None = None) -> None:
        self._splits, self._uniform = row_splits, uniform_row_length

    @classmethod
    def from_row_splits(cls, row_splits: Any, validate: bool = True, dtype: Any = None, dtype_hint: Any = None) -> RowPartition:
        """Of where rows begin and end: 0, then the end of each row.

        Raises:
            InvalidArgumentError: they do not begin with 0, or fall.
        """
        splits = _integers(row_splits, dtype, dtype_hint)
        if splits.shape.rank not in (None, 1):
            raise ValueError(f"row_splits must be a vector; got shape {splits.shape}")
        if validate:
            partitions.check_splits(splits, None)
        return cls(splits)

    @classmethod
    def from_row_lengths(cls, row_lengths: Any, validate: bool = True, dtype: Any = None, dtype_hint: Any = None) -> RowPartition:
        """Of the length of each row."""
        lengths = _integers(row_lengths, dtype, dtype_hint)
        known = static_value(lengths)
        if validate and known is not None and (known < 0).any():
            raise InvalidArgumentError(f"row_lengths must not be negative; got {known.tolist()[:20]}")
        return cls(partitions.splits_of_lengths(lengths))

    @classmethod
    def from_row_starts(
        cls, row_starts: Any, nvals: Any, validate: bool = True, dtype: Any = None, dtype_hint: Any = None
    ) -> RowPartition:
        """Of where each row begins, and the number of values."""
        starts = _integers(row_starts, dtype, dtype_hint)
        end = get("Reshape")(get("Cast")(nvals, DstT=starts.dtype), [1])
        return cls.from_row_splits(get("ConcatV2")([starts, end], 0), validate)

    @classmethod
    def from_row_limits(cls, row_limits: Any, validate: bool = True, dtype: Any = None, dtype_hint: Any = None) -> RowPartition:
        """Of where each row ends."""
        limits = _integers(row_limits, dtype, dtype_hint)
        return cls.from_row_splits(get("ConcatV2")([np.zeros(1, limits.dtype.np_dtype), limits], 0), validate)

    @classmethod
    def from_value_rowids(
        cls, value_rowids: Any, nrows: Any = None, validate: bool = True, dtype: Any = None, dtype_hint: Any = None
    ) -> RowPartition:
        """Of the row of each value, sorted, and the number of rows (by default the last row plus 1).

        Raises:
            InvalidArgumentError: the rows are not sorted, or beyond the number of rows.
        """
        rowids = _integers(value_rowids, dtype, dtype_hint)
        known = static_value(rowids)
        count = None if nrows is None else static_value(convert_to_tensor(nrows))
        if validate and known is not None and known.size:
            if (np.diff(known) < 0).any() or known[0] < 0:
                raise InvalidArgumentError(f"value_rowids must be sorted and not negative; got {known.tolist()[:20]}")
            if count is not None and known[-1] >= count:
                raise InvalidArgumentError(f"value_rowids must be below nrows, {int(count)}; got {int(known[-1])}")
        return cls(partitions.splits_of_rowids(rowids, nrows))

    @classmethod
    def from_uniform_row_length(
        cls,
        uniform_row_length: Any,
        nvals: Any = None,
        nrows: Any = None,
        validate: bool = True,
        dtype: Any = None,
        dtype_hint: Any = None,
    ) -> RowPartition:
        """Of the length that all rows have, and the number of values or of rows.

        Raises:
            ValueError: neither number is given.
        """
        length = _integers(uniform_row_length, dtype, dtype_hint)
        if nrows is None:
            if nvals is None:
                raise ValueError("from_uniform_row_length needs nvals or nrows")
            one = np.array(1, length.dtype.np_dtype)
            nrows = get("FloorDiv")(get("Cast")(nvals, DstT=length.dtype), get("Maximum")(length, one))
        rows = get("Cast")(nrows, DstT=length.dtype)
        one = np.array(1, length.dtype.np_dtype)
        places = partitions.positions(np.array(0, length.dtype.np_dtype), get("AddV2")(rows, one), one)
        return cls(get("Mul")(places, length), length)

    @property
    def dtype(self) -> DType:
        """The dtype of the numbers, int32 or int64."""
        return self._splits.dtype

    @property
    def static_nrows(self) -> int | None:
        """The number of rows, None where it is not known while tracing."""
        size = self._splits.shape[0] if self._splits.shape.rank is not None else None
        return None if size is None else size - 1

    @property
    def static_nvals(self) -> int | None:
        """The number of values, None where it is not known while tracing."""
        known = static_value(self._splits)
        return None if known is None else int(known[-1])

    @property
    def static_uniform_row_length(self) -> int | None:
        """The length of all rows, None where they have none or it is not known while tracing."""
        known = None if self._uniform is None else static_value(self._uniform)
        return None if known is None else int(known)

    def row_splits(self) -> Tensor:
        """Where rows begin and end."""
        return self._splits

    def row_starts(self) -> Tensor:
        """Where each row begins."""
        return self._splits[:-1]

    def row_limits(self) -> Tensor:
        """Where each row ends."""
        return self._splits[1:]

    def row_lengths(self) -> Tensor:
        """The length of each row."""
        found: Tensor = self._splits[1:] - self._splits[:-1]
        return found

    def value_rowids(self) -> Tensor:
        """The row of each value."""
        return partitions.rowids_of(self._splits)

    def nrows(self) -> Tensor:
        """The number of rows."""
        found: Tensor = get("Size")(self._splits, out_type=self.dtype) - np.array(1, self.dtype.np_dtype)
        return found

    def nvals(self) -> Tensor:
        """The number of values."""
        return self._splits[-1]

    def offsets_in_rows(self) -> Tensor:
        """The place of each value in its row."""
        zero, one = (np.array(number, self.dtype.np_dtype) for number in (0, 1))
        places = partitions.positions(zero, self.nvals(), one)
        found: Tensor = places - get("GatherV2")(self.row_starts(), self.value_rowids(), 0)
        return found

    def uniform_row_length(self) -> Tensor | None:
        """The length of all rows, None where they were not made with one."""
        return self._uniform

    def is_uniform(self) -> bool:
        """Whether all rows were made with one length."""
        return self._uniform is not None

    def with_dtype(self, dtype: Any) -> RowPartition:
        """The same in numbers of int32 or int64."""
        kind = dtypes.as_dtype(dtype)
        uniform = None if self._uniform is None else get("Cast")(self._uniform, DstT=kind)
        return RowPartition(get("Cast")(self._splits, DstT=kind), uniform)

    def __repr__(self) -> str:
        return f"tf.RowPartition(row_splits={self._splits!r})"
