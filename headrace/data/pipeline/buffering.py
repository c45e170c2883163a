"""Elements kept: prefetch, which runs ahead in a thread, and cache, which keeps a whole pass."""

from __future__ import annotations

import collections
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from headrace.core.errors import InvalidArgumentError
from headrace.data.pipeline.elements import Element
from headrace.data.pipeline.sources import behind, rows_of
from headrace.data.pipeline.stage import Block, Cursor, Exhausted, Rows, Run, Stage, State, known
from headrace.dispatch.lists import ElementList

AUTOTUNE = -1

THREADS = "headrace-data-"
"""How the names of all threads of pipelines begin."""

LONGEST_TUNED = 64
"""The longest buffer that tuning makes."""

CHEAP = 50e-6
"""Making an element in less time (in seconds) than this is not worth handing it from thread to thread."""

MEASURED = 8
"""How many elements are timed at a time, before tuning decides whether a thread is worth it."""


def typical(times: list[float]) -> float:
    """The median; it leaves out what compiling the first call takes."""
    return sorted(times)[len(times) // 2]


class Prefetch(Stage):
    """The same elements, made ahead of time in a thread.

    Under AUTOTUNE the first elements are timed: where they are made quickly no thread is used. The buffer begins with two
    elements, and doubles each time that it was full and then ran dry.
    """

    kind = "prefetch"

    def __init__(self, source: Stage, size: Any) -> None:
        super().__init__((source,), source.element_spec)
        self._size = size
        self.check()

    def check(self) -> None:
        """See Stage.check."""
        if known(self._size) and self._size < AUTOTUNE:
            raise InvalidArgumentError(f"buffer_size must be at least 0, or AUTOTUNE; got {self._size}")

    def cardinality(self) -> int:
        """That of the input."""
        return self.inputs[0].cardinality()

    def start(self, run: Run) -> Cursor:
        """See Stage.start."""
        source = run.open(self.inputs[0])
        return source if self._size == 0 else PrefetchCursor(source, self._size)


class PrefetchCursor(Cursor):
    """A cursor whose input a thread reads while there is room in the buffer.

    The thread never waits: a task fills the buffer and ends, and taking an element begins the next one. So nothing has to be
    woken up where a program ends or an iterator is dropped.
    """

    __slots__ = (
        "_ahead",
        "_buffer",
        "_closed",
        "_filling",
        "_limit",
        "_lock",
        "_owns_pool",
        "_pool",
        "_times",
        "_tuned",
        "_was_full",
    )

    def __init__(self, source: Cursor, size: int, pool: ThreadPoolExecutor | None = None) -> None:
        """Args:
        source: the input.
        size: elements in the buffer, or AUTOTUNE.
        pool: whose thread is used; None makes one.
        """
        super().__init__(source)
        self._owns_pool = pool is None
        self._tuned = size == AUTOTUNE
        self._limit = 2 if self._tuned else size
        self._buffer: collections.deque[Element] = collections.deque()
        self._lock = threading.Condition()
        self._filling: Future[None] | None = None
        self._pool = pool
        self._ahead = not self._tuned
        self._was_full = False
        self._closed = False
        self._times: list[float] = []

    def _runs_ahead(self) -> bool:
        """False while a tuned buffer still finds its input quick."""
        if not self._ahead and len(self._times) == MEASURED:
            self._ahead = typical(self._times) > CHEAP
            self._times.clear()
        return self._ahead

    def next(self) -> Element:
        """See Cursor.next."""
        if not self._runs_ahead():
            began = time.perf_counter()
            element = self.inputs[0].next()
            self._times.append(time.perf_counter() - began)
            return element
        with self._lock:
            if not self._buffer and self._tuned and self._was_full:
                self._limit = min(2 * self._limit, LONGEST_TUNED)
                self._was_full = False
            self._keep_filling()
            while not self._buffer:
                if self._filling is not None and self._filling.done():
                    self._report(self._filling)
                self._lock.wait(timeout=0.1)
                self._keep_filling()
            element = self._buffer.popleft()
            if len(self._buffer) <= self._limit // 2:
                self._keep_filling()
        return element

    def tuning(self) -> str:
        """See Cursor.tuning."""
        return f"buffer of {self._limit}" if self._ahead else "no thread: the input is quick"

    def is_ready(self) -> bool:
        """True when `next` need not wait."""
        return bool(self._buffer) or not self._ahead or (self._filling is not None and self._filling.done())

    def _report(self, ended: Future[None]) -> None:
        """Raises what the thread raised. The end of the input stays the end; after an error the next call goes on."""
        if ended.exception() is not None and not isinstance(ended.exception(), Exhausted):
            self._filling = None
        ended.result()

    def _keep_filling(self) -> None:
        """Begins a task where none runs and there is room. An ended input leaves its last task in place, which says so."""
        if self._closed or len(self._buffer) >= self._limit:
            return
        if self._filling is not None and (not self._filling.done() or self._filling.exception() is not None):
            return
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, f"{THREADS}prefetch")
        self._filling = self._pool.submit(self._fill)
        self._filling.add_done_callback(self._wake)

    def _wake(self, _: Any) -> None:
        with self._lock:
            self._lock.notify_all()

    def _fill(self) -> None:
        while True:
            with self._lock:
                if self._closed or len(self._buffer) >= self._limit:
                    self._was_full = True
                    return
            element = self.inputs[0].next()
            with self._lock:
                self._buffer.append(element)
                self._lock.notify_all()

    def _pause(self) -> None:
        """Waits until no task runs."""
        with self._lock:
            limit, self._limit = self._limit, 0
        if self._filling is not None:
            self._filling.exception()
        with self._lock:
            self._limit = limit

    def state(self) -> State:
        """See Cursor.state."""
        self._pause()
        return [[list(element) for element in self._buffer], self.inputs[0].state()]

    def restore(self, state: State) -> None:
        """See Cursor.restore."""
        buffer, source = state
        self._buffer.extend(tuple(element) for element in buffer)
        self.inputs[0].restore(source)
        if self._buffer:
            # What is in the buffer is given out by the thread's side alone.
            self._ahead = True

    def close(self) -> None:
        """See Cursor.close."""
        with self._lock:
            self._closed = True
        if self._pool is not None and self._owns_pool:
            # The garbage collector may call this in the very thread.
            self._pool.shutdown(wait=not threading.current_thread().name.startswith(THREADS))
        elif self._filling is not None:
            self._filling.exception()
        super().close()


class CacheInMemory(Stage):
    """The elements of the first complete pass, kept for those that follow."""

    kind = "cache"

    def __init__(self, source: Stage) -> None:
        super().__init__((source,), source.element_spec)
        self.kept: list[Element] | None = None
        self._rows: Rows | None = None
        self._lock = threading.Lock()

    def cardinality(self) -> int:
        """That of the input."""
        return self.inputs[0].cardinality()

    def start(self, run: Run) -> Cursor:
        """See Stage.start."""
        return _CacheCursor(self, run)

    def keep(self, elements: list[Element]) -> None:
        """Has later passes give these."""
        self.kept = elements

    def rows(self) -> Rows | None:
        """The kept elements stacked, where they have one shape: then they can be shuffled and batched by number."""
        with self._lock:
            if self._rows is None and self.kept and _are_alike(self.kept):
                self._rows = rows_of(Block.of(self.kept).parts)
            return self._rows


def _are_alike(elements: list[Element]) -> bool:
    first = [(part.dtype, part.shape) for part in elements[0]]
    if not first or any(isinstance(part, ElementList) for part in elements[0]):
        return False
    return all([(part.dtype, part.shape) for part in element] == first for element in elements)


class _CacheCursor(Cursor):
    """A pass over a cached stage: over what is kept, or the first one, which keeps what it gives."""

    __slots__ = ("_elements", "_position", "_stage")

    def __init__(self, stage: CacheInMemory, run: Run) -> None:
        super().__init__(*([run.open(stage.inputs[0])] if stage.kept is None else []))
        self._stage = stage
        self._elements = [] if stage.kept is None else stage.kept
        self._position = 0

    def next(self) -> Element:
        """See Cursor.next."""
        if not self.inputs:
            if self._position >= len(self._elements):
                raise Exhausted
            self._position += 1
            return self._elements[self._position - 1]
        try:
            element = self.inputs[0].next()
        except Exhausted:
            self._stage.keep(self._elements)
            raise
        self._elements.append(element)
        return element

    def next_block(self, count: int) -> Block:
        """See Cursor.next_block."""
        if not self.inputs:
            rows = self._stage.rows()
            start, stop = self._position, min(self._position + count, len(self._elements))
            if rows is None or start >= stop:
                return super().next_block(count)
            self._position = stop
            return Block(stop - start, rows.take(slice(start, stop)))
        try:
            block = self.inputs[0].next_block(count)
        except Exhausted:
            self._stage.keep(self._elements)
            raise
        self._elements.extend(block.elements())
        return block

    def rows(self) -> Rows | None:
        """See Cursor.rows."""
        rows = None if self.inputs else self._stage.rows()
        return None if rows is None else behind(rows, self._position)

    def state(self) -> State:
        """See Cursor.state; what is kept is part of it."""
        source = self.inputs[0].state() if self.inputs else None
        return [[list(element) for element in self._elements], self._position, source]

    def restore(self, state: State) -> None:
        """See Cursor.restore."""
        elements, self._position, source = state
        self._elements = [tuple(element) for element in elements]
        if source is None:
            self._stage.keep(self._elements)
            self.close()
            self.inputs = ()
        else:
            self.inputs[0].restore(source)
