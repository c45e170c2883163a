"""An answer that one thread makes and others wait for."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from headrace.core.errors import CancelledError

logger = logging.getLogger(__name__)

T = TypeVar("T")

_WAITING, _BEGUN, _ENDED, _CANCELLED = range(4)


class Promise(Generic[T]):
    """An answer to come: one day it is given, fails, or is called off before anybody has begun it.

    `concurrent.futures.Future` does more, and costs more than the rest of a small request. This one makes what a thread waits on
    only when one waits, and forgets what is to be called once it was, so that it leaves no cycle behind.
    """

    __slots__ = ("_calls", "_error", "_lock", "_state", "_value")

    def __init__(self) -> None:
        self._state = _WAITING
        self._value: T | None = None
        self._error: Exception | None = None
        self._calls: list[Callable[[], object]] | None = None
        self._lock = threading.Lock()

    @property
    def done(self) -> bool:
        """True when `result` does not wait."""
        return self._state >= _ENDED

    @property
    def cancelled(self) -> bool:
        """True when it was called off."""
        return self._state == _CANCELLED

    @property
    def value(self) -> T | None:
        """The answer; None while there is none."""
        return self._value

    @property
    def error(self) -> Exception | None:
        """What it failed with; None while it has not."""
        return self._error

    def begin(self) -> bool:
        """Says that the answer is being made now. False when it was called off; if it is true, it can be called off no more."""
        with self._lock:
            if self._state == _WAITING:
                self._state = _BEGUN
            return self._state != _CANCELLED

    def cancel(self) -> bool:
        """Calls it off, unless it was begun or is done; true when it is called off by now."""
        with self._lock:
            if self._state != _WAITING:
                return self._state == _CANCELLED
            self._state = _CANCELLED
        self._call()
        return True

    def give(self, value: T) -> None:
        """The answer is there. Nothing is changed by one that comes after the end."""
        with self._lock:
            if self._state >= _ENDED:
                return
            self._value = value
            self._state = _ENDED
        if self._calls is not None:
            self._call()

    def fail(self, error: Exception) -> None:
        """There will be no answer, and why. Nothing is changed by one that comes after the end."""
        with self._lock:
            if self._state >= _ENDED:
                return
            self._error = error
            self._state = _ENDED
        if self._calls is not None:
            self._call()

    def when_done(self, call: Callable[[], object]) -> None:
        """Has `call` called at the end, on the thread that brings it about; at once where it has come. What it raises is logged."""
        with self._lock:
            if self._state < _ENDED:
                if self._calls is None:
                    self._calls = [call]
                else:
                    self._calls.append(call)
                return
        _guarded(call)

    def wait(self, seconds: float | None = None) -> bool:
        """Waits for the end, for ever or for so many seconds; true when it has come."""
        if self._state >= _ENDED:
            return True
        ended = threading.Lock()
        ended.acquire()
        self.when_done(ended.release)
        if seconds is None:
            return ended.acquire()
        return ended.acquire(timeout=min(max(seconds, 0.0), threading.TIMEOUT_MAX))

    def result(self, seconds: float | None = None) -> T:
        """Waits for the answer.

        Raises:
            TimeoutError: it has not come in so many seconds.
            CancelledError: it was called off.
            Exception: whatever it failed with.
        """
        if not self.wait(seconds):
            raise TimeoutError(f"no answer in {seconds:g} s")
        if self._state == _CANCELLED:
            raise CancelledError("nobody waits for the answer any more")
        if self._error is not None:
            try:
                raise self._error
            finally:
                del self  # the error's traceback has this frame, and this object the error
        return self._value  # type: ignore[return-value]

    def _call(self) -> None:
        """Calls what is to be called; no more comes once the end has come."""
        calls, self._calls = self._calls, None
        for call in calls or ():
            _guarded(call)


def kept(value: T) -> Promise[T]:
    """A promise that is kept already."""
    promise: Promise[T] = Promise()
    promise.give(value)
    return promise


def _guarded(call: Callable[[], object]) -> None:
    try:
        call()
    except Exception:  # the thread that makes answers has those of others to make
        logger.exception("what was to be done with an answer failed")
