"""Work that other threads have ready for an event loop, which is woken once for all that is ready together."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections import deque
from collections.abc import Callable

logger = logging.getLogger(__name__)


class Waking:
    """Calls on an event loop what other threads want called there. To wake it costs them a system call.

    Args:
        loop: the event loop.

    Attributes:
        loop: the same.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._ready: deque[Callable[[], object]] = deque()
        self._woken = False

    def add(self, call: Callable[[], object]) -> None:
        """Has `call` called soon; from any thread."""
        self._ready.append(call)
        if not self._woken:  # two threads may wake it both, which does no harm; none of them must leave it to the other
            self._woken = True
            with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile; nobody waits any more
                self.loop.call_soon_threadsafe(self._run)

    def _run(self) -> None:
        self._woken = False  # first: who comes from here on wakes it again
        for _ in range(len(self._ready)):
            try:
                self._ready.popleft()()
            except Exception:  # the others have to be called all the same
                logger.exception("what was to be done on the event loop failed")


_found = threading.local()


def waking_here() -> Waking:
    """That of the event loop that runs on this thread."""
    loop = asyncio.get_running_loop()
    known: Waking | None = getattr(_found, "own", None)
    if known is None or known.loop is not loop:
        known = _found.own = Waking(loop)
    return known
