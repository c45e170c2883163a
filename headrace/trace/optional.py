"""tf.experimental.Optional: a structure of tensors, or nothing."""

from __future__ import annotations

from typing import Any

from headrace.core import dtypes, nest
from headrace.core.dtypes import DType
from headrace.core.errors import InvalidArgumentError
from headrace.core.spec import CompositeSpec, CompositeTensor, TensorSpec
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import get
from headrace.dispatch.tensor import Tensor
from headrace.trace.signature import spec_for


class Optional(CompositeTensor):
    """A structure of tensors, or nothing; which of them may be known only when a function runs.

    Args:
        variant: the tensor that holds it, of dtype variant.
        element_spec: the structure of specs of what it may hold; None where nothing is known of it yet.
    """

    __slots__ = ("__weakref__", "_element_spec", "_variant")

    def __init__(self, variant: Tensor, element_spec: Any) -> None:
        self._variant = variant
        self._element_spec = element_spec

    @staticmethod
    def from_value(value: Any) -> Optional:
        """An optional that holds a structure of tensors or of values that convert to tensors."""
        made = nest.map_structure(lambda leaf: leaf if isinstance(leaf, CompositeTensor) else convert_to_tensor(leaf), value)
        spec = nest.map_structure(_spec, made)
        return Optional(get("OptionalFromValue")(nest.flatten(made, expand_composites=True)), spec)

    @staticmethod
    def empty(element_spec: Any) -> Optional:
        """An optional that holds nothing, where one of `element_spec` is expected."""
        return Optional(get("OptionalNone")(), element_spec)

    @property
    def element_spec(self) -> Any:
        """The structure of specs of what it may hold."""
        return self._element_spec

    def has_value(self, name: str | None = None) -> Tensor:
        """Whether it holds something: a boolean scalar."""
        found: Tensor = get("OptionalHasValue")(self._variant, name=name)
        return found

    def get_value(self, name: str | None = None) -> Any:
        """What it holds.

        Raises:
            InvalidArgumentError: it holds nothing.
        """
        specs = nest.flatten(self._element_spec, expand_composites=True)
        types, shapes = tuple(s.dtype for s in specs), tuple(s.shape for s in specs)
        flat = get("OptionalGetValue").all(self._variant, output_types=types, output_shapes=shapes, name=name)
        for tensor, spec in zip(flat, specs, strict=True):
            tensor.set_shape(spec.shape)
        return nest.pack_sequence_as(self._element_spec, flat, expand_composites=True)

    @property
    def type_spec(self) -> OptionalSpec:
        """The spec of this optional."""
        return OptionalSpec(self._element_spec)

    @property
    def dtype(self) -> DType:
        """tf.variant."""
        return dtypes.variant

    @property
    def gradient_tensor(self) -> Tensor:
        """The tensor that holds it."""
        return self._variant

    def with_gradient_tensor(self, values: Any) -> Any:
        """The same spec around another tensor."""
        return Optional(values, self._element_spec)

    def run_op(self, op: Any, args: Any, attrs: Any, name: str | None) -> None:
        """None: ops take what an optional holds, not the optional itself."""

    def __repr__(self) -> str:
        return f"<tf.experimental.Optional element_spec={self._element_spec!r}>"


class OptionalSpec(CompositeSpec):
    """The spec of an Optional.

    Args:
        element_spec: the structure of specs of what it may hold.
    """

    __slots__ = ("element_spec",)

    value_type = Optional

    def __init__(self, element_spec: Any) -> None:
        self.element_spec = element_spec

    @classmethod
    def from_value(cls, value: Optional) -> OptionalSpec:
        """The spec of an optional."""
        return cls(value.element_spec)

    @property
    def component_specs(self) -> tuple[TensorSpec, ...]:
        """One scalar of dtype variant."""
        return (TensorSpec((), dtypes.variant),)

    def components(self, value: Any) -> list[Any]:
        """The tensor that holds the optional."""
        return [value.gradient_tensor]

    def from_components(self, components: list[Any]) -> Optional:
        """The optional that a tensor holds."""
        return Optional(components[0], self.element_spec)

    def is_compatible_with(self, value: Any) -> bool:
        """True when `value` (an optional or a spec) may stand where this spec is asked for."""
        other = value.type_spec if isinstance(value, Optional) else value
        if not isinstance(other, OptionalSpec):
            return False
        if self.element_spec is None or other.element_spec is None:
            return True
        mine, theirs = nest.flatten(self.element_spec), nest.flatten(other.element_spec)
        return len(mine) == len(theirs) and all(a.is_compatible_with(b) for a, b in zip(mine, theirs, strict=True))

    def is_subtype_of(self, other: Any) -> bool:
        """True when every optional of this spec is also one of `other`."""
        if not isinstance(other, OptionalSpec):
            return False
        if other.element_spec is None:
            return True
        mine, theirs = nest.flatten(self.element_spec), nest.flatten(other.element_spec)
        return len(mine) == len(theirs) and all(a.is_subtype_of(b) for a, b in zip(mine, theirs, strict=True))

    def most_general(self, other: Any) -> OptionalSpec | None:
        """The narrowest spec covering both, None when there is none."""
        if not isinstance(other, OptionalSpec) or other.element_spec is None or self.element_spec is None:
            return self if isinstance(other, OptionalSpec) and other.element_spec is None else None
        try:
            general = nest.map_structure(lambda a, b: a.most_general(b), self.element_spec, other.element_spec)
        except (TypeError, ValueError):
            return None
        return None if any(leaf is None for leaf in nest.flatten(general)) else OptionalSpec(general)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, OptionalSpec) and bool(self.element_spec == other.element_spec)

    def __hash__(self) -> int:
        return hash((OptionalSpec, *nest.flatten(self.element_spec)))

    def __repr__(self) -> str:
        return f"OptionalSpec({self.element_spec!r}, None)"


def _spec(value: Any) -> Any:
    if not isinstance(value, Tensor | CompositeTensor):
        raise InvalidArgumentError(f"an optional holds tensors; got {value!r} ({type(value).__name__})")
    spec = spec_for(value, "")
    return TensorSpec(spec.shape, spec.dtype) if isinstance(spec, TensorSpec) else spec
