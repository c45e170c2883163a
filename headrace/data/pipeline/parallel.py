"""map on several elements at once, in threads."""

from __future__ import annotations

import collections
import os
import threading
import time
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

from headrace.core.errors import InvalidArgumentError
from headrace.data.pipeline.buffering import AUTOTUNE, MEASURED, THREADS, typical
from headrace.data.pipeline.degree import Degree
from headrace.data.pipeline.elements import Element
from headrace.data.pipeline.functions import TracedFunction, called
from headrace.data.pipeline.mapping import Map, MapCursor
from headrace.data.pipeline.options import Options
from headrace.data.pipeline.sharing import Gathered, Outcome, share
from headrace.data.pipeline.stage import Block, Cursor, Exhausted, Run, Stage, State, known

_LONG = 2e-3
"""A block that a function takes longer for (in seconds) is shared by threads."""


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


class ParallelMap(Map):
    """A function of each element, of several at once."""

    def __init__(self, source: Stage, function: TracedFunction, calls: Any, deterministic: bool | None) -> None:
        super().__init__(source, function)
        self._calls = calls
        self._deterministic = deterministic
        self._tuned: Degree | None = None
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
        degree, most = self._tuned, most_threads(options)
        if degree is None or not degree.lasts or degree.most != (fixed or most):
            degree = self._tuned = Degree(fixed, most)
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
        """See Cursor.next_block; the threads work on one block together, rather than each on an element that is waited for."""
        vectorized = self._vectorize and self._function.prepared.may_vectorize(count)
        if not self._waiting and (vectorized or self._degree.alone):
            return super().next_block(count)
        gathered, ready = Gathered(count), 0
        while self._waiting and ready < count:
            gathered.put(ready, self._first().result())
            ready += 1
        elements, failed = self._taken(count - ready)
        if elements:
            self._share(elements, gathered, ready, failed)
        if failed is not None:
            failed.result()
        if ready + len(elements) == 0:
            raise Exhausted
        return gathered.block(ready + len(elements))

    def _taken(self, count: int) -> tuple[list[Element], Future[Any] | None]:
        """Up to `count` elements of the input, fewer at its end or before an error, which comes with them."""
        elements: list[Element] = []
        while len(elements) < count and (outcome := self._drawn()) is not None:
            if outcome.error is not None:
                return elements, outcome.future()
            elements.append(outcome.value)
        return elements, None

    def _drawn(self) -> Outcome | None:
        """The next element of the input or what it raised; None at its end."""
        if self._ended:
            return None
        outcome = Outcome()
        with outcome:
            outcome.value = self.inputs[0].next()
        self._ended = isinstance(outcome.error, Exhausted)
        return None if self._ended else outcome

    def _share(self, elements: Sequence[Element], gathered: Gathered, start: int, failed: Future[Any] | None) -> None:
        """Puts the results for elements into a block, from a place on.

        Raises what the first call that failed raised; the elements behind it are then still to be given, and `failed` raised.
        """
        first, self._done = self._done, self._done + len(elements)

        def call(index: int) -> None:
            gathered.put(start + index, self._work(elements[index], first + index))

        began = time.perf_counter()
        errors = share(call, len(elements), self._degree.now - 1, self._threads)
        if not errors:
            self._degree.shared((time.perf_counter() - began) / len(elements))
            return
        at = min(errors)
        for index in range(at + 1, len(elements)):
            outcome = Outcome()
            outcome.error = errors.get(index)
            if outcome.error is None and gathered.has(start + index):
                outcome.value = gathered.one(start + index)
            elif outcome.error is None:
                self._waiting.append((self._threads().submit(self._work, elements[index], first + index), elements[index]))
                continue
            self._waiting.append((outcome.future(), elements[index]))
        if failed is not None:
            self._waiting.append((failed, ()))
        raise errors[at]

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
        while len(self._waiting) < self._degree.now and (outcome := self._drawn()) is not None:
            if outcome.error is not None:
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
