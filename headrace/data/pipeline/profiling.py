"""Where the time of a pipeline goes, stage by stage."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from headrace.data.pipeline.elements import Element
from headrace.data.pipeline.stage import Block, Cursor, Exhausted, Rows, Run, Stage, State


class StageTime(NamedTuple):
    """One stage of a profile.

    Attributes:
        name: the stage's, with its function.
        depth: how many stages stand behind it, nearer to the consumer.
        elements: how many elements it gave.
        seconds: what it took for itself, without the stages before it; waiting for threads is part of it.
        busy: the seconds that its own threads worked.
        tuning: what was chosen while going on.
    """

    name: str
    depth: int
    elements: int
    seconds: float
    busy: float
    tuning: str


class Profile:
    """The times of one pass.

    Attributes:
        seconds: of the whole pass.
        elements: how many the consumer got.
        stages: the stages, from the consumer to the sources.
    """

    def __init__(self, seconds: float, elements: int, stages: list[StageTime]) -> None:
        self.seconds = seconds
        self.elements = elements
        self.stages = stages

    def slowest(self) -> StageTime:
        """The stage that took most time, in threads or not."""
        return max(self.stages, key=lambda stage: max(stage.seconds, stage.busy))

    def __str__(self) -> str:
        rows = [("stage", "elements", "ms", "us/element", "share", "ms in threads", "chosen")]
        for stage in self.stages:
            each = 1e6 * stage.seconds / stage.elements if stage.elements else 0.0
            share = stage.seconds / self.seconds if self.seconds else 0.0
            busy = f"{1e3 * stage.busy:.1f}" if stage.busy else ""
            name = "  " * stage.depth + stage.name
            rows.append(
                (name, str(stage.elements), f"{1e3 * stage.seconds:.1f}", f"{each:.1f}", f"{share:.0%}", busy, stage.tuning)
            )
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        lines = [
            "  ".join(cell.ljust(w) if i in (0, 6) else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True)))
            for row in rows
        ]
        return "\n".join([f"{self.elements} elements in {1e3 * self.seconds:.1f} ms", *map(str.rstrip, lines)])

    __repr__ = __str__


class _Record:
    """What was measured of one stage."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.elements = 0
        self.seconds = 0.0
        self.cursors: list[Cursor] = []


class _Watch:
    """Puts a clock around every cursor of a pass."""

    def __init__(self) -> None:
        self.records: dict[int, _Record] = {}
        self._lock = threading.Lock()
        self._stack = threading.local()

    def __call__(self, stage: Stage, cursor: Cursor) -> Cursor:
        """See Run.watch."""
        with self._lock:
            record = self.records.setdefault(id(stage), _Record(stage))
            record.cursors.append(cursor)
        return _TimedCursor(cursor, record, self)

    def timed(self, record: _Record, call: Callable[[], Any], count: Callable[[Any], int]) -> Any:
        """Runs a call; what calls inside of it take is theirs."""
        stack: list[float] = self._stack.__dict__.setdefault("inner", [])
        stack.append(0.0)
        began = time.perf_counter()
        found = 0
        try:
            result = call()
            found = count(result)
            return result
        finally:
            elapsed = time.perf_counter() - began
            inner = stack.pop()
            if stack:
                stack[-1] += elapsed
            with self._lock:
                record.seconds += elapsed - inner
                record.elements += found


class _TimedCursor(Cursor):
    __slots__ = ("_cursor", "_record", "_watch")

    def __init__(self, cursor: Cursor, record: _Record, watch: _Watch) -> None:
        super().__init__()
        self._cursor, self._record, self._watch = cursor, record, watch

    def next(self) -> Element:
        """See Cursor.next."""
        element: Element = self._watch.timed(self._record, self._cursor.next, lambda _: 1)
        return element

    def next_block(self, count: int) -> Block:
        """See Cursor.next_block."""
        block: Block = self._watch.timed(self._record, lambda: self._cursor.next_block(count), lambda b: b.count)
        return block

    def rows(self) -> Rows | None:
        """See Cursor.rows."""
        rows = self._cursor.rows()
        if rows is None:
            return None
        record, watch = self._record, self._watch

        def length(parts: Element) -> int:
            return len(parts[0]) if parts else 0

        return Rows(
            rows.count,
            lambda numbers: watch.timed(record, lambda: rows.take(numbers), length),
            lambda i: watch.timed(record, lambda: rows.one(i), lambda _: 1),
        )

    def state(self) -> State:
        """See Cursor.state."""
        return self._cursor.state()

    def restore(self, state: State) -> None:
        """See Cursor.restore."""
        self._cursor.restore(state)

    def close(self) -> None:
        """See Cursor.close."""
        self._cursor.close()


def profile(stage: Stage, count: int | None) -> Profile:
    """The times of one pass over a stage, of `count` elements or all."""
    watch = _Watch()
    began = time.perf_counter()
    cursor = Run(stage.options(), watch).open(stage)
    made = 0
    try:
        while count is None or made < count:
            cursor.next()
            made += 1
    except Exhausted:
        pass
    finally:
        seconds = time.perf_counter() - began
        found = _times(stage, watch.records, 0)
        cursor.close()
    return Profile(seconds, made, found)


def _times(stage: Stage, records: dict[int, _Record], depth: int) -> list[StageTime]:
    record = records.get(id(stage))
    found = []
    if record is not None:
        busy = sum(cursor.busy() for cursor in record.cursors)
        tuning = record.cursors[-1].tuning()
        found.append(StageTime(stage.name, depth, record.elements, record.seconds, busy, tuning))
    for source in stage.inputs:
        found += _times(source, records, depth + (record is not None))
    return found
