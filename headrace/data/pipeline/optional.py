"""tf.experimental.Optional: a value, or nothing."""

from __future__ import annotations

from typing import Any

from headrace.core import dtypes
from headrace.core.spec import CompositeSpec, CompositeTensor, TensorSpec
from headrace.data.pipeline.elements import are_subtypes, assembled, flat_specs, map_leaves, most_general
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.tensor import Tensor
from headrace.ops.lists.optional import optional_from_value, optional_get_value, optional_has_value, optional_none


class OptionalSpec(CompositeSpec):
    """The spec of an Optional: what its value is."""

    __slots__ = ("element_spec",)

    def __init__(self, element_spec: Any) -> None:
        self.element_spec = element_spec

    @property
    def component_specs(self) -> tuple[TensorSpec, ...]:
        """One variant."""
        return (TensorSpec((), dtypes.variant),)

    def components(self, value: Any) -> list[Any]:
        """The variant."""
        return [value.variant]

    def from_components(self, components: list[Any]) -> Any:
        """The optional in a variant."""
        return Optional(components[0], self.element_spec)

    def is_compatible_with(self, value: Any) -> bool:
        """True for optionals of such values."""
        spec = value.type_spec if isinstance(value, CompositeTensor) else value
        return isinstance(spec, OptionalSpec) and are_subtypes(spec.element_spec, self.element_spec)

    def is_subtype_of(self, other: Any) -> bool:
        """True when all such values are also those of `other`."""
        return isinstance(other, OptionalSpec) and are_subtypes(self.element_spec, other.element_spec)

    def most_general(self, other: Any) -> CompositeSpec | None:
        """The narrowest spec of both."""
        spec = most_general(self.element_spec, other.element_spec) if isinstance(other, OptionalSpec) else None
        return None if spec is None else OptionalSpec(spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, OptionalSpec) and self.is_subtype_of(other) and other.is_subtype_of(self)

    def __hash__(self) -> int:
        return hash((OptionalSpec, tuple(flat_specs(self.element_spec))))

    def __repr__(self) -> str:
        return f"OptionalSpec({self.element_spec!r}, TensorShape([]))"


class Optional(CompositeTensor):
    """A value, or nothing: what `get_next_as_optional` gives."""

    def __init__(self, variant: Tensor, element_spec: Any) -> None:
        self.variant = variant
        self.element_spec = element_spec

    @classmethod
    def from_value(cls, value: Any) -> Optional:
        """An optional that holds a value."""
        spec, components = _described(value)
        return cls(optional_from_value(components), spec)

    @classmethod
    def empty(cls, element_spec: Any) -> Optional:
        """An optional that holds nothing."""
        return cls(optional_none(), element_spec)

    @property
    def dtype(self) -> dtypes.DType:
        """tf.variant."""
        return dtypes.variant

    @property
    def type_spec(self) -> OptionalSpec:
        """The spec of this optional."""
        return OptionalSpec(self.element_spec)

    def has_value(self, name: str | None = None) -> Tensor:
        """Whether it holds a value, a scalar bool."""
        return optional_has_value(self.variant, name=name)

    def get_value(self, name: str | None = None) -> Any:
        """The value.

        Raises:
            InvalidArgumentError: it holds nothing.
        """
        specs = flat_specs(self.element_spec)
        types, shapes = tuple(s.dtype for s in specs), tuple(s.shape for s in specs)
        return assembled(self.element_spec, optional_get_value.all(self.variant, output_types=types, output_shapes=shapes))

    def __repr__(self) -> str:
        return f"<headrace Optional of {self.element_spec!r}>"


def _described(value: Any) -> tuple[Any, list[Any]]:
    """The spec structure of a value and its tensors."""
    tensors: list[Any] = []

    def leaf(item: Any) -> Any:
        if isinstance(item, CompositeTensor):
            tensors.extend(item.type_spec.components(item))
            return item.type_spec
        tensor = convert_to_tensor(item)
        tensors.append(tensor)
        return TensorSpec.from_tensor(tensor)

    return map_leaves(leaf, value), tensors
