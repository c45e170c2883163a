"""Stages that run a user's function on each element: map, filter, flat_map, scan, take_while."""

from __future__ import annotations

from typing import Any

from headrace.core import dtypes
from headrace.core.spec import TensorSpec
from headrace.data.pipeline.elements import Element
from headrace.data.pipeline.functions import TracedFunction, called
from headrace.data.pipeline.stage import INFINITE, UNKNOWN, Block, Cursor, Exhausted, Run, Stage, State


class Map(Stage):
    """A function of each element, one after the other."""

    kind = "map"

    def __init__(self, source: Stage, function: TracedFunction) -> None:
        super().__init__((source,), function.output_spec)
        self._function = function

    @property
    def name(self) -> str:
        """See Stage.name."""
        return f"map({self._function.name})"

    def cardinality(self) -> int:
        """That of the input."""
        return self.inputs[0].cardinality()

    def start(self, run: Run) -> Cursor:
        """See Stage.start."""
        vectorize = run.options.experimental_optimization.map_vectorization is not False
        return MapCursor(run.open(self.inputs[0]), self._function, vectorize)


class MapCursor(Cursor):
    __slots__ = ("_done", "_function", "_vectorize")

    def __init__(self, source: Cursor, function: TracedFunction, vectorize: bool) -> None:
        super().__init__(source)
        self._function = function
        self._vectorize = vectorize
        self._done = 0

    def next(self) -> Element:
        """See Cursor.next."""
        result = called(self._function, self.inputs[0].next(), self._done)
        self._done += 1
        return result

    def next_block(self, count: int) -> Block:
        """See Cursor.next_block; a pure function of known shapes runs on the whole block."""
        prepared = self._function.prepared
        if not (self._vectorize and prepared.may_vectorize(count)):
            return super().next_block(count)
        block = self.inputs[0].next_block(count)
        results = self._run_block(block)
        if results is None:
            results = Block.of([called(self._function, e, self._done + i) for i, e in enumerate(block.elements())])
        self._done += block.count
        return results

    def _run_block(self, block: Block) -> Block | None:
        """The function's results for a block at once, where that is possible."""
        return self._function.prepared.run_block(block)

    def state(self) -> State:
        """See Cursor.state."""
        return [self._done, self.inputs[0].state()]

    def restore(self, state: State) -> None:
        """See Cursor.restore."""
        self._done, source = state
        self.inputs[0].restore(source)


def predicate(function: TracedFunction) -> TracedFunction:
    """A traced function that must give one boolean.

    Raises:
        TypeError: it gives something else.
    """
    spec = function.output_spec
    scalar = isinstance(spec, TensorSpec) and spec.dtype is dtypes.bool_ and spec.shape.rank in (0, None)
    if not scalar:
        raise ValueError(f"the predicate of {function.kind} must return a scalar of bool; {function.name} returns {spec!r}")
    return function


class Filter(Stage):
    """The elements for which a predicate is true."""

    kind = "filter"

    def __init__(self, source: Stage, function: TracedFunction) -> None:
        super().__init__((source,), source.element_spec)
        self._function = predicate(function)

    @property
    def name(self) -> str:
        """See Stage.name."""
        return f"filter({self._function.name})"

    def start(self, run: Run) -> Cursor:
        """See Stage.start."""
        return _FilterCursor(run.open(self.inputs[0]), self._function)


class _FilterCursor(Cursor):
    __slots__ = ("_done", "_function")

    def __init__(self, source: Cursor, function: TracedFunction) -> None:
        super().__init__(source)
        self._function = function
        self._done = 0

    def next(self) -> Element:
        """See Cursor.next."""
        source, function = self.inputs[0], self._function
        while True:
            element = source.next()
            (verdict,) = called(function, element, self._done)
            self._done += 1
            if verdict:
                return element

    def state(self) -> State:
        """See Cursor.state."""
        return [self._done, self.inputs[0].state()]

    def restore(self, state: State) -> None:
        """See Cursor.restore."""
        self._done, source = state
        self.inputs[0].restore(source)


class TakeWhile(Stage):
    """The elements up to the first for which a predicate is false."""

    kind = "take_while"

    def __init__(self, source: Stage, function: TracedFunction) -> None:
        super().__init__((source,), source.element_spec)
        self._function = predicate(function)

    @property
    def name(self) -> str:
        """See Stage.name."""
        return f"take_while({self._function.name})"

    def start(self, run: Run) -> Cursor:
        """See Stage.start."""
        return _TakeWhileCursor(run.open(self.inputs[0]), self._function)


class _TakeWhileCursor(Cursor):
    __slots__ = ("_done", "_ended", "_function")

    def __init__(self, source: Cursor, function: TracedFunction) -> None:
        super().__init__(source)
        self._function = function
        self._done = 0
        self._ended = False

    def next(self) -> Element:
        """See Cursor.next."""
        if self._ended:
            raise Exhausted
        element = self.inputs[0].next()
        (verdict,) = called(self._function, element, self._done)
        self._done += 1
        if not verdict:
            self._ended = True
            raise Exhausted
        return element

    def state(self) -> State:
        """See Cursor.state."""
        return [self._done, self._ended, self.inputs[0].state()]

    def restore(self, state: State) -> None:
        """See Cursor.restore."""
        self._done, self._ended, source = state
        self.inputs[0].restore(source)


class Scan(Stage):
    """A function of a state and each element, which gives the next state and an element."""

    kind = "scan"

    def __init__(self, source: Stage, first: tuple[Any, ...], function: TracedFunction) -> None:
        super().__init__((source,), function.output_spec[1])
        self._first = first
        self._function = function

    @property
    def name(self) -> str:
        """See Stage.name."""
        return f"scan({self._function.name})"

    def cardinality(self) -> int:
        """That of the input."""
        return self.inputs[0].cardinality()

    def start(self, run: Run) -> Cursor:
        """See Stage.start."""
        return _ScanCursor(run.open(self.inputs[0]), self._first, self._function)


class _ScanCursor(Cursor):
    __slots__ = ("_done", "_function", "_held")

    def __init__(self, source: Cursor, first: tuple[Any, ...], function: TracedFunction) -> None:
        super().__init__(source)
        self._held = first
        self._function = function
        self._done = 0

    def next(self) -> Element:
        """See Cursor.next."""
        results = called(self._function, (*self._held, *self.inputs[0].next()), self._done)
        self._done += 1
        count = len(self._held)
        self._held = results[:count]
        return results[count:]

    def state(self) -> State:
        """See Cursor.state."""
        return [self._done, list(self._held), self.inputs[0].state()]

    def restore(self, state: State) -> None:
        """See Cursor.restore."""
        self._done, held, source = state
        self._held = tuple(held)
        self.inputs[0].restore(source)


class FlatMap(Stage):
    """The elements of the datasets that a function makes of each element, one dataset after the other.

    Args:
        source: the input.
        function: gives one dataset.
        element_spec: of that dataset.
    """

    kind = "flat_map"

    def __init__(self, source: Stage, function: TracedFunction, element_spec: Any) -> None:
        super().__init__((source,), element_spec)
        self._function = function

    @property
    def name(self) -> str:
        """See Stage.name."""
        return f"flat_map({self._function.name})"

    def cardinality(self) -> int:
        """Unknown, but for inputs that are empty or endless."""
        size = self.inputs[0].cardinality()
        return size if size in (0, INFINITE) else UNKNOWN

    def start(self, run: Run) -> Cursor:
        """See Stage.start."""
        return _FlatMapCursor(run, run.open(self.inputs[0]), self._function)


class _FlatMapCursor(Cursor):
    __slots__ = ("_current", "_done", "_element", "_function", "_run")

    def __init__(self, run: Run, source: Cursor, function: TracedFunction) -> None:
        super().__init__(source)
        self._run = run
        self._function = function
        self._done = 0
        self._current: Cursor | None = None
        self._element: Element = ()

    def _open(self, element: Element) -> Cursor:
        (dataset,) = called(self._function, element, self._done)
        self._element = element
        return self._run.open(dataset.stage)

    def _advance(self) -> Cursor:
        if self._current is None:
            self._current = self._open(self.inputs[0].next())
            self._done += 1
        return self._current

    def _ended(self) -> None:
        assert self._current is not None
        self._current.close()
        self._current = None

    def next(self) -> Element:
        """See Cursor.next."""
        while True:
            try:
                return self._advance().next()
            except Exhausted:
                if self._current is None:
                    raise
                self._ended()

    def next_block(self, count: int) -> Block:
        """See Cursor.next_block; a block may span several datasets."""
        blocks: list[Block] = []
        while count:
            try:
                block = self._advance().next_block(count)
            except Exhausted:
                if self._current is not None:
                    self._ended()
                    continue
                if blocks:
                    break
                raise
            blocks.append(block)
            count -= block.count
        return Block.joined(blocks)

    def state(self) -> State:
        """See Cursor.state."""
        current = None if self._current is None else [list(self._element), self._current.state()]
        return [self._done, current, self.inputs[0].state()]

    def restore(self, state: State) -> None:
        """See Cursor.restore."""
        self._done, current, source = state
        self.inputs[0].restore(source)
        if current is not None:
            element, position = current
            self._current = self._open(tuple(element))
            self._current.restore(position)

    def close(self) -> None:
        """See Cursor.close."""
        if self._current is not None:
            self._current.close()
        super().close()


def reduced(cursor: Cursor, first: Element, function: TracedFunction) -> Element:
    """The state after a function of the state and each element of a cursor."""
    held = first
    done = 0
    while True:
        try:
            element = cursor.next()
        except Exhausted:
            return held
        held = called(function, (*held, *element), done)
        done += 1
