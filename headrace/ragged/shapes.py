"""DynamicRaggedShape: the shape of a ragged tensor, whose ragged dimensions have no one size."""

from __future__ import annotations

from typing import Any

from headrace.core import dtypes
from headrace.core.shapes import TensorShape
from headrace.dispatch.opdef import get
from headrace.dispatch.tensor import Tensor
from headrace.ragged.tensor import RaggedTensor


class DynamicRaggedShape:
    """The shape of a ragged tensor; what `tf.shape` gives of one.

    Args:
        value: the ragged tensor.
    """

    def __init__(self, value: RaggedTensor) -> None:
        self._value = value

    @property
    def rank(self) -> int | None:
        """The number of dimensions."""
        return self._value.shape.rank

    @property
    def static_shape(self) -> TensorShape:
        """What is known without the elements; None for ragged dimensions."""
        return self._value.shape

    def is_uniform(self, axis: int) -> bool:
        """True unless the dimension is ragged."""
        return axis == 0 or axis > self._value.ragged_rank or self._value.shape[axis] is not None

    def __getitem__(self, index: int) -> Tensor:
        """The size of a dimension.

        Raises:
            ValueError: the dimension is ragged.
        """
        rank = self.rank
        axis = index + rank if index < 0 and rank is not None else index
        if rank is not None and not 0 <= axis < rank:
            raise IndexError(f"index {index} of a shape of rank {rank}")
        if axis == 0:
            return get("Cast")(self._value.nrows(), DstT=dtypes.int64)
        if not self.is_uniform(axis):
            raise ValueError(f"dimension {axis} of the ragged shape {self.static_shape} has no one size; use row_lengths()")
        if axis <= self._value.ragged_rank:
            return get("Cast")(self._value.shape[axis], DstT=dtypes.int64)
        whole = get("Shape")(self._value.flat_values, out_type=dtypes.int64)
        return whole[axis - self._value.ragged_rank]

    def __repr__(self) -> str:
        return f"<DynamicRaggedShape {self.static_shape}>"
