"""A run that was asked for and may still wait for its batch."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import math
import time
from collections.abc import Callable, Generator
from typing import Any, Generic, TypeAlias, TypeVar

from headrace.core.errors import CancelledError, DeadlineExceededError, OpError
from headrace.serving.batching.tensors import Outputs
from headrace.serving.promise import Promise
from headrace.serving.waking import waking_here

S = TypeVar("S")
T = TypeVar("T")

Finish: TypeAlias = Callable[[Outputs | None, Exception | None], T]
"""Makes an answer of the model's outputs; or is given what the model raised, or what ended the wait, and raises an OpError."""

_TOO_LATE = "the time for this request ran out before the model had run"


class Pending(Generic[T]):
    """What a caller waits on: `result()` on a thread, `await` on an event loop. One of them, once.

    Args:
        promise: of the model's outputs.
        finish: makes the answer.
        deadline: in `time.monotonic()` seconds; `result` waits no longer.
    """

    __slots__ = ("_deadline", "_finish", "_promise")

    def __init__(self, promise: Promise[Outputs], finish: Finish[T], deadline: float = math.inf) -> None:
        self._promise = promise
        self._finish = finish
        self._deadline = deadline

    def then(self, change: Callable[[T], S]) -> Pending[S]:
        """The same wait with another answer: what `change` makes of the first one."""
        finish = self._finish
        return Pending(self._promise, lambda outputs, error: change(finish(outputs, error)), self._deadline)

    @property
    def done(self) -> bool:
        """True when `result` does not wait."""
        return self._promise.done

    def when_done(self, call: Callable[[], None]) -> None:
        """Has `call` called once `result` does not wait, on the thread that ends the wait; at once where there is none."""
        self._promise.when_done(call)

    def cancel(self) -> None:
        """Says that nobody waits any more: a run that has not begun is called off, and `result` raises CancelledError."""
        self._promise.cancel()

    def give_up(self) -> None:
        """Says that nobody waits any more, for a run that has begun too: whoever looks at runs hears that it was given up."""
        self._promise.cancel()
        with contextlib.suppress(OpError):  # whoever gives up says what came of it
            self._finish(None, self._given_up())

    def result(self) -> T:
        """Waits for the answer.

        Raises:
            DeadlineExceededError: it did not come in time. A run that has not begun is called off.
            OpError: whatever the run failed with.
        """
        promise = self._promise
        if not promise.done:
            left = None if math.isinf(self._deadline) else self._deadline - time.monotonic()
            if not promise.wait(left):
                promise.cancel()
                return self._finish(None, DeadlineExceededError(_TOO_LATE))
        return self._end()

    def _end(self) -> T:
        """The answer, once the wait is over."""
        promise = self._promise
        if promise.cancelled:
            return self._finish(None, self._given_up())
        return self._finish(promise.value, promise.error)

    def _given_up(self) -> OpError:
        """Why a wait ended without an answer."""
        late = time.monotonic() >= self._deadline
        return DeadlineExceededError(_TOO_LATE) if late else CancelledError("nobody waits for the answer any more")

    def __await__(self) -> Generator[Any, None, T]:
        """Waits as `result` does, but without a deadline: the event loop has timeouts of its own."""
        if not self._promise.done:
            waking = waking_here()
            waiter = waking.loop.create_future()
            self._promise.when_done(lambda: waking.add(functools.partial(_wake, waiter)))
            try:
                yield from waiter
            except asyncio.CancelledError:
                self.give_up()
                raise
        return self._end()


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
