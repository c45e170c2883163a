"""Elements grouped into datasets: window and group_by_window."""

from __future__ import annotations

import collections
from typing import Any

import numpy as np

from headrace.core.errors import InvalidArgumentError
from headrace.data.pipeline.batching import Batch
from headrace.data.pipeline.composites import by_leaf, is_dense
from headrace.data.pipeline.elements import Element
from headrace.data.pipeline.functions import TracedFunction, called
from headrace.data.pipeline.sources import Listed
from headrace.data.pipeline.stage import INFINITE, UNKNOWN, Cursor, Exhausted, Run, Stage, State, known, stack
from headrace.ops.iteration.iterators import DatasetValue


class Window(Stage):
    """Runs of elements, each a dataset; in a structure each leaf becomes one.

    Args:
        source: the input.
        element_spec: a DatasetSpec in place of each leaf.
        numbers: how many elements a window has, how many lie between the beginnings of two windows, and between two elements of
            one.
        drop_remainder: leaves out windows with fewer elements.
        as_dataset: a stage as the value of an element.
    """

    kind = "window"

    def __init__(
        self, source: Stage, element_spec: Any, numbers: tuple[Any, Any, Any], drop_remainder: bool, as_dataset: Any
    ) -> None:
        super().__init__((source,), element_spec)
        self._numbers = numbers
        self._drop = drop_remainder
        self._as_dataset = as_dataset
        self.check()

    @property
    def size(self) -> Any:
        """How many elements a window has."""
        return self._numbers[0]

    def check(self) -> None:
        """See Stage.check."""
        for name, value in zip(("size", "shift", "stride"), self._numbers, strict=True):
            if known(value) and value < 1:
                raise InvalidArgumentError(f"window needs a {name} greater than zero; got {value}")

    def cardinality(self) -> int:
        """See Stage.cardinality."""
        total = self.inputs[0].cardinality()
        if total < 0 or not all(map(known, self._numbers)):
            return total if total < 0 else UNKNOWN
        size, shift, stride = self._numbers
        if not self._drop:
            return int(-(-total // shift))
        rest = total - ((size - 1) * stride + 1)
        return 0 if rest < 0 else int(rest // shift + 1)

    def start(self, run: Run) -> Cursor:
        """See Stage.start."""
        leaves = by_leaf(self.inputs[0].element_spec)
        return _WindowCursor(run.open(self.inputs[0]), leaves, self._numbers, self._drop, self._as_dataset)


class _WindowCursor(Cursor):
    __slots__ = ("_as_dataset", "_buffer", "_drop", "_leaves", "_numbers", "_skip")

    def __init__(self, source: Cursor, leaves: Any, numbers: tuple[int, int, int], drop: bool, as_dataset: Any) -> None:
        super().__init__(source)
        self._leaves, self._numbers, self._drop, self._as_dataset = leaves, numbers, drop, as_dataset
        self._buffer: collections.deque[Element] = collections.deque()
        self._skip = 0

    def next(self) -> Element:
        """See Cursor.next."""
        chosen = self.chosen()
        return tuple(self._as_dataset(Listed(leaf, [e[place] for e in chosen])) for leaf, place in self._leaves)

    def chosen(self) -> list[Element]:
        """The elements of the next window.

        Raises:
            Exhausted: there is none.
        """
        size, shift, stride = self._numbers
        span = (size - 1) * stride + 1
        try:
            while self._skip:
                self.inputs[0].next()
                self._skip -= 1
            while len(self._buffer) < span:
                self._buffer.append(self.inputs[0].next())
        except Exhausted:
            if not self._buffer or self._drop:
                raise
        chosen = [self._buffer[i] for i in range(0, min(span, len(self._buffer)), stride)]
        self._skip = max(0, shift - len(self._buffer))
        for _ in range(min(shift, len(self._buffer))):
            self._buffer.popleft()
        return chosen

    def state(self) -> State:
        """See Cursor.state."""
        return [self._skip, [list(element) for element in self._buffer], self.inputs[0].state()]

    def restore(self, state: State) -> None:
        """See Cursor.restore."""
        self._skip, buffer, source = state
        self._buffer.extend(tuple(element) for element in buffer)
        self.inputs[0].restore(source)


class BatchedWindows(Stage):
    """What `window(...).flat_map(lambda w: w.batch(n))` gives, without a dataset for each window.

    Args:
        windows: the windows.
        batch: the batch that the function makes of a window; it holds all of it.
        name: the function's.
    """

    kind = "flat_map"

    def __init__(self, windows: Window, batch: Batch, name: str) -> None:
        super().__init__((windows,), batch.element_spec)
        self._batch = batch
        self._function = name

    @property
    def name(self) -> str:
        """See Stage.name."""
        return f"flat_map({self._function})"

    def cardinality(self) -> int:
        """As of any flat_map."""
        size = self.inputs[0].cardinality()
        return size if size in (0, INFINITE) else UNKNOWN

    def start(self, run: Run) -> Cursor:
        """See Stage.start."""
        windows = self.inputs[0].start(run)
        assert isinstance(windows, _WindowCursor)
        return _BatchedWindowsCursor(windows, self._batch.size if self._batch.drop else 0)


def batched_windows(source: Stage, function: TracedFunction) -> Stage | None:
    """The shorter form of a flat_map whose function does nothing but batch a window; None for others."""
    graph = function.graph
    if not isinstance(source, Window) or len(graph.nodes) != 1 or graph.nodes[0].op != "_Dataset":
        return None
    batch = graph.nodes[0].attrs["recipe"].stage
    plain = type(batch) is Batch and batch.inputs[0].kind == "dataset" and is_dense(source.inputs[0].element_spec)
    if not plain or len(by_leaf(source.inputs[0].element_spec)) != 1:
        return None
    whole = known(batch.size) and known(source.size) and batch.size >= source.size
    return BatchedWindows(source, batch, function.name) if whole else None


class _BatchedWindowsCursor(Cursor):
    __slots__ = ("_least", "_windows")

    def __init__(self, windows: _WindowCursor, least: int) -> None:
        super().__init__(windows)
        self._windows = windows
        self._least = least

    def next(self) -> Element:
        """See Cursor.next."""
        while True:
            chosen = self._windows.chosen()
            if len(chosen) >= self._least:
                return tuple(stack(column, 0) for column in zip(*chosen, strict=True))

    def state(self) -> State:
        """See Cursor.state."""
        return self._windows.state()

    def restore(self, state: State) -> None:
        """See Cursor.restore."""
        self._windows.restore(state)


class GroupByWindow(Stage):
    """Elements collected by key; what a function makes of each full group.

    Args:
        source: the input.
        key: gives the key of an element, a scalar integer.
        reduce: makes a dataset of the key and of the dataset of a group.
        size: gives the size of the groups of a key.
        element_spec: of the dataset that `reduce` makes.
        as_dataset: a stage as the value of an element.
    """

    kind = "group_by_window"

    def __init__(
        self, source: Stage, key: TracedFunction, reduce: TracedFunction, size: TracedFunction, element_spec: Any, as_dataset: Any
    ) -> None:
        super().__init__((source,), element_spec)
        self._functions = (key, reduce, size)
        self._as_dataset = as_dataset

    def cardinality(self) -> int:
        """Unknown, but for inputs without end."""
        return INFINITE if self.inputs[0].cardinality() == INFINITE else UNKNOWN

    def start(self, run: Run) -> Cursor:
        """See Stage.start."""
        return _GroupCursor(run, run.open(self.inputs[0]), self)

    def key_of(self, element: Element, position: int) -> int:
        """The key of an element."""
        (key,) = called(self._functions[0], element, position)
        return int(key)

    def size_of(self, key: int) -> int:
        """How many elements a group of this key has.

        Raises:
            InvalidArgumentError: the function gives a number less than 1.
        """
        (size,) = called(self._functions[2], (np.int64(key),), 0)
        if size < 1:
            raise InvalidArgumentError(f"Window size must be greater than zero, but got {int(size)}; the key is {key}")
        return int(size)

    def made_of(self, key: int, elements: list[Element]) -> Stage:
        """What the function makes of a group."""
        group: DatasetValue = self._as_dataset(Listed(self.inputs[0].element_spec, elements))
        (dataset,) = called(self._functions[1], (np.int64(key), group), 0)
        stage: Stage = dataset.stage
        return stage


class _GroupCursor(Cursor):
    __slots__ = ("_current", "_done", "_given", "_groups", "_run", "_stage")

    def __init__(self, run: Run, source: Cursor, stage: GroupByWindow) -> None:
        super().__init__(source)
        self._run = run
        self._stage = stage
        self._groups: dict[int, list[Element]] = {}
        self._current: Cursor | None = None
        self._given: tuple[int, list[Element]] = (0, [])
        self._done = 0

    def _flush(self, key: int) -> None:
        self._given = key, self._groups.pop(key)
        self._current = self._run.open(self._stage.made_of(*self._given))

    def next(self) -> Element:
        """See Cursor.next."""
        while True:
            if self._current is not None:
                try:
                    return self._current.next()
                except Exhausted:
                    self._current.close()
                    self._current = None
            try:
                element = self.inputs[0].next()
            except Exhausted:
                if not self._groups:
                    raise
                self._flush(min(self._groups))
                continue
            key = self._stage.key_of(element, self._done)
            self._done += 1
            group = self._groups.setdefault(key, [])
            group.append(element)
            if len(group) >= self._stage.size_of(key):
                self._flush(key)

    def state(self) -> State:
        """See Cursor.state."""
        groups = [[key, [list(element) for element in group]] for key, group in self._groups.items()]
        current = None
        if self._current is not None:
            current = [self._given[0], [list(element) for element in self._given[1]], self._current.state()]
        return [self._done, groups, current, self.inputs[0].state()]

    def restore(self, state: State) -> None:
        """See Cursor.restore."""
        self._done, groups, current, source = state
        self._groups = {key: [tuple(element) for element in group] for key, group in groups}
        self.inputs[0].restore(source)
        if current is not None:
            key, group, position = current
            self._given = key, [tuple(element) for element in group]
            self._current = self._run.open(self._stage.made_of(*self._given))
            self._current.restore(position)

    def close(self) -> None:
        """See Cursor.close."""
        if self._current is not None:
            self._current.close()
        super().close()
