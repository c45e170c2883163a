"""TensorSpec: what is known of a tensor before it exists: its shape, dtype and name."""

from __future__ import annotations

from typing import Any

from headrace.core import dtypes
from headrace.core.dtypes import DType
from headrace.core.shapes import TensorShape, as_shape


class TypeSpec:
    """Describes a value that may enter or leave a traced function."""

    __slots__ = ()


class CompositeTensor:
    """A value made of several tensors, such as a sparse or a ragged tensor; its spec takes it apart and builds it."""

    __slots__ = ()

    @property
    def type_spec(self) -> CompositeSpec:
        """What is known of the value without its elements."""
        raise NotImplementedError

    @property
    def dtype(self) -> DType:
        """The dtype of the elements."""
        raise NotImplementedError

    @property
    def gradient_tensor(self) -> Any:
        """The component that gradients flow through."""
        raise NotImplementedError

    def with_gradient_tensor(self, values: Any) -> Any:
        """The same with another `gradient_tensor`."""
        raise NotImplementedError

    def run_op(self, op: Any, args: Any, attrs: Any, name: str | None) -> Any:
        """The outputs of an op one of whose arguments is this value; None where the op takes dense tensors only."""
        raise NotImplementedError


def is_only_composite(value: Any) -> bool:
    """True for a composite tensor that converts to no dense one; IndexedSlices do."""
    return isinstance(value, CompositeTensor) and not hasattr(value, "__tf_tensor__")


class CompositeSpec(TypeSpec):
    """The spec of a CompositeTensor: hashable, equal where a trace for one value serves the other."""

    __slots__ = ()

    @property
    def component_specs(self) -> tuple[TensorSpec, ...]:
        """The specs of the components, in order."""
        raise NotImplementedError

    def components(self, value: Any) -> list[Any]:
        """The tensors that a value of this spec is made of."""
        raise NotImplementedError

    def from_components(self, components: list[Any]) -> Any:
        """The value made of these tensors (or, for tools, of anything that stands for them)."""
        raise NotImplementedError

    def is_compatible_with(self, value: Any) -> bool:
        """True when `value` (or a spec) fits."""
        raise NotImplementedError

    def is_subtype_of(self, other: Any) -> bool:
        """True when every value of this spec is also one of `other`."""
        raise NotImplementedError

    def most_general(self, other: Any) -> CompositeSpec | None:
        """The narrowest spec covering both, None when there is none."""
        raise NotImplementedError


class TensorSpec(TypeSpec):
    """The shape, dtype and optional name of a tensor."""

    __slots__ = ("dtype", "name", "shape")

    def __init__(self, shape: Any, dtype: Any = dtypes.float32, name: str | None = None) -> None:
        self.shape: TensorShape = as_shape(shape)
        self.dtype: DType = dtypes.as_dtype(dtype)
        self.name = name

    @classmethod
    def from_tensor(cls, tensor: Any, name: str | None = None) -> TensorSpec:
        """The spec of an existing tensor."""
        return cls(tensor.shape, tensor.dtype, name)

    @classmethod
    def from_spec(cls, spec: Any, name: str | None = None) -> TensorSpec:
        """A copy of `spec`, renamed when `name` is given."""
        return cls(spec.shape, spec.dtype, name or getattr(spec, "name", None))

    def is_compatible_with(self, value: Any) -> bool:
        """True when `value` (a tensor or a spec) fits: the same dtype and a compatible shape."""
        return bool(value.dtype == self.dtype) and self.shape.is_compatible_with(value.shape)

    def is_subtype_of(self, other: Any) -> bool:
        """True when every tensor of this spec is also one of `other`."""
        return isinstance(other, TensorSpec) and self.dtype is other.dtype and self.shape.is_subtype_of(other.shape)

    def most_general(self, other: TensorSpec) -> TensorSpec | None:
        """The narrowest spec covering both, None when the dtypes differ."""
        if self.dtype is not other.dtype:
            return None
        return TensorSpec(self.shape.most_general(other.shape), self.dtype, self.name if self.name == other.name else None)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TensorSpec) and (self.shape, self.dtype, self.name) == (other.shape, other.dtype, other.name)

    def __hash__(self) -> int:
        return hash((self.shape, self.dtype, self.name))

    def __repr__(self) -> str:
        return f"TensorSpec(shape={self.shape}, dtype={self.dtype!r}, name={self.name!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return TensorSpec, (self.shape, self.dtype, self.name)
