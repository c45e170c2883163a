"""A block of elements that several threads work on: each puts its results straight into the block's memory."""

from __future__ import annotations

import collections
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from types import TracebackType
from typing import Any

import numpy as np

from headrace.core.memory import empty
from headrace.data.pipeline.elements import Element
from headrace.data.pipeline.stage import Block, row


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


class Gathered:
    """The results for the elements of one block, put in by any thread in any order.

    Args:
        count: how many elements the block has room for.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._lock = threading.Lock()
        self._parts: list[Any] | None = None
        self._apart: dict[int, Element] = {}
        self._there: set[int] = set()

    def put(self, index: int, result: Element) -> None:
        """Puts in the result for one element."""
        with self._lock:
            if self._parts is None and all(isinstance(item, np.ndarray | np.generic) for item in result):
                self._parts = [empty((self._count, *item.shape), item.dtype) for item in result]
            parts = self._parts
        if parts is None or any(item.shape != part.shape[1:] for item, part in zip(result, parts, strict=True)):
            self._apart[index] = result
        else:
            for item, part in zip(result, parts, strict=True):
                part[index] = item if item.ndim else item[()]
        self._there.add(index)

    def has(self, index: int) -> bool:
        """True when the result for an element was put in."""
        return index in self._there

    def one(self, index: int) -> Element:
        """The result for one element."""
        if index in self._apart:
            return self._apart[index]
        assert self._parts is not None
        return tuple(row(part, index) for part in self._parts)

    def block(self, count: int) -> Block:
        """The first `count` results, all of which were put in.

        Raises:
            InvalidArgumentError: their shapes differ.
        """
        if self._parts is None or self._apart:
            return Block.of([self.one(index) for index in range(count)])
        return Block(count, tuple(part if count == self._count else part[:count] for part in self._parts))


def share(call: Callable[[int], None], count: int, helpers: int, pool: Callable[[], Executor]) -> dict[int, Exception]:
    """Has this thread and helpers do calls 0 to `count`, in this order; after an error, those that nobody has begun are left out.

    Args:
        call: one of them.
        count: how many there are.
        helpers: how many threads of the pool help.
        pool: gives it.

    Returns:
        What was raised, by call.
    """
    rest = collections.deque(range(count))
    errors: dict[int, Exception] = {}

    def work() -> None:
        while rest:
            try:
                index = rest.popleft()
            except IndexError:
                return
            outcome = Outcome()
            with outcome:
                call(index)
            if outcome.error is not None:
                errors[index] = outcome.error
                rest.clear()

    helping = [pool().submit(work) for _ in range(min(helpers, count - 1))]
    work()
    for future in helping:
        future.result()
    return errors
