"""What control flow carries: tensors, TensorArrays, and sparse and ragged tensors and IndexedSlices, which are several tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from headrace.core.shapes import TensorShape, as_shape
from headrace.core.spec import CompositeSpec, CompositeTensor
from headrace.dispatch.composite import IndexedSlices
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import get
from headrace.dispatch.tensor import Tensor
from headrace.trace.control.tensor_array import TensorArray


def as_variable(value: Any) -> Any:
    """A TensorArray, a sparse or a ragged tensor as it is, anything else as a tensor."""
    return value if isinstance(value, TensorArray | CompositeTensor) else convert_to_tensor(value)


def flows(variable: Any) -> list[Tensor]:
    """The tensors that go through a node for what `as_variable` gave.

    Raises:
        ValueError: a TensorArray was made outside of the function.
    """
    if isinstance(variable, CompositeTensor):
        return variable.type_spec.components(variable)
    if not isinstance(variable, TensorArray):
        return [variable]
    if variable._eager:
        raise ValueError("this TensorArray was made outside of the tf.function that uses it; make it inside")
    return [variable.flow]


def shapes(variable: Any) -> list[TensorShape]:
    """The shapes that the tensors of `flows` keep in a loop unless told otherwise."""
    if isinstance(variable, CompositeTensor):
        return [spec.shape for spec in variable.type_spec.component_specs]
    return [tensor.shape for tensor in flows(variable)]


def given_shapes(variable: Any, invariant: Any) -> list[TensorShape]:
    """The shapes that a shape invariant (a shape or a spec; of IndexedSlices also the shape of their values) asks for.

    Raises:
        TypeError: a sparse or ragged tensor was not given a spec of its kind.
        ValueError: the variable does not fit it.
    """
    if isinstance(variable, CompositeTensor):
        if isinstance(variable, IndexedSlices) and not isinstance(invariant, CompositeSpec):
            invariant = variable.spec_of_rows(as_shape(getattr(invariant, "shape", invariant)))
        if not isinstance(invariant, CompositeSpec):
            raise TypeError(
                f"the shape invariant of a {type(variable).__name__} is a {type(variable.type_spec).__name__}; got {invariant!r}"
            )
        if not variable.type_spec.is_subtype_of(invariant):
            raise ValueError(f"a loop variable is {variable.type_spec!r}, which does not fit its shape invariant {invariant!r}")
        return [spec.shape for spec in invariant.component_specs]
    shape = as_shape(getattr(invariant, "shape", invariant))
    (tensor,) = flows(variable)
    if not tensor.shape.is_subtype_of(shape):
        raise ValueError(f"a loop variable has shape {tensor.shape}, which does not fit its shape invariant {shape}")
    return [shape]


def rewrapped(variable: Any, tensors: Sequence[Tensor], like: Any = None) -> Any:
    """The inverse of `flows`: a TensorArray with the element shape of `like`, a sparse or ragged tensor of the spec `like`."""
    if isinstance(variable, CompositeTensor):
        spec = like.type_spec if isinstance(like, CompositeTensor) else like or variable.type_spec
        return spec.from_components(list(tensors))
    (tensor,) = tensors
    return variable.with_flow(tensor, like) if isinstance(variable, TensorArray) else tensor


def covering(first: Any, second: Any) -> CompositeSpec | None:
    """The spec of either of two sparse or ragged tensors; None for anything else.

    Raises:
        TypeError: there is no such spec.
    """
    if not isinstance(first, CompositeTensor) and not isinstance(second, CompositeTensor):
        return None
    if isinstance(first, CompositeTensor) and isinstance(second, CompositeTensor):
        spec = first.type_spec.most_general(second.type_spec)
        if spec is not None:
            return spec
    raise TypeError(f"{_kind(first)} and {_kind(second)} stand at the same place; expected values of one kind")


def _kind(value: Any) -> str:
    return repr(value.type_spec) if isinstance(value, CompositeTensor) else f"a tensor of {value.dtype.name}{value.shape}"


def stopped(variable: Any) -> Any:
    """The same as a constant for gradients."""
    return rewrapped(variable, [get("StopGradient")(tensor) for tensor in flows(variable)])
