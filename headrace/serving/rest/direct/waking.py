"""Work that other threads have ready for the event loop, which is woken once for all that is ready together."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable


class Waking:
    """Calls on the event loop what other threads want called there.

    Args:
        loop: the event loop.

    Attributes:
        loop: the same.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._ready: deque[Callable[[], None]] = deque()
        self._woken = False

    def add(self, call: Callable[[], None]) -> None:
        """Has `call` called soon; from any thread. It must not raise."""
        self._ready.append(call)
        if not self._woken:  # two threads may wake it both, which does no harm; none of them must leave it to the other
            self._woken = True
            with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile; nobody waits any more
                self.loop.call_soon_threadsafe(self._run)

    def _run(self) -> None:
        self._woken = False  # first: who comes from here on wakes it again
        for _ in range(len(self._ready)):
            self._ready.popleft()()
