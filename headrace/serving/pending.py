"""A run that was asked for and may still wait for its batch."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import math
import time
from collections.abc import Callable, Generator
from concurrent.futures import Future
from typing import Any, Generic, NoReturn, TypeVar

from headrace.core.errors import CancelledError, DeadlineExceededError, OpError
from headrace.serving.batching.tensors import Outputs

S = TypeVar("S")
T = TypeVar("T")

_TOO_LATE = "the time for this request ran out before the model had run"


class Pending(Generic[T]):
    """What a caller waits on: `result()` on a thread, `await` on an event loop. One of them, once.

    Args:
        future: will hold the model's outputs.
        finish: makes the answer; gets a function that returns the outputs or raises what the model raised, or what ended the wait.
        deadline: in `time.monotonic()` seconds; `result` waits no longer.
    """

    def __init__(self, future: Future[Outputs], finish: Callable[[Callable[[], Outputs]], T], deadline: float = math.inf) -> None:
        self._future = future
        self._finish = finish
        self._deadline = deadline

    def then(self, change: Callable[[T], S]) -> Pending[S]:
        """The same wait with another answer: what `change` makes of the first one."""
        return Pending(self._future, lambda get: change(self._finish(get)), self._deadline)

    @property
    def done(self) -> bool:
        """True when `result` does not wait."""
        return self._future.done()

    def when_done(self, call: Callable[[], None]) -> None:
        """Has `call` called once `result` does not wait, on the thread that ends the wait; at once where there is none."""
        calls = [call]
        # A future keeps its callbacks. This one is let go, since `call` mostly knows this object, and with it the future.
        self._future.add_done_callback(lambda _: calls.pop()())

    def cancel(self) -> None:
        """Says that nobody waits any more: a run that has not begun is called off, and `result` raises CancelledError."""
        self._future.cancel()

    def result(self) -> T:
        """Waits for the answer.

        Raises:
            DeadlineExceededError: it did not come in time. A run that has not begun is called off.
            OpError: whatever the run failed with.
        """
        if not math.isinf(self._deadline):
            with contextlib.suppress(Exception):  # a failed run's error comes out below
                self._future.exception(max(0.0, self._deadline - time.monotonic()))
            if not self._future.done():
                self._future.cancel()
                return self._finish(functools.partial(_fail, DeadlineExceededError(_TOO_LATE)))
        if self._future.cancelled():
            return self._finish(functools.partial(_fail, self._given_up()))
        return self._finish(self._future.result)

    def _given_up(self) -> OpError:
        """Why a wait ended without an answer."""
        late = time.monotonic() >= self._deadline
        return DeadlineExceededError(_TOO_LATE) if late else CancelledError("nobody waits for the answer any more")

    def __await__(self) -> Generator[Any, None, T]:
        """Waits as `result` does, but without a deadline: the event loop has timeouts of its own."""
        if not self._future.done():
            loop = asyncio.get_running_loop()
            waiter = loop.create_future()
            self._future.add_done_callback(lambda _: _tell(loop, waiter))
            try:
                yield from waiter
            except asyncio.CancelledError:
                self._future.cancel()
                with contextlib.suppress(OpError):  # whoever cancelled says what came of it
                    self._finish(functools.partial(_fail, self._given_up()))
                raise
        return self._finish(self._future.result)


def _fail(error: OpError) -> NoReturn:
    raise error


def _tell(loop: asyncio.AbstractEventLoop, waiter: asyncio.Future[None]) -> None:
    with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile; nobody waits any more
        loop.call_soon_threadsafe(_wake, waiter)


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


def completed(outputs: Outputs) -> Future[Outputs]:
    """A future that is done already."""
    future: Future[Outputs] = Future()
    future.set_result(outputs)
    return future
