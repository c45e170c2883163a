"""A fixed number of daemon threads for requests, with a bounded queue before them.

The standard executor would wait at exit for a run that hangs; daemon threads let the server leave after its grace period.
"""

from __future__ import annotations

import logging
import os
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from headrace.core.errors import UnavailableError

logger = logging.getLogger(__name__)

T = TypeVar("T")


def default_threads() -> int:
    """Four threads a core, as in TensorFlow Serving, but at most 32."""
    return min(4 * (os.cpu_count() or 1), 32)


class _Job:
    """Work that waits for a thread; `future` is for whoever wants to know what came of it."""

    __slots__ = ("function", "future", "queued_at")

    def __init__(self, function: Callable[[], object], future: Future[Any] | None) -> None:
        self.function = function
        self.future = future
        self.queued_at = time.perf_counter()

    def run(self, on_start: Callable[[float], None]) -> None:
        future = self.future
        if future is not None and not future.set_running_or_notify_cancel():
            return
        on_start(time.perf_counter() - self.queued_at)
        try:
            result = self.function()
        except BaseException as error:
            if future is None:
                logger.exception("work failed that nobody waits for")
            else:
                future.set_exception(error)
                del self, future  # the error's traceback has this frame, and these have the error
        else:
            if future is not None:
                future.set_result(result)


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
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._on_start = on_start
        self._threads = [threading.Thread(target=self._work, name=f"{name}-{n}", daemon=True) for n in range(threads)]
        for thread in self._threads:
            thread.start()

    def submit(self, function: Callable[[], T]) -> Future[T]:
        """Has `function` run soon.

        Raises:
            UnavailableError: the queue is full.
        """
        future: Future[T] = Future()
        self._put(_Job(function, future))
        return future

    def run(self, function: Callable[[], object]) -> None:
        """Has `function` run soon, which says itself what comes of it; see `submit`."""
        self._put(_Job(function, None))

    def _put(self, job: _Job) -> None:
        with self._lock:  # or two could both find the last place
            if self._jobs.qsize() >= self.max_waiting:
                raise UnavailableError(self.refusal)
            self._jobs.put(job)

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
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job.run(self._on_start)
            del job  # an idle thread must not keep the last request alive
