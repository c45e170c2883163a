"""Ends calls whose request does not arrive in time.

gRPC's server gives a call a thread before its request is there, so clients that send a little and then nothing could hold them all.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from headrace.serving.workers import Workers

_LOOK_SECONDS = 0.25


class Receiving:
    """Watches the threads that wait for requests.

    Args:
        seconds: how long a request may take to arrive.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._waiting: dict[int, tuple[float, Any]] = {}
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._look, name="grpc-receiving", daemon=True)

    def start(self) -> None:
        """Starts to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread."""
        self._ending.set()

    def run(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Calls `function`, a job of gRPC's server; its time runs until `received` is called on this thread, or it returns.

        The server offers no other hold on a call whose request is not there than the event among the job's arguments.
        """
        event = next((each for each in args if hasattr(each, "call_details")), None)
        if event is not None:
            self._waiting[threading.get_ident()] = (time.monotonic() + self._seconds, event.call)
        try:
            return function(*args, **kwargs)
        finally:
            self.received()

    def received(self) -> None:
        """The request that this thread waited for is there."""
        self._waiting.pop(threading.get_ident(), None)

    def _look(self) -> None:
        while not self._ending.wait(_LOOK_SECONDS):
            now = time.monotonic()
            for thread, (deadline, call) in list(self._waiting.items()):
                if now > deadline and self._waiting.pop(thread, None) is not None:
                    call.cancel()


class WorkerPool:
    """Workers in the form of the executor that gRPC's server wants: of an executor it calls `submit` only."""

    def __init__(self, workers: Workers, receiving: Receiving) -> None:
        self._workers = workers
        self._receiving = receiving

    def submit(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Future[Any]:
        """Has a worker call `function`. The dispatcher has made sure that there is room."""
        return self._workers.submit(lambda: self._receiving.run(function, *args, **kwargs))


class WatchedPool(ThreadPoolExecutor):
    """An executor for calls that run no model."""

    def __init__(self, threads: int, name: str, receiving: Receiving) -> None:
        super().__init__(threads, name)
        self._receiving = receiving

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Has a thread call `fn`."""
        return super().submit(self._receiving.run, fn, *args, **kwargs)
