"""Iterators: over the elements of a dataset, eagerly, as numpy arrays, or inside a graph."""

from __future__ import annotations

import functools
import threading
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from headrace.core import dtypes
from headrace.core.errors import InvalidArgumentError, OutOfRangeError
from headrace.core.spec import CompositeSpec, CompositeTensor, TensorSpec
from headrace.data.pipeline.elements import Element, are_subtypes, assembled, flat_specs, map_leaves, most_general, to_user
from headrace.data.pipeline.packing import pack, unpack
from headrace.data.pipeline.stage import Cursor, Exhausted, Run, Stage
from headrace.dispatch import context
from headrace.dispatch.tensor import ResourceTensor, Tensor
from headrace.ops.iteration.iterators import (
    DatasetValue,
    IteratorResource,
    iterator_get_next,
    iterator_get_next_as_optional,
    iterator_has_next,
)
from headrace.state.tracking import PositionOwner
from headrace.trace.optional import Optional

Watch = Callable[[Stage, Cursor], Cursor]


class Pull:
    """The elements of one pass, one at a time and for one caller at a time; ends its threads when it goes."""

    def __init__(self, stage: Stage, watch: Watch | None = None) -> None:
        self.element_spec = stage.element_spec
        self._lock = threading.Lock()
        self._cursor = Run(stage.options(), watch).open(stage)
        self._ahead: list[Element] = []
        self._close = weakref.finalize(self, self._cursor.close)

    def take(self) -> Element | None:
        """See ops.iteration.iterators.Source."""
        with self._lock:
            return self._ahead.pop() if self._ahead else self._advance()

    def _advance(self) -> Element | None:
        try:
            return self._cursor.next()
        except Exhausted:
            self._close()
            self._cursor = _ENDED
            return None

    def has_next(self) -> bool:
        """See ops.iteration.iterators.Source."""
        with self._lock:
            if not self._ahead:
                element = self._advance()
                if element is None:
                    return False
                self._ahead.append(element)
            return True

    def close(self) -> None:
        """Ends the pass."""
        with self._lock:
            self._close()
            self._cursor = _ENDED

    def state(self) -> Any:
        """The position of the pass."""
        with self._lock:
            cursor = None if self._cursor is _ENDED else self._cursor.state()
            return [[list(element) for element in self._ahead], cursor]

    def restore(self, stage: Stage, state: Any) -> None:
        """Begins a new pass over the stage, from a position."""
        with self._lock:
            self._close()
            ahead, position = state
            self._ahead = [tuple(element) for element in ahead]
            self._cursor = _ENDED
            if position is not None:
                self._cursor = Run(stage.options()).open(stage)
                self._close = weakref.finalize(self, self._cursor.close)
                self._cursor.restore(position)


class _Ended(Cursor):
    __slots__ = ()

    def next(self) -> Element:
        """See Cursor.next."""
        raise Exhausted


_ENDED = _Ended()


MOST_UNROLLED = 32
"""How often Python may take the next element while a graph is traced, as in TensorFlow: more is a loop without an end."""


class IteratorSpec(CompositeSpec):
    """The spec of an iterator: what its elements are."""

    __slots__ = ("_hash", "element_spec")

    def __init__(self, element_spec: Any) -> None:
        self.element_spec = element_spec
        self._hash = hash((IteratorSpec, tuple(flat_specs(element_spec))))

    @property
    def component_specs(self) -> tuple[TensorSpec, ...]:
        """One handle."""
        return (TensorSpec((), dtypes.resource),)

    def components(self, value: Any) -> list[Any]:
        """The handle."""
        return [value.handle]

    def from_components(self, components: list[Any]) -> Any:
        """The iterator behind a handle."""
        return OwnedIterator(components[0], self.element_spec)

    def is_compatible_with(self, value: Any) -> bool:
        """True for iterators over such elements."""
        spec = value.type_spec if isinstance(value, CompositeTensor) else value
        return isinstance(spec, IteratorSpec) and are_subtypes(spec.element_spec, self.element_spec)

    def is_subtype_of(self, other: Any) -> bool:
        """True when all such elements are also those of `other`."""
        return isinstance(other, IteratorSpec) and are_subtypes(self.element_spec, other.element_spec)

    def most_general(self, other: Any) -> CompositeSpec | None:
        """The narrowest spec of both."""
        spec = most_general(self.element_spec, other.element_spec) if isinstance(other, IteratorSpec) else None
        return None if spec is None else IteratorSpec(spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, IteratorSpec) and self.is_subtype_of(other) and other.is_subtype_of(self)

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        return f"IteratorSpec({self.element_spec!r})"


class OwnedIterator(CompositeTensor, PositionOwner):
    """An iterator over a dataset; what `iter(dataset)` gives, and what a tf.function gets as an argument."""

    def __init__(self, handle: Tensor, element_spec: Any, stage: Stage | None = None) -> None:
        self._handle = handle
        self._element_spec = element_spec
        self._stage = stage
        self._spec = IteratorSpec(element_spec)
        self._specs = flat_specs(element_spec)
        self._unrolled = 0
        self._unrolled_in: weakref.ref[Any] | None = None
        self._source = handle.array.source if isinstance(handle, ResourceTensor) else None  # type: ignore[attr-defined]

    @classmethod
    def over(cls, stage: Stage, watch: Watch | None = None) -> OwnedIterator:
        """A new iterator over the elements of a stage."""
        pull = Pull(stage, watch)
        return cls(ResourceTensor(IteratorResource(pull)), stage.element_spec, stage)

    @property
    def handle(self) -> Tensor:
        """The handle that the ops take."""
        return self._handle

    @property
    def element_spec(self) -> Any:
        """The structure of the elements."""
        return self._element_spec

    @property
    def dtype(self) -> dtypes.DType:
        """tf.resource."""
        return dtypes.resource

    @property
    def type_spec(self) -> IteratorSpec:
        """The spec of this iterator, always the same object: traces are looked up by it."""
        return self._spec

    _type_spec = type_spec

    def trackable_children(self) -> dict[str, Any]:
        """None: the position is the iterator's own state."""
        return {}

    def __iter__(self) -> OwnedIterator:
        return self

    def __next__(self) -> Any:
        if self._source is None or not context.executing_eagerly():
            self._count_unrolled()
            return self._get_next_in_graph()
        element = self._source.take()
        if element is None:
            raise StopIteration
        return to_user(element, self._element_spec)

    def _count_unrolled(self) -> None:
        """Counts the elements that Python takes for one graph.

        Raises:
            ValueError: they are more than a program would write out.
        """
        tracing = context.state().executor
        if self._unrolled_in is None or self._unrolled_in() is not tracing:
            self._unrolled, self._unrolled_in = 0, weakref.ref(tracing)
        self._unrolled += 1
        if self._unrolled > MOST_UNROLLED:
            raise ValueError(
                f"an iterator was asked for more than {MOST_UNROLLED} elements while one graph was traced: a Python loop over a"
                " dataset does not end there; let AutoGraph convert the function that holds the loop, or use Dataset.reduce"
            )

    def get_next(self, name: str | None = None) -> Any:
        """The next element.

        Raises:
            OutOfRangeError: there are no more elements.
        """
        if self._source is None or not context.executing_eagerly():
            return self._get_next_in_graph()
        element = self._source.take()
        if element is None:
            raise OutOfRangeError("End of sequence", op="IteratorGetNext")
        return to_user(element, self._element_spec)

    def get_next_as_optional(self, name: str | None = None) -> Any:
        """The next element as a tf.experimental.Optional, which is empty at the end."""
        if self._source is None or not context.executing_eagerly():
            types, shapes = self._signature()
            optional = iterator_get_next_as_optional(self._handle, output_types=types, output_shapes=shapes)
            return Optional(optional, self._element_spec)
        element = self._source.take()
        return Optional.empty(self._element_spec) if element is None else Optional.from_value(to_user(element, self._element_spec))

    def _signature(self) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        return tuple(spec.dtype for spec in self._specs), tuple(spec.shape for spec in self._specs)

    def _get_next_in_graph(self) -> Any:
        types, shapes = self._signature()
        parts = iterator_get_next.all(self._handle, output_types=types, output_shapes=shapes)
        return assembled(self._element_spec, parts)

    def loop_in_graph(self) -> tuple[Callable[[], Tensor], Callable[[], Any]]:
        """What a loop over the elements asks of a graph: whether there is a next one, and that one."""
        return lambda: iterator_has_next(self._handle), self._get_next_in_graph

    def packed_position(self) -> bytes:
        """The position, for checkpoints: buffers of shuffles and prefetches are part of it.

        Raises:
            InvalidArgumentError: the iterator belongs to a graph.
        """
        if not isinstance(self._source, Pull):
            raise InvalidArgumentError("an iterator inside a tf.function cannot be saved; save the one that is passed to it")
        return pack(self._source.state())

    def restore_position(self, blob: bytes) -> None:
        """Goes to a position that `packed_position` gave.

        Raises:
            DataLossError: the position is damaged.
            InvalidArgumentError: it is that of another pipeline.
        """
        if not isinstance(self._source, Pull) or self._stage is None:
            raise InvalidArgumentError("an iterator inside a tf.function cannot be restored; restore the one that is passed to it")
        state = unpack(blob, "the position of an iterator", dataset_value)
        try:
            self._source.restore(self._stage, state)
        except (TypeError, ValueError, KeyError, IndexError, AttributeError) as error:
            raise InvalidArgumentError(f"the position in the checkpoint is not one of this pipeline: {error}") from error

    def __repr__(self) -> str:
        return f"<headrace Iterator over {self._element_spec!r}>"


def dataset_value(stage: Stage) -> DatasetValue:
    """A pipeline as the value of an element or of a variant tensor."""
    return DatasetValue(stage, functools.partial(_iterate, stage))


def _iterate(stage: Stage) -> Any:
    return OwnedIterator.over(stage).handle.array  # type: ignore[attr-defined]


class NumpyIterator:
    """The elements as numpy arrays, in their structure; arrays are not to be written to."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._pull = Pull(stage)
        self._spec = stage.element_spec

    @property
    def element_spec(self) -> Any:
        """The structure of the elements."""
        return self._spec

    def __iter__(self) -> NumpyIterator:
        return self

    def __next__(self) -> Any:
        element = self._pull.take()
        if element is None:
            raise StopIteration
        if isinstance(self._spec, TensorSpec):
            return _plain(element[0])
        rest = iter(element)

        def leaf(spec: Any) -> Any:
            if not isinstance(spec, CompositeSpec):
                return _plain(next(rest))
            made = to_user([next(rest) for _ in spec.component_specs], spec)
            return made.numpy_value() if hasattr(made, "numpy_value") else made

        return map_leaves(leaf, self._spec)


def _plain(component: Any) -> Any:
    if isinstance(component, np.ndarray):
        if component.ndim == 0:
            return component[()]
        component = component.view()
        component.flags.writeable = False
    return component
