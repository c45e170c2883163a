"""RaggedTensor and its spec."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from headrace.core import dtypes
from headrace.core.dtypes import DType
from headrace.core.errors import InvalidArgumentError
from headrace.core.shapes import TensorShape, as_shape
from headrace.core.spec import CompositeSpec, CompositeTensor, TensorSpec
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import get
from headrace.dispatch.operators import Operators
from headrace.dispatch.tensor import ActsAsTensor, EagerTensor, Tensor
from headrace.ops.array.portable import static_value
from headrace.ops.ragged import kernels
from headrace.ragged import elements, partitions, subscripts
from headrace.sparse.tensor import SparseTensor


class RaggedTensor(CompositeTensor, Operators, ActsAsTensor):
    """A tensor whose rows differ in length: row i is `values[row_splits[i]:row_splits[i + 1]]`.

    Make one with `tf.ragged.constant` or the `from_...` methods.
    """

    __slots__ = ("__weakref__", "_row_splits", "_uniform", "_values")

    def __init__(self, values: Any, row_splits: Tensor, uniform_row_length: int | None = None) -> None:
        self._values: Any = values
        self._row_splits = row_splits
        self._uniform = uniform_row_length

    # Making one.

    @classmethod
    def from_row_splits(cls, values: Any, row_splits: Any, name: str | None = None, validate: bool = True) -> RaggedTensor:
        """Row i holds the values from `row_splits[i]` to `row_splits[i + 1]`."""
        values = _values(values)
        splits = _index(row_splits)
        if validate:
            partitions.check_splits(splits, values.shape[0])
        return cls(values, splits)

    @classmethod
    def from_row_lengths(cls, values: Any, row_lengths: Any, name: str | None = None, validate: bool = True) -> RaggedTensor:
        """Row i holds the next `row_lengths[i]` values."""
        lengths = _index(row_lengths)
        known = static_value(lengths)
        if validate and known is not None and (known < 0).any():
            raise InvalidArgumentError(f"row_lengths must not be negative; got {known.tolist()}")
        return cls.from_row_splits(values, partitions.splits_of_lengths(lengths), name, validate)

    @classmethod
    def from_value_rowids(
        cls, values: Any, value_rowids: Any, nrows: Any = None, name: str | None = None, validate: bool = True
    ) -> RaggedTensor:
        """Value j belongs to row `value_rowids[j]`; the ids never fall."""
        rowids = _index(value_rowids)
        known = static_value(rowids)
        if validate and known is not None and known.size and (known[0] < 0 or (np.diff(known) < 0).any()):
            raise InvalidArgumentError(f"value_rowids must not be negative and must be sorted; got {known.tolist()[:20]}")
        rows = static_value(convert_to_tensor(nrows)) if nrows is not None else None
        if validate and rows is not None and (rows < 0 or known is not None and known.size and known[-1] >= rows):
            raise InvalidArgumentError(
                f"nrows is {rows} but value_rowids ends with {None if known is None else known[-1:].tolist()}"
            )
        return cls.from_row_splits(values, partitions.splits_of_rowids(rowids, nrows), name, validate)

    @classmethod
    def from_row_starts(cls, values: Any, row_starts: Any, name: str | None = None, validate: bool = True) -> RaggedTensor:
        """Row i begins at `row_starts[i]` and ends where the next begins."""
        values, starts = _values(values), _index(row_starts)
        count = get("Reshape")(partitions.rows_of(values, starts.dtype), [1])
        return cls.from_row_splits(values, get("ConcatV2")([starts, count], 0), name, validate)

    @classmethod
    def from_row_limits(cls, values: Any, row_limits: Any, name: str | None = None, validate: bool = True) -> RaggedTensor:
        """Row i ends at `row_limits[i]`, where the next begins."""
        limits = _index(row_limits)
        return cls.from_row_splits(values, get("ConcatV2")([np.zeros(1, limits.dtype.np_dtype), limits], 0), name, validate)

    @classmethod
    def from_uniform_row_length(
        cls, values: Any, uniform_row_length: int, nrows: Any = None, validate: bool = True, name: str | None = None
    ) -> RaggedTensor:
        """Every row holds `uniform_row_length` values."""
        values, length = _values(values), int(uniform_row_length)
        if length < 0 or not length and nrows is None:
            raise ValueError(f"uniform_row_length must be positive (or 0 with nrows given); got {length}")
        dtype = values.row_splits.dtype if isinstance(values, RaggedTensor) else dtypes.int64
        one, step = (np.array(number, dtype.np_dtype) for number in (1, length))
        count = get("FloorDiv")(partitions.rows_of(values, dtype), step) if nrows is None else get("Cast")(nrows, DstT=dtype)
        splits = get("Mul")(partitions.positions(np.array(0, dtype.np_dtype), get("AddV2")(count, one), one), step)
        if validate:
            partitions.check_splits(splits, values.shape[0])
        return cls(values, splits, length)

    @classmethod
    def from_nested_row_splits(
        cls, flat_values: Any, nested_row_splits: Any, name: str | None = None, validate: bool = True
    ) -> Any:
        """One ragged dimension a vector of splits, the outermost first."""
        for splits in reversed(list(nested_row_splits)):
            flat_values = cls.from_row_splits(flat_values, splits, name, validate)
        return flat_values

    @classmethod
    def from_nested_row_lengths(
        cls, flat_values: Any, nested_row_lengths: Any, name: str | None = None, validate: bool = True
    ) -> Any:
        """One ragged dimension a vector of lengths, the outermost first."""
        for lengths in reversed(list(nested_row_lengths)):
            flat_values = cls.from_row_lengths(flat_values, lengths, name, validate)
        return flat_values

    @classmethod
    def from_nested_value_rowids(
        cls, flat_values: Any, nested_value_rowids: Any, nested_nrows: Any = None, name: str | None = None, validate: bool = True
    ) -> Any:
        """One ragged dimension a vector of row ids, the outermost first."""
        counts = [None] * len(nested_value_rowids) if nested_nrows is None else list(nested_nrows)
        for rowids, count in zip(reversed(list(nested_value_rowids)), reversed(counts), strict=True):
            flat_values = cls.from_value_rowids(flat_values, rowids, count, name, validate)
        return flat_values

    @classmethod
    def from_tensor(
        cls,
        tensor: Any,
        lengths: Any = None,
        padding: Any = None,
        ragged_rank: int = 1,
        name: str | None = None,
        row_splits_dtype: Any = dtypes.int64,
    ) -> RaggedTensor:
        """A dense tensor [n, m, ...] as a ragged one.

        Args:
            lengths: how much of each row is kept (one vector).
            padding: a value that is dropped from the end of each row.
            ragged_rank: how many dimensions become ragged.
        """
        result: RaggedTensor = partitions.from_tensor(cls, tensor, lengths, padding, ragged_rank, dtypes.as_dtype(row_splits_dtype))
        return result

    @classmethod
    def from_sparse(cls, st_input: Any, name: str | None = None, row_splits_dtype: Any = dtypes.int64) -> RaggedTensor:
        """A sparse matrix whose rows are filled from the left.

        Raises:
            ValueError: it is no matrix, or values are missing on the left of others.
        """
        if st_input.rank != 2:
            raise ValueError(f"from_sparse needs a sparse matrix; got rank {st_input.rank}")
        known = static_value(st_input.indices)
        if known is not None and len(known):
            first = np.r_[True, known[1:, 0] != known[:-1, 0]]
            if (known[first, 1] != 0).any() or (known[1:, 1][~first[1:]] != known[:-1, 1][~first[1:]] + 1).any():
                raise InvalidArgumentError("from_sparse needs rows that are filled from the left, in order; see tf.sparse.reorder")
        rowids = get("StridedSlice")(st_input.indices, [0, 0], [0, 1], [1, 1], begin_mask=1, end_mask=1, shrink_axis_mask=2)
        rows = get("GatherV2")(st_input.dense_shape, 0, 0)
        splits = partitions.splits_of_rowids(get("Cast")(rowids, DstT=dtypes.as_dtype(row_splits_dtype)), rows)
        return cls(st_input.values, splits)

    # What it is made of.

    @property
    def values(self) -> Any:
        """The rows one after the other: a tensor, or a ragged one where further dimensions are ragged."""
        return self._values

    @property
    def row_splits(self) -> Tensor:
        """Where rows begin and end, [nrows + 1]."""
        return self._row_splits

    @property
    def flat_values(self) -> Tensor:
        """The innermost values."""
        return self._values.flat_values if isinstance(self._values, RaggedTensor) else self._values

    @property
    def nested_row_splits(self) -> tuple[Tensor, ...]:
        """The row splits of every ragged dimension, the outermost first."""
        inner = self._values.nested_row_splits if isinstance(self._values, RaggedTensor) else ()
        return (self._row_splits, *inner)

    @property
    def ragged_rank(self) -> int:
        """The number of ragged dimensions."""
        return len(self.nested_row_splits)

    @property
    def uniform_row_length(self) -> int | None:
        """The length of every row where it is known to be one, else None."""
        return self._uniform

    @property
    def dtype(self) -> DType:
        """The element type."""
        return self.flat_values.dtype

    @property
    def shape(self) -> TensorShape:
        """The static shape; None for ragged dimensions."""
        count = self._row_splits.shape[0] if self._row_splits.shape.rank == 1 else None
        first = None if count is None else count - 1
        inner = self._values.shape
        return TensorShape(None if inner.rank is None else [first, self._uniform, *inner[1:]])

    def get_shape(self) -> TensorShape:
        """The same as `shape`."""
        return self.shape

    @property
    def rank(self) -> int | None:
        """The number of dimensions."""
        return self.shape.rank

    def nrows(self, out_type: Any = None, name: str | None = None) -> Tensor:
        """The number of rows."""
        return partitions.rows_of(self, dtypes.as_dtype(out_type) if out_type else self._row_splits.dtype)

    def row_starts(self, name: str | None = None) -> Tensor:
        """Where each row begins."""
        return self._row_splits[:-1]

    def row_limits(self, name: str | None = None) -> Tensor:
        """Where each row ends."""
        return self._row_splits[1:]

    def row_lengths(self, axis: int = 1, name: str | None = None) -> Any:
        """The length of each row, or along a later axis (ragged then) of each inner row."""
        if axis == 0:
            return self.nrows()
        if axis == 1:
            return get("Sub")(self.row_limits(), self.row_starts())
        return self.with_values(self._values.row_lengths(axis - 1))

    def nested_row_lengths(self, name: str | None = None) -> tuple[Tensor, ...]:
        """The row lengths of every ragged dimension, the outermost first."""
        inner = self._values.nested_row_lengths() if isinstance(self._values, RaggedTensor) else ()
        return (self.row_lengths(), *inner)

    def value_rowids(self, name: str | None = None) -> Tensor:
        """The row of each value."""
        return partitions.rowids_of(self._row_splits)

    def nested_value_rowids(self, name: str | None = None) -> tuple[Tensor, ...]:
        """The row ids of every ragged dimension, the outermost first."""
        inner = self._values.nested_value_rowids() if isinstance(self._values, RaggedTensor) else ()
        return (self.value_rowids(), *inner)

    def bounding_shape(self, axis: Any = None, name: str | None = None, out_type: Any = None) -> Tensor:
        """The smallest shape that holds every row."""
        dtype = dtypes.as_dtype(out_type) if out_type else self._row_splits.dtype
        sizes = [get("Reshape")(self.nrows(dtype), [1])]
        for lengths in self.nested_row_lengths():
            padded = get("ConcatV2")([get("Cast")(lengths, DstT=dtype), np.zeros(1, dtype.np_dtype)], 0)
            sizes.append(get("Max")(padded, [0], keep_dims=True))
        whole = get("ConcatV2")([*sizes, get("Shape")(self.flat_values, out_type=dtype)[1:]], 0)
        return whole if axis is None else get("GatherV2")(whole, axis, 0)

    # Others like it.

    def with_values(self, new_values: Any) -> RaggedTensor:
        """The same rows of other values."""
        return RaggedTensor(_values(new_values), self._row_splits, self._uniform)

    def with_flat_values(self, new_values: Any) -> RaggedTensor:
        """The same partition of other innermost values."""
        inner = self._values.with_flat_values(new_values) if isinstance(self._values, RaggedTensor) else new_values
        return self.with_values(inner)

    def with_row_splits_dtype(self, dtype: Any) -> RaggedTensor:
        """With row splits of dtype int32 or int64."""
        values = self._values.with_row_splits_dtype(dtype) if isinstance(self._values, RaggedTensor) else self._values
        return RaggedTensor(values, get("Cast")(self._row_splits, DstT=dtypes.as_dtype(dtype)), self._uniform)

    def merge_dims(self, outer_axis: int, inner_axis: int) -> Any:
        """The dimensions from `outer_axis` to `inner_axis` as one."""
        rank = self.shape.rank
        assert rank is not None
        outer, inner = (a + rank if a < 0 else a for a in (outer_axis, inner_axis))
        if not 0 <= outer <= inner < rank:
            raise ValueError(f"merge_dims needs 0 <= outer_axis <= inner_axis < {rank}; got {outer_axis} and {inner_axis}")
        return partitions.merged(self, outer, inner)

    def to_tensor(self, default_value: Any = None, name: str | None = None, shape: Any = None) -> Tensor:
        """A dense tensor, filled up with `default_value` (0 or empty), of a given shape (None: as large as needed)."""
        if default_value is None:
            default_value = "" if self.dtype is dtypes.string else False if self.dtype.is_bool else 0
        wanted: Any = np.int64(-1)
        if shape is not None and not isinstance(shape, Tensor):
            dims = as_shape(shape)
            wanted = wanted if dims.rank is None else np.array([-1 if d is None else d for d in dims], np.int64)
        elif shape is not None:
            wanted = shape
        default = convert_to_tensor(default_value, self.dtype)
        splits = list(self.nested_row_splits)
        kinds = ("ROW_SPLITS",) * len(splits)
        return kernels.ragged_tensor_to_tensor(wanted, self.flat_values, default, splits, row_partition_types=kinds, name=name)

    def to_sparse(self, name: str | None = None) -> SparseTensor:
        """A sparse tensor of the same elements."""
        return SparseTensor(*kernels.ragged_tensor_to_sparse.all(list(self.nested_row_splits), self.flat_values, name=name))

    def to_list(self) -> list[Any]:
        """Nested Python lists.

        Raises:
            ValueError: the tensor is symbolic.
        """
        if not isinstance(self._row_splits, EagerTensor):
            raise ValueError("to_list() needs a ragged tensor with values; a symbolic one has none while a function is traced")
        splits = self._row_splits.numpy().tolist()
        items = self._values.to_list() if isinstance(self._values, RaggedTensor) else self._values.numpy().tolist()
        return [items[a:b] for a, b in itertools.pairwise(splits)]

    def numpy(self) -> Any:
        """A numpy array where all rows have one length, else an array of arrays."""
        splits = self._row_splits.numpy()  # type: ignore[attr-defined]
        items = self._values.numpy()
        rows = [items[a:b] for a, b in itertools.pairwise(splits)]
        if rows and len({row.shape for row in rows}) == 1 and rows[0].dtype != object:
            return np.stack(rows)
        out = np.empty(len(rows), object)
        for i, row in enumerate(rows):
            out[i] = row
        return out

    # As a composite tensor.

    @property
    def type_spec(self) -> RaggedTensorSpec:
        """The spec of this tensor."""
        return RaggedTensorSpec(self.shape, self.dtype, self.ragged_rank, self._row_splits.dtype)

    @property
    def gradient_tensor(self) -> Tensor:
        """The innermost values."""
        return self.flat_values

    def with_gradient_tensor(self, values: Any) -> RaggedTensor:
        """The same as `with_flat_values`."""
        return self.with_flat_values(convert_to_tensor(values))

    def run_op(self, op: Any, args: Any, attrs: Any, name: str | None) -> tuple[Any, ...] | None:
        """Elementwise ops work on the innermost values; other arguments broadcast to the rows."""
        return elements.run(RaggedTensor, op, args, attrs, name)

    def __getitem__(self, key: Any) -> Any:
        return subscripts.subscript(RaggedTensor, self, key)

    def __len__(self) -> int:
        count = self.shape[0]
        if count is None:
            raise TypeError("len() needs a ragged tensor whose number of rows is known; use nrows()")
        return count

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        if isinstance(self._row_splits, EagerTensor):
            return f"<tf.RaggedTensor {self.to_list()}>"
        return f"tf.RaggedTensor(values={self._values!r}, row_splits={self._row_splits!r})"

    __str__ = __repr__


class RaggedTensorSpec(CompositeSpec):
    """What is known of a ragged tensor: shape, dtype, number of ragged dimensions and the dtype of row splits."""

    __slots__ = ("dtype", "ragged_rank", "row_splits_dtype", "shape")

    def __init__(
        self, shape: Any = None, dtype: Any = dtypes.float32, ragged_rank: int | None = None, row_splits_dtype: Any = dtypes.int64
    ) -> None:
        self.shape: TensorShape = as_shape(shape)
        self.dtype: DType = dtypes.as_dtype(dtype)
        self.row_splits_dtype: DType = dtypes.as_dtype(row_splits_dtype)
        if ragged_rank is None:
            if self.shape.rank is None:
                raise ValueError("a RaggedTensorSpec needs a shape of known rank or a ragged_rank")
            ragged_rank = max([i for i, d in enumerate(self.shape) if d is None and i], default=0)
        self.ragged_rank = int(ragged_rank)
        if self.shape.rank is not None and self.ragged_rank >= self.shape.rank:
            raise ValueError(f"ragged_rank {self.ragged_rank} must be less than the rank of the shape {self.shape}")

    @property
    def value_type(self) -> type:
        """RaggedTensor."""
        return RaggedTensor

    @property
    def component_specs(self) -> tuple[TensorSpec, ...]:
        """Specs of the innermost values and of the row splits, the outermost first."""
        shape = self.shape
        first = shape[0] if shape.rank else None
        inner = TensorShape(None) if shape.rank is None else TensorShape([None, *shape[self.ragged_rank + 1 :]])
        outer = [[None if first is None else first + 1], *[[None]] * (self.ragged_rank - 1)][: self.ragged_rank]
        splits = (TensorSpec(s, self.row_splits_dtype, "row_splits") for s in outer)
        return TensorSpec(inner, self.dtype, "flat_values"), *splits

    def components(self, value: Any) -> list[Any]:
        """The innermost values and the row splits; a spec without ragged dimensions is that of a plain tensor."""
        return [value.flat_values, *value.nested_row_splits] if self.ragged_rank else [value]

    def from_components(self, components: list[Any]) -> Any:
        """A RaggedTensor of the innermost values and the row splits."""
        values, *splits = components
        uniform = list(self.shape[1 : self.ragged_rank + 1]) if self.shape.rank is not None else [None] * len(splits)
        for part, length in zip(reversed(splits), reversed(uniform), strict=True):
            values = RaggedTensor(values, part, length)
        return values

    def _kind(self) -> tuple[Any, ...]:
        return self.dtype, self.ragged_rank, self.row_splits_dtype

    def is_compatible_with(self, value: Any) -> bool:
        """True when a RaggedTensor (or a spec) fits."""
        spec = value.type_spec if isinstance(value, RaggedTensor) else value
        return isinstance(spec, RaggedTensorSpec) and self._kind() == spec._kind() and self.shape.is_compatible_with(spec.shape)

    def is_subtype_of(self, other: Any) -> bool:
        """True when every tensor of this spec is also one of `other`."""
        return isinstance(other, RaggedTensorSpec) and self._kind() == other._kind() and self.shape.is_subtype_of(other.shape)

    def most_general(self, other: Any) -> RaggedTensorSpec | None:
        """The narrowest spec covering both."""
        if not isinstance(other, RaggedTensorSpec) or self._kind() != other._kind():
            return None
        return RaggedTensorSpec(self.shape.most_general(other.shape), *self._kind())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RaggedTensorSpec) and (self.shape, self._kind()) == (other.shape, other._kind())

    def __hash__(self) -> int:
        return hash((RaggedTensorSpec, self.shape, self._kind()))

    def __repr__(self) -> str:
        return f"RaggedTensorSpec({self.shape!r}, {self.dtype!r}, {self.ragged_rank}, {self.row_splits_dtype!r})"


def _values(values: Any) -> Any:
    return values if isinstance(values, RaggedTensor) else convert_to_tensor(values)


def _index(value: Any) -> Tensor:
    """Positions as an int32 or int64 vector; Python values become int64."""
    tensor = convert_to_tensor(value) if isinstance(value, Tensor | np.ndarray) else convert_to_tensor(value, dtypes.int64)
    if tensor.dtype not in (dtypes.int32, dtypes.int64):
        raise ValueError(f"a row partition must be int32 or int64; got {tensor.dtype.name}")
    if not tensor.shape.is_compatible_with([None]):
        raise ValueError(f"a row partition must be a vector; got shape {tensor.shape}")
    return tensor
