"""A fixed number of daemon threads for requests, with a bounded queue before them.

The standard executor would wait at exit for a run that hangs; daemon threads let the server leave after its grace period.
"""

from __future__ import annotations

import contextlib
import os
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

from headrace.core.errors import UnavailableError

T = TypeVar("T")


def default_threads() -> int:
    """Four threads a core, as in TensorFlow Serving, but at most 32."""
    return min(4 * (os.cpu_count() or 1), 32)


class _Job(Generic[T]):
    __slots__ = ("function", "future", "queued_at")

    def __init__(self, function: Callable[[], T]) -> None:
        self.function = function
        self.future: Future[T] = Future()
        self.queued_at = time.perf_counter()

    def run(self, on_start: Callable[[float], None]) -> None:
        if not self.future.set_running_or_notify_cancel():
            return
        on_start(time.perf_counter() - self.queued_at)
        try:
            result = self.function()
        except BaseException as error:  # noqa: BLE001  the future carries it to whoever waits
            self.future.set_exception(error)
        else:
            self.future.set_result(result)


class Workers:
    """Runs functions on `threads` threads.

    Args:
        threads: how many run at once.
        max_waiting: how many more may wait; beyond that work is refused at once.
        on_start: told the seconds that each job waited.
        name: begins the threads' names.
    """

    def __init__(self, threads: int, max_waiting: int, on_start: Callable[[float], None], name: str = "request") -> None:
        self.max_waiting = max_waiting
        self._jobs: queue.Queue[_Job[object] | None] = queue.Queue(max_waiting)
        self._on_start = on_start
        self._threads = [threading.Thread(target=self._work, name=f"{name}-{n}", daemon=True) for n in range(threads)]
        for thread in self._threads:
            thread.start()

    def submit(self, function: Callable[[], T]) -> Future[T]:
        """Has `function` run soon.

        Raises:
            UnavailableError: the queue is full.
        """
        job = _Job(function)
        try:
            self._jobs.put_nowait(job)  # type: ignore[arg-type]
        except queue.Full:
            raise UnavailableError(self.refusal) from None
        return job.future

    @property
    def refusal(self) -> str:
        """What to tell whoever finds the queue full."""
        return f"{self.max_waiting} requests are waiting, as many as this server lets wait; try again later"

    @property
    def waiting(self) -> int:
        """How many jobs wait for a thread."""
        return self._jobs.qsize()

    def stop(self, timeout: float) -> None:
        """Ends the threads after the work at hand, waiting `timeout` seconds at most."""
        deadline = time.monotonic() + timeout
        with contextlib.suppress(queue.Full):  # then the threads hang and will not end anyway
            for _ in self._threads:
                self._jobs.put(None, timeout=max(0.0, deadline - time.monotonic()))
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job.run(self._on_start)
            del job  # an idle thread must not keep the last request alive
