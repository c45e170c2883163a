"""Stages and cursors: a stage describes one step of a pipeline and never changes; a cursor is one pass over its elements.

A stage knows its inputs, what its elements are, and how many there are. `Run.open` starts a pass: cursors pull elements from
the cursors of their inputs, one at a time (`next`) or as many as fit into one block of memory (`next_block`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar

import numpy as np

from headrace.core.errors import InvalidArgumentError, OpError, UnimplementedError
from headrace.core.memory import empty
from headrace.core.shapes import TensorShape
from headrace.data.pipeline.elements import Element, flat_specs
from headrace.data.pipeline.options import Options
from headrace.dispatch.lists import ElementList
from headrace.dispatch.tensor import GraphTensor

INFINITE = -1
UNKNOWN = -2

State = Any
"""The position of a cursor: numbers, strings, arrays, lists and dicts of these."""


class Exhausted(Exception):
    """A cursor has no more elements."""


class Cursor:
    """One pass over the elements of a stage. Used by one thread at a time."""

    __slots__ = ("inputs",)

    def __init__(self, *inputs: Cursor) -> None:
        self.inputs = inputs

    def next(self) -> Element:
        """The next element.

        Raises:
            Exhausted: there is none.
        """
        raise NotImplementedError

    def next_block(self, count: int) -> Block:
        """Up to `count` elements stacked; fewer only where the elements end. None at all: Exhausted.

        Raises:
            Exhausted: there are no more elements.
            InvalidArgumentError: the shapes of the elements differ.
        """
        rows = []
        try:
            for _ in range(count):
                rows.append(self.next())
        except Exhausted:
            if not rows:
                raise
        return Block.of(rows)

    def rows(self) -> Rows | None:
        """What is left of the elements, where each is at hand by its number; None elsewhere. The cursor is then used no more."""
        return None

    def state(self) -> State:
        """The position, from which `restore` goes on.

        Raises:
            UnimplementedError: the stage has no position that can be kept.
        """
        raise UnimplementedError("this pipeline has no position that could be saved: one of its sources cannot be asked for it")

    def restore(self, state: State) -> None:
        """Goes to the position that `state` gave; called on a fresh cursor."""
        raise UnimplementedError(f"{type(self).__name__} cannot be restored")

    def busy(self) -> float:
        """The seconds that threads of this cursor itself have worked."""
        return 0.0

    def tuning(self) -> str:
        """What was chosen while going on, for profiles; empty where nothing is."""
        return ""

    def close(self) -> None:
        """Ends threads and files of this cursor and of its inputs. The cursor is then used no more."""
        for cursor in self.inputs:
            cursor.close()


class Rows:
    """Elements at hand by number.

    Attributes:
        count: how many there are.
        take: the elements of some numbers (an int array), stacked.
        one: the element of one number.
    """

    __slots__ = ("count", "one", "take")

    def __init__(self, count: int, take: Callable[[Any], Element], one: Callable[[int], Element]) -> None:
        self.count, self.take, self.one = count, take, one


class Block:
    """Several elements: each component stacked along a new first axis.

    Attributes:
        count: the number of elements.
        parts: the stacked components.
    """

    __slots__ = ("count", "parts")

    def __init__(self, count: int, parts: Element) -> None:
        self.count, self.parts = count, parts

    @classmethod
    def of(cls, rows: Sequence[Element]) -> Block:
        """Elements stacked.

        Raises:
            InvalidArgumentError: their shapes differ.
        """
        return cls(len(rows), tuple(stack(column, i) for i, column in enumerate(zip(*rows, strict=True))))

    @classmethod
    def joined(cls, blocks: Sequence[Block]) -> Block:
        """Blocks one after the other.

        Raises:
            InvalidArgumentError: the shapes of their elements differ.
        """
        if len(blocks) == 1:
            return blocks[0]
        columns = zip(*(block.parts for block in blocks), strict=True)
        try:
            parts = tuple(np.concatenate(column) for column in columns)
        except ValueError:
            raise InvalidArgumentError(
                f"cannot batch elements of different shapes: {[[p.shape[1:] for p in b.parts] for b in blocks]}; use padded_batch"
                " or ragged_batch"
            ) from None
        return cls(sum(block.count for block in blocks), parts)

    def elements(self) -> Iterator[Element]:
        """The elements one by one."""
        for i in range(self.count):
            yield tuple(row(part, i) for part in self.parts)


def row(array: Any, index: int) -> Any:
    """One row of an array as a component."""
    item = array[index]
    if isinstance(item, np.ndarray | np.generic):
        return item
    boxed = np.empty((), object)
    boxed[()] = item
    return boxed


def stack(column: Sequence[Any], position: int) -> Any:
    """One component of several elements as one array.

    Raises:
        InvalidArgumentError: their shapes differ.
    """
    first = column[0]
    if isinstance(first, ElementList):
        raise InvalidArgumentError(f"cannot batch component {position}: it is a dataset or an optional, not a tensor")
    shape = first.shape
    if any(item.shape != shape for item in column):
        other = next(item.shape for item in column if item.shape != shape)
        raise InvalidArgumentError(
            "Cannot batch tensors with different shapes in component"
            f" {position}. First element had shape {list(shape)} and another had shape {list(other)};"
            " use padded_batch or ragged_batch"
        )
    if not shape and first.dtype.kind != "O":
        return np.array(column, first.dtype)
    stacked = empty((len(column), *shape), first.dtype)
    if not shape:
        stacked[:] = [item[()] for item in column]
        return stacked
    for index, item in enumerate(column):
        stacked[index] = item
    return stacked


class Run:
    """What the cursors of one pass share.

    Attributes:
        options: those of the dataset.
        watch: called with each stage and its cursor; gives the cursor to use. Profiling and the naming of stages in errors
            come in there.
    """

    def __init__(self, options: Options, watch: Callable[[Stage, Cursor], Cursor] | None = None) -> None:
        self.options = options
        self._watch = watch

    def open(self, stage: Stage) -> Cursor:
        """A new pass over a stage."""
        cursor = stage.start(self)
        return cursor if self._watch is None else self._watch(stage, cursor)


class Stage:
    """One step of a pipeline.

    Attributes:
        inputs: the stages that it reads.
        element_spec: the structure of its elements.
        kind: its name, as in the method that makes it.
    """

    kind: ClassVar[str] = ""

    def __init__(self, inputs: Sequence[Stage], element_spec: Any) -> None:
        self.inputs = tuple(inputs)
        self.element_spec = element_spec

    @property
    def name(self) -> str:
        """What messages and profiles call this stage."""
        return self.kind

    def cardinality(self) -> int:
        """The number of elements, INFINITE or UNKNOWN."""
        return UNKNOWN

    def start(self, run: Run) -> Cursor:
        """A new pass over the elements."""
        raise NotImplementedError

    def check(self) -> None:
        """Checks parameters that may have been symbolic when the stage was made.

        Raises:
            InvalidArgumentError: a parameter is wrong.
        """

    def options(self) -> Options:
        """The options of the pipeline up to here; those set later count."""
        merged = Options()
        for stage in self.inputs:
            merged = merged.merge(stage.options())
        return merged

    @property
    def specs(self) -> list[Any]:
        """The specs of the components of an element."""
        return flat_specs(self.element_spec)


class Bindable:
    """What a stage holds besides numbers and arrays, and that may hold symbolic tensors."""


_OPAQUE = frozenset({"element_spec", "elements", "kept"})
"""Attributes that hold no symbolic tensors, and may be long."""


def symbols(value: Any) -> list[GraphTensor]:
    """The symbolic tensors in a stage (or anything that a stage holds), each once."""
    found: dict[int, GraphTensor] = {}

    def look(item: Any) -> None:
        if isinstance(item, GraphTensor):
            found[id(item)] = item
        elif type(item) in (tuple, list):
            for part in item:
                look(part)
        elif isinstance(item, Stage | Bindable):
            for key, part in vars(item).items():
                if key not in _OPAQUE:
                    look(part)

    look(value)
    return list(found.values())


def bound(value: Any, arrays: dict[int, Any]) -> Any:
    """A stage with arrays in place of its symbolic tensors, which go by their identity; itself where it has none."""
    if isinstance(value, GraphTensor):
        return arrays[id(value)]
    if type(value) in (tuple, list):
        parts = [bound(item, arrays) for item in value]
        same = all(part is item for part, item in zip(parts, value, strict=True))
        return value if same else type(value)(parts)
    if not isinstance(value, Stage | Bindable):
        return value
    twin: Any = None
    for key, item in vars(value).items():
        part = item if key in _OPAQUE else bound(item, arrays)
        if part is not item:
            if twin is None:
                twin = object.__new__(type(value))
                vars(twin).update(vars(value))
            setattr(twin, key, part)
    if isinstance(twin, Stage):
        twin.check()
    return value if twin is None else twin


def annotate(error: Exception, place: str) -> None:
    """Adds to an error the stage that it came from; the class and the object stay."""
    if isinstance(error, OpError):
        error.message = f"{error.message} [in {place}]"
        error.args = (error.message,)
    else:
        error.add_note(f"in {place} of a tf.data pipeline")


def number(value: Any, name: str) -> Any:
    """A parameter that is one integer: an int, or a symbolic tensor.

    Raises:
        TypeError: it is no integer.
        ValueError: it is not one number.
    """
    if isinstance(value, GraphTensor):
        return value
    if isinstance(value, bool | str | bytes | float):
        raise TypeError(f"{name} must be an integer; got {value!r}")
    array = np.asarray(value)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name} must be an integer; got {value!r}")
    if array.size != 1:
        raise ValueError(f"{name} must be a scalar; got the shape {TensorShape(array.shape)}")
    return int(array.reshape(()))


def known(value: Any) -> bool:
    """False for a parameter that is symbolic, and whose value comes later."""
    return not isinstance(value, GraphTensor)
