"""Models on their way out: drained and unloaded in the background, so that nobody waits for their last request."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

from headrace.serving.lifecycle import ModelLifecycle

_TRY_SECONDS = 60.0
_SLACK_SECONDS = 1.0


class Departures:
    """Unloads models that are no longer listed."""

    def __init__(self) -> None:
        self._threads: list[threading.Thread] = []

    def add(self, lifecycle: ModelLifecycle) -> None:
        """Drains and unloads a model, however long its requests take."""
        thread = threading.Thread(target=_leave, args=(lifecycle,), name=f"unload-{lifecycle.name}", daemon=True)
        self._threads = [*(each for each in self._threads if each.is_alive()), thread]
        thread.start()

    def wait(self, deadline: float) -> bool:
        """Waits for all until `deadline` (of time.monotonic); true when all are unloaded."""
        return _join(self._threads, deadline)


def stop_all(lifecycles: Sequence[ModelLifecycle], deadline: float) -> bool:
    """Stops all at the same time, until `deadline` (of time.monotonic); true when all are unloaded."""
    done: list[bool] = []

    def stop(lifecycle: ModelLifecycle) -> None:
        done.append(lifecycle.stop(max(0.0, deadline - time.monotonic())))

    threads = [threading.Thread(target=stop, args=(each,), name=f"stop-{each.name}", daemon=True) for each in lifecycles]
    for thread in threads:
        thread.start()
    _join(threads, deadline + _SLACK_SECONDS)
    return len(done) == len(lifecycles) and all(done)


def _leave(lifecycle: ModelLifecycle) -> None:
    while not lifecycle.stop(_TRY_SECONDS):
        pass


def _join(threads: Sequence[threading.Thread], deadline: float) -> bool:
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return not any(thread.is_alive() for thread in threads)
