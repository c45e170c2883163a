"""IndexedSlices: a tensor of which only some rows are given, as gradients of gather are."""

from __future__ import annotations

from typing import Any

from headrace.core.dtypes import DType
from headrace.core.shapes import UNKNOWN, TensorShape
from headrace.dispatch.opdef import get
from headrace.dispatch.tensor import ActsAsTensor, Tensor


class IndexedSlices(ActsAsTensor):
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
        if self._dense_shape is None:
            return UNKNOWN
        shape = getattr(self._dense_shape, "array", None)
        return UNKNOWN if shape is None else TensorShape([int(d) for d in shape])

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
