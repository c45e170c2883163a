"""SparseTensor and its spec."""

from __future__ import annotations

from typing import Any

import numpy as np

from headrace.core import dtypes
from headrace.core.dtypes import DType
from headrace.core.shapes import TensorShape, as_shape
from headrace.core.spec import CompositeSpec, CompositeTensor, TensorSpec
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.infer import elementwise
from headrace.dispatch.opdef import get
from headrace.dispatch.operators import Operators
from headrace.dispatch.tensor import ActsAsTensor, EagerTensor, Tensor
from headrace.ops.array.portable import static_value
from headrace.ops.sparse import conversion

UNARY = frozenset({"Cast", "Relu", "Relu6", "LeakyRelu", "Elu", "Selu", "Softplus", "Softsign"})
"""Ops of one input that work on each element, besides those whose shape rule says so."""

_WITH_DENSE = {"Mul": conversion.sparse_dense_cwise_mul, "RealDiv": conversion.sparse_dense_cwise_div}


class SparseTensor(CompositeTensor, Operators, ActsAsTensor):
    """A tensor of which only some elements are stored; the others are 0 (or empty).

    Args:
        indices: the coordinates of the stored elements, int64 [n, rank].
        values: the stored elements, [n].
        dense_shape: the shape of the whole, int64 [rank].

    Raises:
        ValueError: the parts do not fit together.
    """

    __slots__ = ("__weakref__", "_dense_shape", "_indices", "_shape", "_values")

    def __init__(self, indices: Any, values: Any, dense_shape: Any) -> None:
        self._indices: Tensor = convert_to_tensor(indices, dtypes.int64)
        self._values: Tensor = convert_to_tensor(values)
        self._dense_shape: Tensor = convert_to_tensor(dense_shape, dtypes.int64)
        rows, items, dims = self._indices.shape, self._values.shape, self._dense_shape.shape
        if not (rows.is_compatible_with([items[0] if items.rank == 1 else None, dims[0] if dims.rank == 1 else None])
                and items.is_compatible_with([None]) and dims.is_compatible_with([None])):  # fmt: skip
            raise ValueError(
                f"a SparseTensor needs indices [n, rank], values [n] and dense_shape [rank]; got {rows}, {items} and {dims}"
            )
        known = static_value(self._dense_shape)
        rank = dims[0] if dims.rank == 1 else None
        if known is not None:
            self._shape = TensorShape([int(d) for d in known])
        else:
            self._shape = TensorShape(None if rank is None else [None] * rank)

    @classmethod
    def from_value(cls, sparse_tensor_value: Any) -> SparseTensor:
        """A SparseTensor of anything that has `indices`, `values` and `dense_shape`."""
        if isinstance(sparse_tensor_value, SparseTensor):
            return sparse_tensor_value
        return cls(sparse_tensor_value.indices, sparse_tensor_value.values, sparse_tensor_value.dense_shape)

    @property
    def indices(self) -> Tensor:
        """The coordinates, int64 [n, rank]."""
        return self._indices

    @property
    def values(self) -> Tensor:
        """The stored elements, [n]."""
        return self._values

    @property
    def dense_shape(self) -> Tensor:
        """The shape of the whole, int64 [rank]."""
        return self._dense_shape

    @property
    def dtype(self) -> DType:
        """The element type."""
        return self._values.dtype

    @property
    def shape(self) -> TensorShape:
        """The static shape of the whole."""
        return self._shape

    @property
    def rank(self) -> int | None:
        """The number of dimensions."""
        return self._shape.rank

    def get_shape(self) -> TensorShape:
        """The same as `shape`."""
        return self._shape

    def set_shape(self, shape: Any) -> None:
        """Narrows the static shape; raises ValueError on contradiction."""
        self._shape = self._shape.merge_with(shape)

    def with_values(self, new_values: Any) -> SparseTensor:
        """The same coordinates with other values."""
        result = SparseTensor(self._indices, new_values, self._dense_shape)
        result._shape = self._shape
        return result

    @property
    def type_spec(self) -> SparseTensorSpec:
        """The spec of this tensor."""
        return SparseTensorSpec(self._shape, self.dtype)

    @property
    def gradient_tensor(self) -> Tensor:
        """The values."""
        return self._values

    def with_gradient_tensor(self, values: Any) -> SparseTensor:
        """The same as `with_values`."""
        return self.with_values(values)

    def run_op(self, op: Any, args: Any, attrs: Any, name: str | None) -> tuple[Any, ...] | None:
        """Elementwise ops of one input work on the values; `*` and `/` take a dense right side."""
        if len(args) == 1 and (op.shape is elementwise or op.name in UNARY):
            return (self.with_values(op.run([self._values], attrs, name)[0]),)
        if op.name == "Mul" and not isinstance(args[0], SparseTensor):
            args = args[::-1]
        if op.name in _WITH_DENSE and isinstance(args[0], SparseTensor) and not isinstance(args[1], SparseTensor):
            left = args[0]
            right = convert_to_tensor(args[1], left.dtype)
            return (left.with_values(_WITH_DENSE[op.name](left._indices, left._values, left._dense_shape, right, name=name)),)
        return None

    def __getitem__(self, key: Any) -> Any:
        raise TypeError("a SparseTensor has no subscripts; use tf.sparse.slice, or tf.sparse.to_dense first")

    def __iter__(self) -> Any:
        raise TypeError("a SparseTensor cannot be iterated over; use tf.sparse.to_dense first")

    def __eq__(self, other: object) -> bool:
        return self is other

    def __ne__(self, other: object) -> bool:
        return self is not other

    def __hash__(self) -> int:  # type: ignore[override]
        return id(self)

    def __repr__(self) -> str:
        return f"SparseTensor(indices={self._indices!s}, values={self._values!s}, dense_shape={self._dense_shape!s})"


class SparseTensorSpec(CompositeSpec):
    """What is known of a sparse tensor: the shape of the whole and the dtype."""

    __slots__ = ("dtype", "shape")

    def __init__(self, shape: Any = None, dtype: Any = dtypes.float32) -> None:
        self.shape: TensorShape = as_shape(shape)
        self.dtype: DType = dtypes.as_dtype(dtype)

    @property
    def value_type(self) -> type:
        """SparseTensor."""
        return SparseTensor

    @property
    def component_specs(self) -> tuple[TensorSpec, ...]:
        """Specs of indices, values and dense_shape."""
        rank = self.shape.rank
        parts = ([None, rank], dtypes.int64, "indices"), ([None], self.dtype, "values"), ([rank], dtypes.int64, "dense_shape")
        return tuple(TensorSpec(shape, dtype, name) for shape, dtype, name in parts)

    def components(self, value: Any) -> list[Any]:
        """Indices, values and dense_shape."""
        return [value.indices, value.values, value.dense_shape]

    def from_components(self, components: list[Any]) -> SparseTensor:
        """A SparseTensor of indices, values and dense_shape."""
        result = object.__new__(SparseTensor)
        result._indices, result._values, result._dense_shape = components
        known = static_value(result._dense_shape) if isinstance(result._dense_shape, EagerTensor) else None
        result._shape = self.shape if known is None else TensorShape(known.tolist())
        return result

    def is_compatible_with(self, value: Any) -> bool:
        """True when a SparseTensor (or a spec) fits."""
        if not isinstance(value, SparseTensor | SparseTensorSpec):
            return False
        return value.dtype is self.dtype and self.shape.is_compatible_with(value.shape)

    def is_subtype_of(self, other: Any) -> bool:
        """True when every tensor of this spec is also one of `other`."""
        return isinstance(other, SparseTensorSpec) and self.dtype is other.dtype and self.shape.is_subtype_of(other.shape)

    def most_general(self, other: Any) -> SparseTensorSpec | None:
        """The narrowest spec covering both."""
        if not isinstance(other, SparseTensorSpec) or self.dtype is not other.dtype:
            return None
        return SparseTensorSpec(self.shape.most_general(other.shape), self.dtype)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SparseTensorSpec) and (self.shape, self.dtype) == (other.shape, other.dtype)

    def __hash__(self) -> int:
        return hash((SparseTensorSpec, self.shape, self.dtype))

    def __repr__(self) -> str:
        return f"SparseTensorSpec({self.shape!r}, {self.dtype!r})"


def as_sparse(value: Any, function: str) -> SparseTensor:
    """`value`, which must be a SparseTensor (or have its three parts).

    Raises:
        TypeError: it is something else.
    """
    if isinstance(value, SparseTensor):
        return value
    if all(hasattr(value, part) for part in ("indices", "values", "dense_shape")):
        return SparseTensor.from_value(value)
    raise TypeError(f"tf.sparse.{function} needs a SparseTensor; got {value!r} ({type(value).__name__}); use tf.sparse.from_dense")


def rank_of(tensor: SparseTensor, function: str) -> int:
    """The number of dimensions.

    Raises:
        ValueError: it is unknown.
    """
    if tensor.rank is None:
        raise ValueError(f"tf.sparse.{function} needs a SparseTensor of known rank; set_shape it")
    return tensor.rank


def int64_vector(value: Any) -> Any:
    """Sizes or positions as an int64 vector."""
    if isinstance(value, TensorShape):
        return np.array(value.concrete(), np.int64)
    if isinstance(value, Tensor):
        return get("Cast")(value, DstT=dtypes.int64) if value.dtype is not dtypes.int64 else value
    if isinstance(value, list | tuple) and any(isinstance(v, Tensor) for v in value):
        return get("Pack")([int64_vector(convert_to_tensor(v)) for v in value])
    return np.asarray(value, np.int64)
