"""How old the oldest page was that was given out a short while ago: how far behind upstream clients may be."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

WINDOW_SECONDS = 600.0
_STEP_SECONDS = 60.0


class RecentAges:
    """The greatest ages of the last ten minutes, by upstream.

    Args:
        clock: seconds since 1970.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._steps: deque[tuple[float, dict[str, float]]] = deque()

    def note(self, upstream: str, age: float) -> None:
        """A page of this age, in seconds, was given out."""
        now = self._clock()
        with self._lock:
            self._forget(now)
            if not self._steps or now - self._steps[-1][0] >= _STEP_SECONDS:
                self._steps.append((now, {}))
            worst = self._steps[-1][1]
            worst[upstream] = max(age, worst.get(upstream, 0.0))

    def oldest(self) -> dict[str, float]:
        """By upstream, in seconds; nothing of those of which no page was given out."""
        found: dict[str, float] = {}
        with self._lock:
            self._forget(self._clock())
            for _, worst in self._steps:
                for upstream, age in worst.items():
                    found[upstream] = max(age, found.get(upstream, 0.0))
        return found

    def _forget(self, now: float) -> None:
        """Also what is of later, when the clock was put back."""
        while self._steps and not 0 <= now - self._steps[0][0] <= WINDOW_SECONDS:
            self._steps.popleft()
