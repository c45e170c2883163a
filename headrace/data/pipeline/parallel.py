"""map on several elements at once, in threads."""

from __future__ import annotations

import collections
import os
import threading
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from types import TracebackType
from typing import Any

from headrace.core.errors import InvalidArgumentError
from headrace.data.pipeline.buffering import AUTOTUNE, CHEAP, MEASURED, THREADS, typical
from headrace.data.pipeline.elements import Element
from headrace.data.pipeline.functions import TracedFunction, called
from headrace.data.pipeline.mapping import Map, MapCursor
from headrace.data.pipeline.options import Options
from headrace.data.pipeline.stage import Block, Cursor, Exhausted, Run, Stage, State, known

_TRIED = 1024
"""Quick calls after which a stage stays without threads."""

_LONG = 2e-3
"""A block that a function takes longer for (in seconds) is shared by threads."""

_ROUND = 32
"""Elements between two looks at how much a stage waits."""


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def most_threads(options: Options) -> int:
    """How many threads a stage whose parallelism is tuned may use."""
    chosen = options.threading.private_threadpool_size or options.autotune.cpu_budget
    return max(1, int(chosen)) if chosen else processors()


def check_parallelism(calls: Any) -> None:
    """Checks `num_parallel_calls`.

    Raises:
        InvalidArgumentError: it is less than 1, and not AUTOTUNE.
    """
    if known(calls) and calls is not None and calls != AUTOTUNE and calls < 1:
        raise InvalidArgumentError(f"num_parallel_calls must be greater than zero, or AUTOTUNE; got {calls}")


class Outcome:
    """What a block of code gave or raised, to be told later: `with outcome: outcome.value = ...`."""

    def __init__(self) -> None:
        self.value: Any = None
        self.error: Exception | None = None

    def __enter__(self) -> Outcome:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> bool:
        if isinstance(error, Exception):
            self.error = error
            return True
        return False

    def future(self) -> Future[Any]:
        """The same as a future that is done."""
        done: Future[Any] = Future()
        if self.error is not None:
            done.set_exception(self.error)
        else:
            done.set_result(self.value)
        return done


class Degree:
    """How many elements are worked on at once: fixed, or tuned from what was measured.

    Tuning begins with one, in the caller's thread. Where a call takes long enough to be worth handing over, two threads take
    over; from then on one more is tried whenever the consumer has waited for more than a tenth of the time, and given up again
    where it made the wait for an element no shorter.
    """

    def __init__(self, fixed: int | None, most: int) -> None:
        self.now = fixed or 1
        self.most = fixed or most
        self._settled = fixed is not None or most == 1
        self._calls = 0
        self._waited = 0.0
        self._times: list[float] = []
        self._began = time.perf_counter()
        self._before: tuple[int, float] | None = None

    def called(self, seconds: float) -> None:
        """Notes a call in the caller's thread."""
        if self._settled:
            return
        self._calls += 1
        self._times.append(seconds)
        if len(self._times) < MEASURED:
            return
        each = typical(self._times)
        self._times.clear()
        if each > 3 * CHEAP:
            self._before = (1, each)
            self.now = 2
            self._restart()
        elif self._calls >= _TRIED:
            self._settled = True

    def waited(self, seconds: float) -> None:
        """Notes that the consumer got an element from a thread, and how long it waited."""
        if self._settled:
            return
        self._calls += 1
        self._waited += seconds
        if self._calls < _ROUND:
            return
        elapsed = time.perf_counter() - self._began
        each = self._waited / self._calls
        if self._before is not None and each > 0.95 * self._before[1]:
            self.now = self._before[0]
            self._settled = True
        elif self._waited > 0.1 * elapsed and self.now < self.most:
            self._before = (self.now, each)
            self.now += 1
        else:
            self._before = None
        self._restart()

    def _restart(self) -> None:
        self._calls = 0
        self._waited = 0.0
        self._began = time.perf_counter()


class ParallelMap(Map):
    """A function of each element, of several at once."""

    def __init__(self, source: Stage, function: TracedFunction, calls: Any, deterministic: bool | None) -> None:
        super().__init__(source, function)
        self._calls = calls
        self._deterministic = deterministic
        self.check()

    def check(self) -> None:
        """See Stage.check."""
        check_parallelism(self._calls)

    def start(self, run: Run) -> Cursor:
        """See Stage.start."""
        options = run.options
        ordered = options.deterministic is not False if self._deterministic is None else self._deterministic
        vectorize = options.experimental_optimization.map_vectorization is not False
        fixed = None if self._calls == AUTOTUNE else self._calls
        if fixed is None and options.autotune.enabled is False:
            fixed = most_threads(options)
        degree = Degree(fixed, most_threads(options))
        return _ParallelMapCursor(run.open(self.inputs[0]), self._function, vectorize, degree, ordered)


class _ParallelMapCursor(MapCursor):
    __slots__ = ("_degree", "_ended", "_most", "_ordered", "_parts", "_pool", "_times", "_waiting", "_worked")

    def __init__(self, source: Cursor, function: TracedFunction, vectorize: bool, degree: Degree, ordered: bool) -> None:
        super().__init__(source, function, vectorize)
        self._degree = degree
        self._most = degree.most
        self._parts = 1
        self._times: list[float] = []
        self._ordered = ordered
        self._pool: ThreadPoolExecutor | None = None
        self._waiting: collections.deque[tuple[Future[Element], Element]] = collections.deque()
        self._ended = False
        self._worked: collections.deque[float] = collections.deque(maxlen=1 << 20)

    def next(self) -> Element:
        """See Cursor.next."""
        if self._degree.now == 1 and not self._waiting:
            element = self.inputs[0].next()
            began = time.perf_counter()
            result = called(self._function, element, self._done)
            self._degree.called(time.perf_counter() - began)
            self._done += 1
            return result
        self._hand_out()
        if not self._waiting:
            raise Exhausted
        began = time.perf_counter()
        future = self._first()
        result = future.result()
        self._degree.waited(time.perf_counter() - began)
        return result

    def next_block(self, count: int) -> Block:
        """See Cursor.next_block."""
        return Cursor.next_block(self, count) if self._waiting else super().next_block(count)

    def _run_block(self, block: Block) -> Block | None:
        """See MapCursor: where a block takes long, the threads share it."""
        prepared = self._function.prepared
        if self._parts == 1:
            began = time.perf_counter()
            results = prepared.run_block(block)
            self._times.append(time.perf_counter() - began)
            if len(self._times) == MEASURED:
                if typical(self._times) > _LONG and self._most > 1:
                    self._parts = self._most
                    prepared.forget_sizes()
                self._times.clear()
            return results
        size = -(-block.count // self._parts)
        pieces = [
            Block(min(size, block.count - at), tuple(part[at : at + size] for part in block.parts))
            for at in range(0, block.count, size)
        ]
        futures = [self._threads().submit(prepared.run_block, piece) for piece in pieces[1:]]
        found = [prepared.run_block(pieces[0]), *(future.result() for future in futures)]
        whole = [result for result in found if result is not None]
        return Block.joined(whole) if len(whole) == len(found) else None

    def _threads(self) -> ThreadPoolExecutor:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(max(self._degree.now, self._most), f"{THREADS}map")
        return self._pool

    def _hand_out(self) -> None:
        """Has the threads work on as many elements as may be worked on at once."""
        while not self._ended and len(self._waiting) < self._degree.now:
            outcome = Outcome()
            with outcome:
                outcome.value = self.inputs[0].next()
            if isinstance(outcome.error, Exhausted):
                self._ended = True
            elif outcome.error is not None:
                self._waiting.append((outcome.future(), ()))
            else:
                self._submit(outcome.value)

    def _submit(self, element: Element) -> None:
        self._waiting.append((self._threads().submit(self._work, element, self._done), element))
        self._done += 1

    def _first(self) -> Future[Element]:
        """The next result to give: the oldest, or out of order any that is ready."""
        if self._ordered:
            return self._waiting.popleft()[0]
        ready = wait([future for future, _ in self._waiting], return_when=FIRST_COMPLETED).done
        for position, (future, _) in enumerate(self._waiting):
            if future in ready:
                del self._waiting[position]
                return future
        raise AssertionError("one of the calls is done")

    def _work(self, element: Element, position: int) -> Element:
        began = time.perf_counter()
        result = called(self._function, element, position)
        self._worked.append(time.perf_counter() - began)
        return result

    def busy(self) -> float:
        """See Cursor.busy."""
        return sum(self._worked)

    def tuning(self) -> str:
        """See Cursor.tuning."""
        if self._parts > 1:
            return f"blocks in {self._parts} parts"
        return f"{self._degree.now} at once" if self._degree.now > 1 else "no thread: a call is quick"

    def state(self) -> State:
        """See Cursor.state: what is being worked on is kept as input, to be worked on again."""
        pending = [list(element) for _, element in self._waiting]
        return [self._done - len(pending), self._ended, pending, self.inputs[0].state()]

    def restore(self, state: State) -> None:
        """See Cursor.restore."""
        self._done, self._ended, pending, source = state
        self.inputs[0].restore(source)
        for element in pending:
            self._submit(tuple(element))

    def close(self) -> None:
        """See Cursor.close."""
        if self._pool is not None:
            own = threading.current_thread().name.startswith(THREADS)
            self._pool.shutdown(wait=not own, cancel_futures=True)
        super().close()
