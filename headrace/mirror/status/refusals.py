"""The last files that were not given out, and why."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

MOST = 200
_MAX_REASON = 500


@dataclass(frozen=True, slots=True)
class Refusal:
    """A file that was not given out.

    Attributes:
        when: in seconds since 1970.
        project: its normal name.
        file: its name.
        rule: what kind of rule refused it.
        reason: what the client was told.
    """

    when: float
    project: str
    file: str
    rule: str
    reason: str


class Refusals:
    """The last ones, the newest first; those before are in the log. Used in one event loop.

    Args:
        clock: seconds since 1970.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._last: deque[Refusal] = deque(maxlen=MOST)

    def note(self, project: str, file: str, rule: str, reason: str) -> None:
        """A file was refused."""
        self._last.appendleft(Refusal(self._clock(), project, file, rule, reason[:_MAX_REASON]))

    @property
    def last(self) -> list[Refusal]:
        """The last ones, the newest first."""
        return list(self._last)
