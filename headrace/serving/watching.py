"""A thread that looks at something again and again."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

logger = logging.getLogger(__name__)


class Watching:
    """Calls `look` every `seconds`, from the first wait on, until it is stopped.

    Args:
        look: looks once. What it raises is logged: it must not end the thread, since the next look may find what it waits for.
        seconds: the wait between two looks.
        what: is looked at, for the log and the thread's name.

    Attributes:
        ending: set once it is to stop; `look` may wait for it.
    """

    def __init__(self, look: Callable[[], object], seconds: float, what: str) -> None:
        self.ending = threading.Event()
        self._look = look
        self._seconds = seconds
        self._what = what
        self._thread = threading.Thread(target=self._run, name=f"watching {what}", daemon=True)

    def start(self) -> None:
        """Starts to look."""
        self._thread.start()

    def stop(self, timeout: float | None = None) -> None:
        """Ends the thread, and waits for a look at work, `timeout` seconds at most."""
        self.ending.set()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def _run(self) -> None:
        while not self.ending.wait(self._seconds):
            try:
                self._look()
            except Exception:
                logger.exception("looking at the %s failed; trying again", self._what)
