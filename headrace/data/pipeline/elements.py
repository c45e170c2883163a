"""Elements of datasets: between stages a flat tuple of numpy arrays, beside a structure of specs that says what they are.

A structure is made of tuples, named tuples and mappings; a list is not part of it but a tensor, as in tf.data.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from headrace.core import dtypes, nest
from headrace.core.errors import InvalidArgumentError
from headrace.core.memory import LARGE, is_aligned
from headrace.core.shapes import TensorShape
from headrace.core.spec import CompositeSpec, CompositeTensor, TensorSpec, TypeSpec
from headrace.dispatch import context
from headrace.dispatch.convert import convert_to_tensor, to_numpy
from headrace.dispatch.lists import ElementList
from headrace.dispatch.tensor import EagerTensor, GraphTensor, Tensor
from headrace.runtime import devices
from headrace.runtime.eager import tensor_of

Element = tuple[Any, ...]
"""The components of one element, in the order of the flat structure: numpy arrays, or what stands for a variant."""


class NoneTensorSpec(CompositeSpec):
    """The spec of None, which has no components."""

    __slots__ = ()

    @property
    def component_specs(self) -> tuple[TensorSpec, ...]:
        """None."""
        return ()

    def components(self, value: Any) -> list[Any]:
        """None."""
        return []

    def from_components(self, components: list[Any]) -> Any:
        """None."""
        return None

    def is_compatible_with(self, value: Any) -> bool:
        """True for None and for this spec."""
        return value is None or isinstance(value, NoneTensorSpec)

    def is_subtype_of(self, other: Any) -> bool:
        """True for this spec."""
        return isinstance(other, NoneTensorSpec)

    def most_general(self, other: Any) -> CompositeSpec | None:
        """This spec, when both are."""
        return self if isinstance(other, NoneTensorSpec) else None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NoneTensorSpec)

    def __hash__(self) -> int:
        return hash(NoneTensorSpec)

    def __repr__(self) -> str:
        return "NoneTensorSpec()"


def map_leaves(func: Callable[[Any], Any], structure: Any) -> Any:
    """Applies `func` to the leaves of an element's structure, in the order of the keys of mappings; a list is a leaf."""
    if isinstance(structure, Mapping):
        built = {key: map_leaves(func, structure[key]) for key in sorted(structure)}
        items = {key: built[key] for key in structure}
        return items if type(structure) is dict else nest.like_mapping(structure, items)
    if isinstance(structure, tuple):
        parts = [map_leaves(func, item) for item in structure]
        return type(structure)(*parts) if nest.is_namedtuple(structure) else tuple(parts)
    return func(structure)


def flat_specs(structure: Any) -> list[TensorSpec]:
    """The specs of the components of elements of this structure."""
    return nest.flatten(structure, expand_composites=True)


def specs_equal(first: Any, second: Any) -> bool:
    """True when two structures of specs describe the same elements, names apart."""
    return are_subtypes(first, second) and are_subtypes(second, first)


def are_subtypes(first: Any, second: Any) -> bool:
    """True when every element of the first structure of specs is one of the second."""
    return _same_structure(first, second) and all(
        one.is_subtype_of(other) for one, other in zip(nest.flatten(first), nest.flatten(second), strict=True)
    )


def _same_structure(first: Any, second: Any) -> bool:
    try:
        nest.assert_same_structure(first, second)
    except (TypeError, ValueError):
        return False
    return True


def most_general(first: Any, second: Any) -> Any:
    """The structure of specs that covers both; None where there is none."""
    if not _same_structure(first, second):
        return None
    found = [
        one.most_general(other) if isinstance(other, type(one)) else None
        for one, other in zip(nest.flatten(first), nest.flatten(second), strict=True)
    ]
    return None if any(spec is None for spec in found) else nest.pack_sequence_as(first, found)


def take_apart(value: Any) -> tuple[Any, list[Any]]:
    """The spec structure and the components of a value that a user gave: numpy arrays, or symbolic tensors.

    Raises:
        TypeError: a leaf cannot be made a tensor.
        ValueError: a leaf is a list of rows of different lengths.
    """
    components: list[Any] = []

    def leaf(item: Any) -> TypeSpec:
        if item is None:
            return NoneTensorSpec()
        if isinstance(item, CompositeTensor):
            spec = item.type_spec
            components.extend(on_host(part) for part in spec.components(item))
            return spec
        if isinstance(item, Tensor) or hasattr(item, "__tf_tensor__") or isinstance(item, list):
            tensor = convert_to_tensor(item)
            components.append(on_host(tensor))
            return TensorSpec(tensor.shape, tensor.dtype)
        array, dtype = to_numpy(item)
        components.append(np.array(array) if isinstance(item, np.ndarray) else array)
        return TensorSpec(array.shape, dtype)

    return map_leaves(leaf, value), components


def on_host(tensor: Any) -> Any:
    """The elements of a tensor at hand as numpy's, without a copy where that is possible; a symbolic tensor as it is.

    Raises:
        TypeError: it is neither.
    """
    if isinstance(tensor, GraphTensor):
        return tensor
    if isinstance(tensor, EagerTensor):
        return host_array(tensor.array)
    if hasattr(tensor, "__tf_tensor__"):
        return on_host(convert_to_tensor(tensor))
    raise TypeError(f"expected a tensor, got {tensor!r}")


def host_array(array: Any) -> Any:
    """What a kernel or a tensor holds, as elements carry it."""
    return array if isinstance(array, np.ndarray | ElementList) else np.asarray(array)


_FEW = 4096
"""Integers; up to so many (labels) stay on the host, where compiled code takes them as quickly as a device array."""


def as_tensor(component: Any, spec: TensorSpec) -> Tensor:
    """A component as a tensor at hand."""
    if spec.dtype in (dtypes.variant, dtypes.resource):
        return tensor_of(component, spec.dtype)
    array = component if isinstance(component, np.ndarray) else np.asarray(component)
    if array.dtype.kind in "iu" and array.ndim and array.size <= _FEW and not spec.dtype.is_quantized:
        return EagerTensor(array)
    if array.nbytes >= LARGE and is_aligned(array) and not context.state().device:
        return tensor_of(jax.device_put(array, devices.resolve(""), may_alias=True), spec.dtype)
    return context.ThreadState.default_executor.constant(array, spec.dtype)


def to_user(element: Sequence[Any], structure: Any) -> Any:
    """An element as users see it: tensors in their structure."""
    tensors = [as_tensor(part, spec) for part, spec in zip(element, flat_specs(structure), strict=True)]
    return assembled(structure, tensors)


def assembled(structure: Any, parts: Sequence[Any]) -> Any:
    """Values in their structure, sparse, ragged and other composite ones made of their components."""
    if isinstance(structure, TensorSpec):
        return parts[0]
    if type(structure) is tuple and all(type(spec) is TensorSpec for spec in structure):
        return tuple(parts)
    return nest.pack_sequence_as(structure, parts, expand_composites=True)


def fitted(value: Any, structure: Any, what: str, cast: bool = True) -> Element:
    """The components of a value that must have a given structure.

    Args:
        value: what a user's code gave.
        structure: of specs.
        what: who gave it, for messages.
        cast: casts numbers to the dtype that is asked for, as TensorFlow does for generators; otherwise they must have it.

    Raises:
        InvalidArgumentError: structure, dtype or shape differ.
    """
    parts: list[Any] = []
    try:
        nest.map_structure_up_to(structure, lambda spec, item: parts.extend(_fitted_leaf(spec, item, what, cast)), value)
    except ValueError as error:
        if isinstance(error, InvalidArgumentError):
            raise
        raise InvalidArgumentError(
            f"{what} gave an element that does not have the structure {structure!r}: {error}; the element is {value!r}"
        ) from None
    return tuple(parts)


def _fitted_leaf(spec: Any, item: Any, what: str, cast: bool) -> list[Any]:
    if isinstance(spec, CompositeSpec):
        if not spec.is_compatible_with(item):
            raise InvalidArgumentError(f"{what} gave {item!r}; expected a value of {spec!r}")
        return [on_host(part) for part in spec.components(item)]
    if isinstance(item, EagerTensor):
        array, found = on_host(item), item.dtype
        if found is not spec.dtype:
            raise InvalidArgumentError(f"{what} gave a tensor of {found.name}; expected {spec.dtype.name}; cast it")
    else:
        array = _converted(item, spec, what, cast)
    if not spec.shape.is_compatible_with(array.shape):
        raise InvalidArgumentError(f"{what} gave an element of shape {TensorShape(array.shape)}; expected {spec.shape}")
    return [array]


def _converted(item: Any, spec: TensorSpec, what: str, cast: bool) -> Any:
    """A user's numbers or strings as an array of its own."""
    try:
        if spec.dtype is dtypes.string or not cast:
            return np.array(to_numpy(item, spec.dtype)[0])
        return np.array(item, spec.dtype.np_dtype)
    except (TypeError, ValueError) as error:
        raise InvalidArgumentError(f"{what} gave {item!r}; expected {spec.dtype.name} of shape {spec.shape}: {error}") from None


def nbytes(element: Sequence[Any]) -> int:
    """The memory of an element in bytes; strings count by their length."""
    total = 0
    for part in element:
        if isinstance(part, np.ndarray) and part.dtype.kind == "O":
            total += sum(len(item) for item in part.ravel().tolist() if isinstance(item, bytes))
        else:
            total += getattr(part, "nbytes", 0)
    return total
