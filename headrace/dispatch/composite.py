"""IndexedSlices and their spec: a tensor of which only some rows are given, as gradients of gather are."""

from __future__ import annotations

from typing import Any

import numpy as np

from headrace.core import dtypes
from headrace.core.dtypes import DType
from headrace.core.shapes import UNKNOWN, TensorShape, as_shape
from headrace.core.spec import CompositeSpec, CompositeTensor, TensorSpec
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.infer import constant_value
from headrace.dispatch.opdef import get
from headrace.dispatch.tensor import ActsAsTensor, GraphTensor, Tensor


class IndexedSlices(CompositeTensor, ActsAsTensor):
    """Rows `values` [n, ...] at positions `indices` [n] of a tensor of shape `dense_shape`; equal positions add up."""

    __slots__ = ("__weakref__", "_dense_shape", "_indices", "_values")

    def __init__(self, values: Tensor, indices: Tensor, dense_shape: Any = None) -> None:
        self._values = values
        self._indices = indices
        self._dense_shape = dense_shape

    @property
    def values(self) -> Tensor:
        """The rows, [n, ...]."""
        return self._values

    @property
    def indices(self) -> Tensor:
        """The position of each row, int32 or int64 [n]."""
        return self._indices

    @property
    def dense_shape(self) -> Any:
        """The shape of the whole tensor (an int vector), or None if unknown."""
        return self._dense_shape

    @property
    def dtype(self) -> DType:
        """The element type."""
        return self._values.dtype

    @property
    def shape(self) -> TensorShape:
        """The static shape of the whole tensor."""
        return UNKNOWN if self._dense_shape is None else _shape_in(self._dense_shape)

    @property
    def type_spec(self) -> IndexedSlicesSpec:
        """The spec of these slices.

        Raises:
            ValueError: values, indices and dense_shape do not fit together.
        """
        values, indices, *given = _tensors(self)
        shape = TensorShape([None]).concatenate(values.shape[1:])
        if given:
            shape = shape.merge_with(_shape_in(given[0]))
        rows = indices.shape.merge_with(values.shape[:1])
        return IndexedSlicesSpec(shape, values.dtype, indices.dtype, given[0].dtype if given else None, rows)

    def spec_of_rows(self, shape: TensorShape) -> IndexedSlicesSpec:
        """The spec of slices such as these, whose values have the static shape `shape`."""
        spec = self.type_spec
        whole = TensorShape([None]).concatenate(shape[1:])
        return IndexedSlicesSpec(whole, spec.dtype, spec.indices_dtype, spec.dense_shape_dtype, shape[:1])

    @property
    def gradient_tensor(self) -> Tensor:
        """The values."""
        return self._values

    def with_gradient_tensor(self, values: Any) -> IndexedSlices:
        """The same positions with other values."""
        return IndexedSlices(values, self._indices, self._dense_shape)

    def run_op(self, op: Any, args: Any, attrs: Any, name: str | None) -> None:
        """None: ops take the dense tensor."""

    def __tf_tensor__(self, dtype: DType | None = None, name: str | None = None) -> Tensor:
        if self._dense_shape is None:
            raise ValueError("these IndexedSlices have no dense_shape, so they cannot become a tensor; give dense_shape")
        if dtype is not None and dtype is not self.dtype:
            raise ValueError(f"the IndexedSlices have dtype {self.dtype.name} but {dtype.name} was asked for; use tf.cast")
        return get("UnsortedSegmentSum")(self._values, self._indices, self._dense_shape[0], name=name)

    def __neg__(self) -> IndexedSlices:
        return IndexedSlices(-self._values, self._indices, self._dense_shape)

    def __repr__(self) -> str:
        return f"IndexedSlices(indices={self._indices!r}, values={self._values!r}, dense_shape={self._dense_shape!r})"


class IndexedSlicesSpec(CompositeSpec):
    """What is known of IndexedSlices.

    Args:
        shape: the static shape of the whole tensor.
        dtype: of the values.
        indices_dtype: int32 or int64.
        dense_shape_dtype: int32 or int64; None for slices without dense_shape.
        indices_shape: the static shape of the indices, of one dimension: how many rows there are.

    Raises:
        ValueError: `indices_shape` has another rank.
    """

    __slots__ = ("dense_shape_dtype", "dtype", "indices_dtype", "indices_shape", "shape")

    def __init__(
        self,
        shape: Any = None,
        dtype: Any = dtypes.float32,
        indices_dtype: Any = dtypes.int64,
        dense_shape_dtype: Any = None,
        indices_shape: Any = None,
    ) -> None:
        self.shape: TensorShape = as_shape(shape)
        self.dtype: DType = dtypes.as_dtype(dtype)
        self.indices_dtype: DType = dtypes.as_dtype(indices_dtype)
        self.dense_shape_dtype: DType | None = None if dense_shape_dtype is None else dtypes.as_dtype(dense_shape_dtype)
        self.indices_shape: TensorShape = as_shape(indices_shape).with_rank(1)

    @property
    def value_type(self) -> type:
        """IndexedSlices."""
        return IndexedSlices

    @property
    def component_specs(self) -> tuple[TensorSpec, ...]:
        """Specs of values and indices, and of dense_shape where there is one."""
        rows = TensorSpec(self.indices_shape.concatenate(self.shape[1:]), self.dtype)
        indices = TensorSpec(self.indices_shape, self.indices_dtype)
        if self.dense_shape_dtype is None:
            return rows, indices
        return rows, indices, TensorSpec([self.shape.rank], self.dense_shape_dtype)

    def components(self, value: Any) -> list[Any]:
        """Values and indices, and dense_shape where there is one."""
        return _tensors(value)

    def from_components(self, components: list[Any]) -> IndexedSlices:
        """IndexedSlices of values, indices and perhaps dense_shape."""
        return IndexedSlices(*components)

    def is_compatible_with(self, value: Any) -> bool:
        """True when IndexedSlices (or a spec) fit."""
        spec = value.type_spec if isinstance(value, IndexedSlices) else value
        return (
            self._is_alike(spec)
            and self.shape.is_compatible_with(spec.shape)
            and (self.indices_shape.is_compatible_with(spec.indices_shape))
        )

    def is_subtype_of(self, other: Any) -> bool:
        """True when all slices of this spec are also of `other`."""
        return (
            self._is_alike(other)
            and self.shape.is_subtype_of(other.shape)
            and (self.indices_shape.is_subtype_of(other.indices_shape))
        )

    def most_general(self, other: Any) -> IndexedSlicesSpec | None:
        """The narrowest spec covering both, None when dtypes differ or only one has a dense_shape."""
        if not self._is_alike(other):
            return None
        shape, rows = self.shape.most_general(other.shape), self.indices_shape.most_general(other.indices_shape)
        return IndexedSlicesSpec(shape, self.dtype, self.indices_dtype, self.dense_shape_dtype, rows)

    def _is_alike(self, other: Any) -> bool:
        return isinstance(other, IndexedSlicesSpec) and self._dtypes() == other._dtypes()

    def _dtypes(self) -> tuple[Any, ...]:
        return self.dtype, self.indices_dtype, self.dense_shape_dtype

    def __eq__(self, other: object) -> bool:
        return isinstance(other, IndexedSlicesSpec) and (
            (self.shape, self.indices_shape, *self._dtypes()) == (other.shape, other.indices_shape, *other._dtypes())
        )

    def __hash__(self) -> int:
        return hash((IndexedSlicesSpec, self.shape, self.indices_shape, *self._dtypes()))

    def __repr__(self) -> str:
        fields = self.shape, self.dtype, self.indices_dtype, self.dense_shape_dtype, self.indices_shape
        return f"IndexedSlicesSpec({', '.join(map(repr, fields))})"

    def __reduce__(self) -> tuple[Any, ...]:
        return IndexedSlicesSpec, (self.shape, self.dtype, self.indices_dtype, self.dense_shape_dtype, self.indices_shape)


def _tensors(slices: IndexedSlices) -> list[Tensor]:
    parts = slices.values, slices.indices, slices.dense_shape
    return [part if isinstance(part, Tensor) else convert_to_tensor(part) for part in parts if part is not None]


def _shape_in(dense_shape: Any) -> TensorShape:
    """The static shape that an int vector holds; its rank alone where the elements are not known yet."""
    if isinstance(dense_shape, GraphTensor):
        known = constant_value(dense_shape.value)
        if known is None:
            rank = dense_shape.shape[0] if dense_shape.shape.rank == 1 else None
            return TensorShape(None if rank is None else [None] * rank)
    else:
        known = np.asarray(getattr(dense_shape, "array", dense_shape))
    return TensorShape([int(d) if d >= 0 else None for d in known])
