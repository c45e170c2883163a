"""The values of TensorList ops: sequences of tensors of one dtype, in a form for compiled code and one for the host.

TensorArrays in functions and the gradients of loops are made of them. Compiled code keeps a list as one buffer with room
for a fixed number of elements; on the host it is a tuple, which may grow and whose elements may differ in shape. A list may
hold lists. Both forms have the same methods, which the kernels of ops/lists call.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from headrace.core.errors import InvalidArgumentError, NotCompilable

Shape = tuple[int, ...] | None
_OBJECT = np.dtype(object)


class ElementList:
    """What both forms share; to numpy's eyes a scalar object."""

    __slots__ = ()

    dtype = _OBJECT
    shape: tuple[int, ...] = ()
    ndim = 0
    size = 1


@jax.tree_util.register_pytree_node_class
class StackedList(ElementList):
    """Elements stacked along a leading axis.

    Attributes:
        items: the buffer, a tree of arrays of shape [capacity, ...] (a tree where elements are lists); None before the shape
            of the elements is known.
        length: the number of elements, an int where known when compiling, else an int32 scalar.
        capacity: the number of elements that the buffer has room for; None for a list that a loop has yet to give room.
        roomy: there is room for every element that the present loop adds or writes beyond the end.
    """

    __slots__ = ("capacity", "items", "length", "roomy")

    def __init__(self, items: Any, length: Any, capacity: int | None, roomy: bool = False) -> None:
        self.items = items
        self.length = length
        self.capacity = capacity
        self.roomy = roomy

    def tree_flatten(self) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """Children and static data, for JAX."""
        if isinstance(self.length, int):
            return (self.items,), (self.capacity, self.length, self.roomy)
        return (self.items, self.length), (self.capacity, None, self.roomy)

    @classmethod
    def tree_unflatten(cls, static: tuple[Any, ...], children: tuple[Any, ...]) -> StackedList:
        """The inverse of `tree_flatten`."""
        capacity, length, roomy = static
        return cls(children[0], children[1] if length is None else length, capacity, roomy)

    def with_room(self, capacity: int) -> StackedList:
        """The same elements with room for `capacity` of them."""
        capacity = max(capacity, self.capacity or 0, 1)
        items = self.items
        if items is not None and self.capacity is not None and capacity > self.capacity:
            more = capacity - self.capacity
            items = jax.tree.map(lambda b: jnp.concatenate([b, jnp.zeros((more, *b.shape[1:]), b.dtype)]), items)
        return StackedList(items, self.length, capacity, self.roomy)

    def like(self, element: Any) -> Any:
        """A buffer of zeros for elements such as `element`."""
        return jax.tree.map(lambda leaf: jnp.zeros((self.capacity, *np.shape(leaf)), leaf.dtype), element)

    def push(self, element: Any) -> StackedList:
        """With one more element at the end."""
        if isinstance(self.length, int):
            whole = self.with_room(self.length + 1)
        elif self.roomy:
            whole = self
        else:
            raise NotCompilable("a list that grows needs a loop whose number of iterations is known when it is compiled")
        items = whole.like(element) if whole.items is None else whole.items
        return StackedList(_updated(items, whole.length, element), whole.length + 1, whole.capacity, whole.roomy)

    def pop(self, shape: Shape, dtype: Any) -> tuple[StackedList, Any]:
        """Without the last element, and that element."""
        rest = StackedList(self.items, self.length - 1, self.capacity, self.roomy)
        return rest, self.get(rest.length, shape, dtype)

    def get(self, index: Any, shape: Shape, dtype: Any) -> Any:
        """One element; zeros where it was never set."""
        if self.items is None:
            return StackedList(None, 0, None) if dtype == _OBJECT else _zeros(shape, dtype)
        return jax.tree.map(lambda buffer: jax.lax.dynamic_index_in_dim(buffer, index, 0, keepdims=False), self.items)

    def set(self, index: Any, element: Any) -> StackedList:
        """With another element at `index`."""
        if self.capacity is None:
            raise NotCompilable("the number of elements of a list depends on data")
        items = self.like(element) if self.items is None else self.items
        return StackedList(_updated(items, index, element), self.length, self.capacity, self.roomy)

    def reaching(self, index: Any) -> StackedList:
        """With at least `index` + 1 elements."""
        if self.roomy:
            return StackedList(self.items, jnp.maximum(self.length, jnp.int32(index) + 1), self.capacity, True)
        if isinstance(index, jax.core.Tracer) or not isinstance(self.length, int):
            raise NotCompilable("how far a list grows depends on data")
        return self if int(index) < self.length else self.resize(int(index) + 1)

    def stack(self, shape: Shape, dtype: Any) -> Any:
        """All elements as one tensor."""
        if not isinstance(self.length, int):
            raise NotCompilable("the number of elements of a list depends on data")
        if self.items is None:
            return _zeros(None if shape is None else (self.length, *shape), dtype)
        return self.items[: self.length]

    def resize(self, size: Any) -> StackedList:
        """With `size` elements."""
        if not isinstance(size, np.ndarray | int):
            raise NotCompilable("the new size of a list depends on data")
        return StackedList(self.items, self.length, self.capacity).with_room(int(size))._with_length(int(size))

    def _with_length(self, length: int) -> StackedList:
        return StackedList(self.items, length, self.capacity)

    def zeros(self) -> StackedList:
        """A list of as many zeros of the same shapes."""
        return StackedList(jax.tree.map(jnp.zeros_like, self.items), self.length, self.capacity, self.roomy)

    def add(self, other: StackedList) -> StackedList:
        """The sum element by element; a list without elements set counts as zeros."""
        if self.items is None or other.items is None:
            return other if self.items is None else self
        return StackedList(jax.tree.map(jnp.add, self.items, other.items), self.length, self.capacity, self.roomy)


@jax.tree_util.register_pytree_node_class
class HostList(ElementList):
    """A tuple of elements: arrays, lists, or None for those that were never set."""

    __slots__ = ("items",)

    def __init__(self, items: Sequence[Any]) -> None:
        self.items = tuple(items)

    def tree_flatten(self) -> tuple[tuple[Any, ...], None]:
        """Children and static data, for JAX."""
        return self.items, None

    @classmethod
    def tree_unflatten(cls, static: None, children: tuple[Any, ...]) -> HostList:
        """The inverse of `tree_flatten`."""
        return cls(children)

    @property
    def length(self) -> int:
        """The number of elements."""
        return len(self.items)

    def push(self, element: Any) -> HostList:
        """See StackedList.push."""
        return HostList((*self.items, element))

    def pop(self, shape: Shape, dtype: Any) -> tuple[HostList, Any]:
        """See StackedList.pop.

        Raises:
            InvalidArgumentError: the list is empty.
        """
        if not self.items:
            raise InvalidArgumentError("cannot pop from an empty list")
        return HostList(self.items[:-1]), self.get(len(self.items) - 1, shape, dtype)

    def get(self, index: Any, shape: Shape, dtype: Any) -> Any:
        """See StackedList.get.

        Raises:
            InvalidArgumentError: there is no such element.
        """
        element = self.items[self._position(index)]
        if element is not None:
            return element
        known = next((np.shape(item) for item in self.items if item is not None and not isinstance(item, ElementList)), shape)
        return _zeros(shape if shape is not None else known, dtype)

    def set(self, index: Any, element: Any) -> HostList:
        """See StackedList.set.

        Raises:
            InvalidArgumentError: there is no such element.
        """
        position = self._position(index)
        return HostList((*self.items[:position], element, *self.items[position + 1 :]))

    def _position(self, index: Any) -> int:
        position = int(index)
        if not 0 <= position < len(self.items):
            raise InvalidArgumentError(f"index {position} is out of range of a list of {len(self.items)} elements")
        return position

    def stack(self, shape: Shape, dtype: Any) -> Any:
        """See StackedList.stack."""
        if not self.items:
            return _zeros(None if shape is None else (0, *shape), dtype)
        return np.stack([np.asarray(self.get(i, shape, dtype)) for i in range(len(self.items))])

    def reaching(self, index: Any) -> HostList:
        """See StackedList.reaching."""
        return self if int(index) < len(self.items) else self.resize(int(index) + 1)

    def resize(self, size: Any) -> HostList:
        """See StackedList.resize."""
        count = int(size)
        return HostList((*self.items[:count], *[None] * (count - len(self.items))))

    def zeros(self) -> HostList:
        """See StackedList.zeros."""
        return HostList([_zero_element(item) for item in self.items])

    def add(self, other: HostList) -> HostList:
        """See StackedList.add."""
        if not other.items or not self.items:
            return other if not self.items else self
        return HostList([_sum(a, b) for a, b in zip(self.items, other.items, strict=True)])


@jax.tree_util.register_pytree_node_class
class OptionalValue(ElementList):
    """Tensors, or nothing.

    Attributes:
        items: the tensors.
        present: False when there is nothing; a bool where known when compiling, else a boolean scalar.
    """

    __slots__ = ("items", "present")

    def __init__(self, items: tuple[Any, ...], present: Any = True) -> None:
        self.items = items
        self.present = present

    def tree_flatten(self) -> tuple[tuple[Any, ...], Any]:
        """Children and static data, for JAX."""
        known = isinstance(self.present, bool)
        return (self.items,) if known else (self.items, self.present), self.present if known else None

    @classmethod
    def tree_unflatten(cls, static: Any, children: tuple[Any, ...]) -> OptionalValue:
        """The inverse of `tree_flatten`."""
        return cls(children[0], children[1] if static is None else static)

    def zeros(self) -> OptionalValue:
        """Zeros of the same shapes."""
        return OptionalValue(tuple(map(_zero_element, self.items)), self.present)

    def add(self, other: OptionalValue) -> OptionalValue:
        """The sum of the tensors; nothing counts as zeros."""
        if not self.items or not other.items:
            return self if self.items else other
        return OptionalValue(tuple(_sum(a, b) for a, b in zip(self.items, other.items, strict=True)), self.present)


@jax.tree_util.register_pytree_node_class
class Undefined:
    """The value of a branch's output that another branch alone gives, and that nothing reads when this one ran."""

    __slots__ = ()

    dtype = _OBJECT
    shape: tuple[int, ...] = ()

    def tree_flatten(self) -> tuple[tuple[Any, ...], None]:
        """No children, for JAX."""
        return (), None

    @classmethod
    def tree_unflatten(cls, static: None, children: tuple[Any, ...]) -> Undefined:
        """The inverse of `tree_flatten`."""
        return cls()


def on_host(value: Any) -> Any:
    """A list in the form of the host; other values as they are."""
    if not isinstance(value, StackedList):
        return value
    length = int(value.length)
    if value.items is None:
        return HostList([None] * length)
    return HostList([on_host(value.get(i, None, None)) for i in range(length)])


def stacked(value: Any) -> Any:
    """A list in the form for compiled code, with room for its elements; other values as they are.

    Raises:
        NotCompilable: its elements differ in shape, or are strings.
    """
    if not isinstance(value, HostList):
        return value
    if any(leaf.dtype.kind == "O" for leaf in jax.tree.leaves(value)):
        raise NotCompilable("the elements of a list are strings")
    elements = [stacked(item) for item in value.items]
    present = [item for item in elements if item is not None]
    if not present:
        return StackedList(None, len(elements), len(elements) or None)
    if any(_form(item) != _form(present[0]) for item in present):
        raise NotCompilable("the elements of a list differ in shape")
    filled = [jax.tree.map(jnp.zeros_like, present[0]) if item is None else item for item in elements]
    return StackedList(jax.tree.map(lambda *leaves: jnp.stack(leaves), *filled), len(elements), len(elements))


def _form(element: Any) -> Any:
    return jax.tree.structure(element), [np.shape(leaf) for leaf in jax.tree.leaves(element)]


def _updated(items: Any, index: Any, element: Any) -> Any:
    if _form(element) != (jax.tree.structure(items), [np.shape(leaf)[1:] for leaf in jax.tree.leaves(items)]):
        raise NotCompilable("the elements of a list differ in shape")
    return jax.tree.map(
        lambda buffer, leaf: jax.lax.dynamic_update_index_in_dim(buffer, jnp.asarray(leaf, buffer.dtype), index, 0), items, element
    )


def _zeros(shape: Shape, dtype: Any) -> Any:
    if shape is None:
        raise InvalidArgumentError("the shape of an element that was never set is unknown; give the list an element shape")
    return np.zeros(shape, dtype)


def _zero_element(item: Any) -> Any:
    if isinstance(item, ElementList):
        return item.zeros()  # type: ignore[attr-defined]
    return None if item is None else np.zeros_like(item)


def _sum(a: Any, b: Any) -> Any:
    if a is None or b is None:
        return b if a is None else a
    return a.add(b) if isinstance(a, ElementList) else a + b  # type: ignore[attr-defined]
