"""interleave: the elements of several datasets in turn, each of them read ahead by a thread where that is asked for."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from headrace.core.errors import InvalidArgumentError
from headrace.data.pipeline.buffering import AUTOTUNE, THREADS, PrefetchCursor
from headrace.data.pipeline.elements import Element
from headrace.data.pipeline.functions import TracedFunction, called
from headrace.data.pipeline.parallel import check_parallelism, most_threads, processors
from headrace.data.pipeline.stage import INFINITE, UNKNOWN, Cursor, Exhausted, Run, Stage, State, known


class Interleave(Stage):
    """The elements of the datasets that a function makes of each element, some of each dataset in turn.

    Args:
        source: the input.
        function: gives one dataset.
        element_spec: of that dataset.
        cycle: how many datasets are open at a time, or AUTOTUNE.
        block: how many elements of each come at a time.
        calls: how many datasets are read ahead at a time, or AUTOTUNE; None: none is.
        deterministic: False takes first what is there first.
    """

    kind = "interleave"

    def __init__(
        self,
        source: Stage,
        function: TracedFunction,
        element_spec: Any,
        cycle: Any,
        block: Any,
        calls: Any,
        deterministic: bool | None,
    ) -> None:
        super().__init__((source,), element_spec)
        self._function = function
        self._cycle, self._block, self._calls = cycle, block, calls
        self._deterministic = deterministic
        self.check()

    def check(self) -> None:
        """See Stage.check."""
        check_parallelism(self._calls)
        if known(self._cycle) and self._cycle < 1 and self._cycle != AUTOTUNE:
            raise InvalidArgumentError(f"cycle_length must be greater than zero, or AUTOTUNE; got {self._cycle}")
        if known(self._block) and self._block < 1:
            raise InvalidArgumentError(f"block_length must be greater than zero; got {self._block}")

    @property
    def name(self) -> str:
        """See Stage.name."""
        return f"interleave({self._function.name})"

    def cardinality(self) -> int:
        """Unknown, but for inputs that are empty or endless."""
        size = self.inputs[0].cardinality()
        return size if size in (0, INFINITE) else UNKNOWN

    def start(self, run: Run) -> Cursor:
        """See Stage.start."""
        cycle = processors() if self._cycle == AUTOTUNE else self._cycle
        ahead = 0
        if self._calls is not None:
            ahead = most_threads(run.options) if self._calls == AUTOTUNE else min(self._calls, cycle)
        ordered = run.options.deterministic is not False if self._deterministic is None else self._deterministic
        size = AUTOTUNE if self._calls == AUTOTUNE else max(2, self._block)
        return _InterleaveCursor(run, run.open(self.inputs[0]), self._function, (cycle, self._block, ahead, size, ordered))


class _InterleaveCursor(Cursor):
    """Slots in a circle, each with one open dataset; the turn passes on after `block` elements, and at a dataset's end."""

    __slots__ = ("_block", "_done", "_ended", "_function", "_given", "_ordered", "_pool", "_run", "_size", "_slots", "_turn")

    def __init__(self, run: Run, source: Cursor, function: TracedFunction, form: tuple[int, int, int, int, bool]) -> None:
        super().__init__(source)
        cycle, self._block, ahead, self._size, self._ordered = form
        self._run = run
        self._function = function
        self._slots: list[tuple[Cursor, Element] | None] = [None] * cycle
        self._turn = self._given = self._done = 0
        self._ended = False
        self._pool = ThreadPoolExecutor(ahead, f"{THREADS}interleave") if ahead else None

    def _open(self, element: Element) -> tuple[Cursor, Element]:
        (dataset,) = called(self._function, element, self._done)
        self._done += 1
        cursor = self._run.open(dataset.stage)
        return (cursor if self._pool is None else PrefetchCursor(cursor, self._size, self._pool)), element

    def _pass_on(self) -> None:
        self._given = 0
        self._turn = (self._turn + 1) % len(self._slots)

    def _fill(self) -> None:
        """Opens datasets in the empty slots from this turn on, so that threads begin to read them."""
        for step in range(len(self._slots)):
            position = (self._turn + step) % len(self._slots)
            if self._slots[position] is None and not self._ended:
                try:
                    self._slots[position] = self._open(self.inputs[0].next())
                except Exhausted:
                    self._ended = True

    def next(self) -> Element:
        """See Cursor.next."""
        while True:
            if self._pool is not None:
                self._fill()
            slot = self._slots[self._turn]
            if slot is None:
                if not self._ended:
                    try:
                        self._slots[self._turn] = self._open(self.inputs[0].next())
                    except Exhausted:
                        self._ended = True
                    continue
                if not any(self._slots):
                    raise Exhausted
                self._pass_on()
                continue
            if not self._ordered and not self._is_ready(slot[0]):
                self._turn_to_ready()
                slot = self._slots[self._turn] or slot
            try:
                element = slot[0].next()
            except Exhausted:
                slot[0].close()
                self._slots[self._turn] = None
                self._pass_on()
                continue
            self._given += 1
            if self._given == self._block:
                self._pass_on()
            return element

    def _is_ready(self, cursor: Cursor) -> bool:
        return not isinstance(cursor, PrefetchCursor) or cursor.is_ready()

    def _turn_to_ready(self) -> None:
        for step in range(1, len(self._slots)):
            position = (self._turn + step) % len(self._slots)
            slot = self._slots[position]
            if slot is not None and self._is_ready(slot[0]):
                self._turn, self._given = position, 0
                return

    def state(self) -> State:
        """See Cursor.state."""
        slots = [None if slot is None else [list(slot[1]), slot[0].state()] for slot in self._slots]
        return [self._turn, self._given, self._done, self._ended, slots, self.inputs[0].state()]

    def restore(self, state: State) -> None:
        """See Cursor.restore."""
        self._turn, self._given, self._done, self._ended, slots, source = state
        self.inputs[0].restore(source)
        for position, slot in enumerate(slots):
            if slot is not None:
                element, inner = slot
                opened = self._open(tuple(element))
                self._done -= 1
                opened[0].restore(inner)
                self._slots[position] = opened

    def close(self) -> None:
        """See Cursor.close."""
        for slot in self._slots:
            if slot is not None:
                slot[0].close()
        if self._pool is not None:
            self._pool.shutdown(wait=not threading.current_thread().name.startswith(THREADS))
        super().close()
