"""Stages that choose and count elements without looking into them: take, skip, repeat, shard, enumerate, zip, concatenate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from headrace.core import dtypes
from headrace.core.errors import FailedPreconditionError, InvalidArgumentError
from headrace.core.spec import TensorSpec
from headrace.data.pipeline.elements import Element, most_general
from headrace.data.pipeline.options import Options
from headrace.data.pipeline.sources import behind
from headrace.data.pipeline.stage import INFINITE, UNKNOWN, Block, Cursor, Exhausted, Rows, Run, Stage, State, known


class Take(Stage):
    """The first elements; a negative count takes all."""

    kind = "take"

    def __init__(self, source: Stage, count: Any) -> None:
        super().__init__((source,), source.element_spec)
        self._count = count

    def cardinality(self) -> int:
        """See Stage.cardinality."""
        size = self.inputs[0].cardinality()
        if not known(self._count) or self._count < 0:
            return size if known(self._count) else UNKNOWN
        if self._count == 0:
            return 0
        return size if size == UNKNOWN else self._count if size == INFINITE else min(size, self._count)

    def start(self, run: Run) -> Cursor:
        """See Stage.start."""
        cursor = run.open(self.inputs[0])
        return cursor if self._count < 0 else _Counted(cursor, 0, self._count)


class Skip(Stage):
    """All but the first elements; a negative count skips all."""

    kind = "skip"

    def __init__(self, source: Stage, count: Any) -> None:
        super().__init__((source,), source.element_spec)
        self._count = count

    def cardinality(self) -> int:
        """See Stage.cardinality."""
        size = self.inputs[0].cardinality()
        if not known(self._count):
            return UNKNOWN
        if self._count < 0:
            return 0
        return size if size < 0 else max(0, size - self._count)

    def start(self, run: Run) -> Cursor:
        """See Stage.start."""
        cursor = run.open(self.inputs[0])
        return _Counted(cursor, 0, 0) if self._count < 0 else _Counted(cursor, self._count, None)


class _Counted(Cursor):
    """Leaves out `skip` elements, then gives `count` of them (None: all)."""

    __slots__ = ("_left", "_skip")

    def __init__(self, source: Cursor, skip: int, count: int | None) -> None:
        super().__init__(source)
        self._skip = skip
        self._left = count

    def _begin(self) -> None:
        source = self.inputs[0]
        while self._skip:
            source.next()
            self._skip -= 1

    def next(self) -> Element:
        """See Cursor.next."""
        if self._skip:
            self._begin()
        if self._left is None:
            return self.inputs[0].next()
        if self._left <= 0:
            raise Exhausted
        element = self.inputs[0].next()
        self._left -= 1
        return element

    def next_block(self, count: int) -> Block:
        """See Cursor.next_block."""
        if self._skip:
            self._begin()
        if self._left is None:
            return self.inputs[0].next_block(count)
        if self._left <= 0:
            raise Exhausted
        block = self.inputs[0].next_block(min(count, self._left))
        self._left -= block.count
        return block

    def rows(self) -> Rows | None:
        """See Cursor.rows."""
        rows = self.inputs[0].rows()
        return None if rows is None else behind(rows, min(self._skip, rows.count), self._left)

    def state(self) -> State:
        """See Cursor.state."""
        return [self._skip, self._left, self.inputs[0].state()]

    def restore(self, state: State) -> None:
        """See Cursor.restore."""
        self._skip, self._left, source = state
        self.inputs[0].restore(source)


class Repeat(Stage):
    """The elements several times over; a count of None or below 0 repeats without end."""

    kind = "repeat"

    def __init__(self, source: Stage, count: Any) -> None:
        super().__init__((source,), source.element_spec)
        self._count = -1 if count is None else count

    def cardinality(self) -> int:
        """See Stage.cardinality."""
        size = self.inputs[0].cardinality()
        if not known(self._count):
            return UNKNOWN
        if self._count < 0:
            return 0 if size == 0 else INFINITE
        if self._count == 0:
            return 0
        return size if size < 0 else size * self._count

    def start(self, run: Run) -> Cursor:
        """See Stage.start."""
        return _RepeatCursor(lambda: run.open(self.inputs[0]), self._count)


class _RepeatCursor(Cursor):
    __slots__ = ("_count", "_cursor", "_fresh", "_open", "_times")

    def __init__(self, start: Callable[[], Cursor], count: int) -> None:
        super().__init__()
        self._open = start
        self._count = count
        self._times = 0
        self._cursor: Cursor | None = None
        self._fresh = True

    def _current(self) -> Cursor:
        if self._times == self._count:
            raise Exhausted
        if self._cursor is None:
            self._cursor = self._open()
        return self._cursor

    def _again(self) -> None:
        """The input has ended. An input without any element ends all."""
        assert self._cursor is not None
        self._cursor.close()
        self._cursor = None
        if self._fresh:
            self._times = self._count
        else:
            self._times += 1
            self._fresh = True

    def next(self) -> Element:
        """See Cursor.next."""
        while True:
            cursor = self._current()
            try:
                element = cursor.next()
            except Exhausted:
                self._again()
                continue
            self._fresh = False
            return element

    def next_block(self, count: int) -> Block:
        """See Cursor.next_block; a block may span the end of a pass."""
        blocks: list[Block] = []
        missing = count
        while missing:
            try:
                cursor = self._current()
            except Exhausted:
                if blocks:
                    break
                raise
            try:
                block = cursor.next_block(missing)
            except Exhausted:
                self._again()
                continue
            self._fresh = False
            blocks.append(block)
            missing -= block.count
        return Block.joined(blocks)

    def state(self) -> State:
        """See Cursor.state."""
        return [self._times, self._fresh, None if self._cursor is None else self._cursor.state()]

    def restore(self, state: State) -> None:
        """See Cursor.restore."""
        self._times, self._fresh, cursor = state
        if cursor is not None:
            self._cursor = self._open()
            self._cursor.restore(cursor)

    def close(self) -> None:
        """See Cursor.close."""
        if self._cursor is not None:
            self._cursor.close()


class Shard(Stage):
    """Every n-th element."""

    kind = "shard"

    def __init__(self, source: Stage, count: Any, index: Any) -> None:
        super().__init__((source,), source.element_spec)
        self._count, self._index = count, index
        self.check()

    def check(self) -> None:
        """See Stage.check."""
        if known(self._count) and self._count < 1:
            raise InvalidArgumentError(f"num_shards must be at least 1; got {self._count}")
        if known(self._index) and known(self._count) and not 0 <= self._index < self._count:
            raise InvalidArgumentError(f"the index of a shard must be in [0, {self._count}); got {self._index}")

    def cardinality(self) -> int:
        """See Stage.cardinality."""
        size = self.inputs[0].cardinality()
        if size < 0 or not (known(self._count) and known(self._index)):
            return size if size < 0 else UNKNOWN
        return max(0, -(-(size - int(self._index)) // int(self._count)))

    def start(self, run: Run) -> Cursor:
        """See Stage.start."""
        return _ShardCursor(run.open(self.inputs[0]), self._count, self._index)


class _ShardCursor(Cursor):
    __slots__ = ("_ahead", "_count", "_index")

    def __init__(self, source: Cursor, count: int, index: int) -> None:
        super().__init__(source)
        self._count, self._index = count, index
        self._ahead = index

    def next(self) -> Element:
        """See Cursor.next."""
        source = self.inputs[0]
        for _ in range(self._ahead):
            source.next()
        element = source.next()
        self._ahead = self._count - 1
        return element

    def rows(self) -> Rows | None:
        """See Cursor.rows."""
        rows = self.inputs[0].rows()
        return None if rows is None else behind(rows, min(self._ahead, rows.count), None, self._count)

    def state(self) -> State:
        """See Cursor.state."""
        return [self._ahead, self.inputs[0].state()]

    def restore(self, state: State) -> None:
        """See Cursor.restore."""
        self._ahead, source = state
        self.inputs[0].restore(source)


class Zip(Stage):
    """Elements of several datasets side by side, until the shortest ends."""

    kind = "zip"

    def __init__(self, sources: Sequence[Stage], element_spec: Any) -> None:
        super().__init__(sources, element_spec)

    def cardinality(self) -> int:
        """See Stage.cardinality."""
        sizes = [stage.cardinality() for stage in self.inputs]
        finite = [size for size in sizes if size != INFINITE]
        if UNKNOWN in finite:
            return UNKNOWN
        return min(finite, default=INFINITE)

    def start(self, run: Run) -> Cursor:
        """See Stage.start."""
        return _ZipCursor(*[run.open(stage) for stage in self.inputs])


class _ZipCursor(Cursor):
    __slots__ = ()

    def next(self) -> Element:
        """See Cursor.next."""
        element: Element = ()
        for source in self.inputs:
            element += source.next()
        return element

    def next_block(self, count: int) -> Block:
        """See Cursor.next_block."""
        blocks = [source.next_block(count) for source in self.inputs]
        least = min(block.count for block in blocks)
        return Block(least, tuple(part[:least] for block in blocks for part in block.parts))

    def rows(self) -> Rows | None:
        """See Cursor.rows."""
        each = [source.rows() for source in self.inputs]
        found = [rows for rows in each if rows is not None]
        if len(found) < len(each):
            return None
        return Rows(
            min(rows.count for rows in found),
            lambda numbers: tuple(part for rows in found for part in rows.take(numbers)),
            lambda i: tuple(part for rows in found for part in rows.one(i)),
        )

    def state(self) -> State:
        """See Cursor.state."""
        return [source.state() for source in self.inputs]

    def restore(self, state: State) -> None:
        """See Cursor.restore."""
        for source, position in zip(self.inputs, state, strict=True):
            source.restore(position)


class Concatenate(Stage):
    """The elements of one dataset after those of another."""

    kind = "concatenate"

    def __init__(self, first: Stage, second: Stage) -> None:
        spec = most_general(first.element_spec, second.element_spec)
        if spec is None:
            raise TypeError(
                "concatenate needs datasets of the same structure and dtypes; got"
                f" {first.element_spec!r} and {second.element_spec!r}"
            )
        super().__init__((first, second), spec)

    def cardinality(self) -> int:
        """See Stage.cardinality."""
        return summed([stage.cardinality() for stage in self.inputs])

    def start(self, run: Run) -> Cursor:
        """See Stage.start."""
        return _ConcatenateCursor(run, self.inputs)


def summed(sizes: Sequence[int]) -> int:
    """The cardinality of datasets one after the other."""
    if INFINITE in sizes:
        return INFINITE
    return UNKNOWN if UNKNOWN in sizes else sum(sizes)


class _ConcatenateCursor(Cursor):
    __slots__ = ("_cursor", "_number", "_run", "_stages")

    def __init__(self, run: Run, stages: Sequence[Stage]) -> None:
        super().__init__()
        self._run, self._stages = run, stages
        self._number = 0
        self._cursor: Cursor | None = None

    def next(self) -> Element:
        """See Cursor.next."""
        while self._number < len(self._stages):
            if self._cursor is None:
                self._cursor = self._run.open(self._stages[self._number])
            try:
                return self._cursor.next()
            except Exhausted:
                self.close()
                self._number += 1
                self._cursor = None
        raise Exhausted

    def state(self) -> State:
        """See Cursor.state."""
        return [self._number, None if self._cursor is None else self._cursor.state()]

    def restore(self, state: State) -> None:
        """See Cursor.restore."""
        self._number, position = state
        if position is not None:
            self._cursor = self._run.open(self._stages[self._number])
            self._cursor.restore(position)

    def close(self) -> None:
        """See Cursor.close."""
        if self._cursor is not None:
            self._cursor.close()


class Numbers(Stage):
    """Numbers from a start by a step, without end."""

    kind = "counter"

    def __init__(self, start: Any, step: Any, dtype: dtypes.DType) -> None:
        super().__init__((), TensorSpec((), dtype))
        self._from, self._step = start, step
        self._kind = dtype.np_dtype

    def cardinality(self) -> int:
        """INFINITE."""
        return INFINITE

    def start(self, run: Run) -> Cursor:
        """See Stage.start."""
        return _NumbersCursor(int(self._from), int(self._step), self._kind)


class _NumbersCursor(Cursor):
    __slots__ = ("_kind", "_next", "_step")

    def __init__(self, start: int, step: int, kind: Any) -> None:
        super().__init__()
        self._next, self._step, self._kind = start, step, kind

    def next(self) -> Element:
        """See Cursor.next."""
        value = self._next
        self._next += self._step
        return (self._kind.type(value),)

    def next_block(self, count: int) -> Block:
        """See Cursor.next_block."""
        first = self._next
        self._next += count * self._step
        return Block(count, ((first + np.arange(count, dtype=np.int64) * self._step).astype(self._kind),))

    def state(self) -> State:
        """See Cursor.state."""
        return self._next

    def restore(self, state: State) -> None:
        """See Cursor.restore."""
        self._next = state


class WithOptions(Stage):
    """The same elements, under options."""

    kind = "with_options"

    def __init__(self, source: Stage, options: Options) -> None:
        super().__init__((source,), source.element_spec)
        self._options = options

    def cardinality(self) -> int:
        """See Stage.cardinality."""
        return self.inputs[0].cardinality()

    def options(self) -> Options:
        """See Stage.options."""
        merged: Options = self.inputs[0].options().merge(self._options)
        return merged

    def start(self, run: Run) -> Cursor:
        """See Stage.start."""
        return run.open(self.inputs[0])


class AssertCardinality(Stage):
    """The same elements, whose number is checked."""

    kind = "assert_cardinality"

    def __init__(self, source: Stage, expected: Any) -> None:
        super().__init__((source,), source.element_spec)
        self._expected = expected

    def cardinality(self) -> int:
        """The number that was asserted."""
        return int(self._expected) if known(self._expected) else UNKNOWN

    def start(self, run: Run) -> Cursor:
        """See Stage.start."""
        return _CheckedCursor(run.open(self.inputs[0]), int(self._expected))


class _CheckedCursor(Cursor):
    __slots__ = ("_expected", "_seen")

    def __init__(self, source: Cursor, expected: int) -> None:
        super().__init__(source)
        self._expected = expected
        self._seen = 0

    def next(self) -> Element:
        """See Cursor.next."""
        try:
            element = self.inputs[0].next()
        except Exhausted:
            if self._expected != UNKNOWN and self._seen != self._expected:
                raise self._wrong(f"it has {self._seen}") from None
            raise
        self._seen += 1
        if 0 <= self._expected < self._seen:
            raise self._wrong("it has more")
        return element

    def _wrong(self, found: str) -> Exception:
        expected = "without end" if self._expected == INFINITE else str(self._expected)
        return FailedPreconditionError(f"the dataset was expected to have {expected} elements, but {found}")

    def state(self) -> State:
        """See Cursor.state."""
        return [self._seen, self.inputs[0].state()]

    def restore(self, state: State) -> None:
        """See Cursor.restore."""
        self._seen, source = state
        self.inputs[0].restore(source)


def enumerated(start: int, source: Stage) -> Stage:
    """The elements, each after its number (int64)."""
    numbers = Numbers(start, 1, dtypes.int64)
    return Zip([numbers, source], (numbers.element_spec, source.element_spec))
