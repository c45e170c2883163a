"""shuffle: a buffer from which elements are drawn at random, each replaced by the next of the input."""

from __future__ import annotations

from typing import Any

import numpy as np

from headrace.core.errors import InvalidArgumentError
from headrace.data.pipeline.elements import Element
from headrace.data.pipeline.seeds import Seeds
from headrace.data.pipeline.stage import INFINITE, UNKNOWN, Block, Cursor, Exhausted, Rows, Run, Stage, State, known

_DRAWS = 1024
"""Random numbers are drawn so many at a time."""


class Shuffle(Stage):
    """The elements in random order, within a buffer.

    Elements that are at hand by number (slices, ranges) are shuffled by number alone, and gathered at the end: for
    `shuffle(...).batch(...)` at once. The order is the same either way.
    """

    kind = "shuffle"

    def __init__(self, source: Stage, buffer_size: Any, seeds: Seeds) -> None:
        super().__init__((source,), source.element_spec)
        self._size = buffer_size
        self._seeds = seeds
        self.check()

    def check(self) -> None:
        """See Stage.check."""
        if known(self._size) and self._size < 1 and self._size not in (UNKNOWN,):
            raise InvalidArgumentError(f"buffer_size must be greater than zero, or UNKNOWN_CARDINALITY for all; got {self._size}")

    def cardinality(self) -> int:
        """That of the input."""
        return self.inputs[0].cardinality()

    def start(self, run: Run) -> Cursor:
        """See Stage.start."""
        size = None if self._size == UNKNOWN else self._size
        if size is None and self.inputs[0].cardinality() == INFINITE:
            raise InvalidArgumentError("shuffle with an unlimited buffer needs a finite dataset; got one without end")
        return _ShuffleCursor(run.open(self.inputs[0]), size, self._seeds)


class _ShuffleCursor(Cursor):
    __slots__ = ("_buffer", "_drawn", "_ended", "_fed", "_generator", "_limit", "_pass", "_rows", "_seeds")

    def __init__(self, source: Cursor, limit: int | None, seeds: Seeds) -> None:
        super().__init__(source)
        self._limit = limit
        self._seeds = seeds
        self._pass = seeds.next_pass()
        self._generator = seeds.of_pass(self._pass)
        self._rows: Rows | None = source.rows()
        self._buffer: list[Any] = []
        self._ended = False
        self._fed = 0
        self._drawn: list[float] = []

    def _feed(self) -> Any:
        """The next of the input: an element, or its number."""
        if self._rows is None:
            return self.inputs[0].next()
        if self._fed >= self._rows.count:
            raise Exhausted
        self._fed += 1
        return self._fed - 1

    def _fill(self) -> None:
        buffer = self._buffer
        if self._rows is not None:
            room = self._rows.count if self._limit is None else self._limit - len(buffer)
            stop = min(self._fed + room, self._rows.count)
            buffer.extend(range(self._fed, stop))
            self._fed = stop
            self._ended = stop == self._rows.count
            return
        try:
            while self._limit is None or len(buffer) < self._limit:
                buffer.append(self._feed())
        except Exhausted:
            self._ended = True

    def _draw(self) -> Any:
        """One of the buffer, replaced by the next of the input."""
        buffer = self._buffer
        if not self._ended and (self._limit is None or len(buffer) < self._limit):
            self._fill()
        if not buffer:
            raise Exhausted
        if not self._drawn:
            self._drawn = self._generator.random(_DRAWS).tolist()
        position = int(self._drawn.pop() * len(buffer))
        item = buffer[position]
        if not self._ended:
            try:
                buffer[position] = self._feed()
                return item
            except Exhausted:
                self._ended = True
        last = buffer.pop()
        if position < len(buffer):
            buffer[position] = last
        return item

    def next(self) -> Element:
        """See Cursor.next."""
        item = self._draw()
        return item if self._rows is None else self._rows.one(item)

    def next_block(self, count: int) -> Block:
        """See Cursor.next_block."""
        if self._rows is None:
            return super().next_block(count)
        numbers = []
        try:
            for _ in range(count):
                numbers.append(self._draw())
        except Exhausted:
            if not numbers:
                raise
        return Block(len(numbers), self._rows.take(np.array(numbers, np.intp)))

    def state(self) -> State:
        """See Cursor.state."""
        by_number = self._rows is not None
        buffer = np.array(self._buffer, np.int64) if by_number else [list(item) for item in self._buffer]
        source = None if by_number else self.inputs[0].state()
        generator = self._generator.bit_generator.state
        return [self._seeds.position(), self._pass, generator, list(self._drawn), self._ended, self._fed, buffer, source]

    def restore(self, state: State) -> None:
        """See Cursor.restore."""
        seeds, self._pass, generator, self._drawn, self._ended, self._fed, buffer, source = state
        self._seeds.continue_from(seeds)
        self._generator = self._seeds.of_pass(self._pass)
        self._generator.bit_generator.state = generator
        if self._rows is None:
            self._buffer = [tuple(item) for item in buffer]
            self.inputs[0].restore(source)
        else:
            self._buffer = buffer.tolist()
