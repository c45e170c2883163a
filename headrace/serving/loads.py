"""How many versions load at once, over all models of a server."""

from __future__ import annotations

import threading


class LoadSlots:
    """Counts loads in progress.

    Args:
        limit: how many there may be at once; may be changed at any time.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._lock = threading.Lock()
        self._taken = 0

    def take(self) -> bool:
        """Takes a slot for one load; false when none is free."""
        with self._lock:
            free = self._taken < self.limit
            self._taken += free
            return free

    def give_back(self) -> None:
        """Gives a slot back after its load."""
        with self._lock:
            self._taken -= 1
