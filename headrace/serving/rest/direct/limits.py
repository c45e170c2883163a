"""Time limits of many requests at once, on one timer."""

from __future__ import annotations

import asyncio
import time
from typing import Generic, Protocol, TypeVar


class Limited(Protocol):
    """What may take only so long."""

    def too_late(self) -> None:
        """Its time is over."""


L = TypeVar("L", bound=Limited)


class TimeLimits(Generic[L]):
    """Tells requests when their time is over. All may take equally long, so they end in the order in which they began.

    Args:
        loop: the event loop.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._ends: dict[L, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def add(self, request: L, end: float) -> None:
        """Tells `request` at `end`, of `time.monotonic()`, unless it is removed before."""
        self._ends[request] = end
        if self._timer is None:
            self._timer = self._loop.call_later(end - time.monotonic(), self._look)

    def remove(self, request: L) -> None:
        """Forgets a request."""
        self._ends.pop(request, None)

    def _look(self) -> None:
        self._timer = None
        now = time.monotonic()
        late: list[L] = []
        for request, end in self._ends.items():
            if end > now:
                self._timer = self._loop.call_later(end - now, self._look)
                break
            late.append(request)
        for request in late:
            self.remove(request)
            request.too_late()
