"""Stops asking an upstream that fails, and tries it again after a while."""

from __future__ import annotations

import time
from collections.abc import Callable

from headrace.core.errors import UnavailableError


class Breaker:
    """Closed while upstream answers; open for a while after several failures in a row; then one request is a test.

    Args:
        name: of the upstream, for the error.
        failures: so many in a row open it.
        seconds: it stays open.
        clock: in seconds, monotonic.
    """

    def __init__(self, name: str, failures: int = 5, seconds: float = 30.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._name = name
        self._limit = failures
        self._seconds = seconds
        self._clock = clock
        self._failures = 0
        self._until = 0.0
        self._reason = ""
        self._problem = ""
        self._failing_since = 0.0
        self._answered: float | None = None

    @property
    def failures(self) -> int:
        """In a row, up to now."""
        return self._failures

    @property
    def failing_seconds(self) -> float:
        """Since the first of the failures in a row; 0 without one."""
        return self._clock() - self._failing_since if self._failures else 0.0

    @property
    def answered(self) -> float | None:
        """When upstream last answered, in seconds since 1970; None when it has not since the start."""
        return self._answered

    @property
    def is_open(self) -> bool:
        """True while upstream is not asked."""
        return self._failures >= self._limit and self._clock() < self._until

    def check(self) -> None:
        """Lets a request through, or not.

        Raises:
            UnavailableError: upstream has failed too often just now.
        """
        if self.is_open:
            wait = max(1, round(self._until - self._clock()))
            reason = self._reason or f"failed {self._failures} times in a row, at last: {self._problem}"
            raise UnavailableError(f"upstream {self._name!r} {reason}; it is asked again in {wait} s")
        if self._failures >= self._limit:
            self._until = self._clock() + self._seconds  # this request is the test; the others wait for what comes of it

    def succeeded(self) -> None:
        """Upstream has answered."""
        self._failures = 0
        self._reason = ""
        self._answered = time.time()

    def rest(self, seconds: float) -> None:
        """Upstream asks to be left alone for so long."""
        if not self._failures:
            self._failing_since = self._clock()
        self._failures = max(self._failures, self._limit)
        self._until = max(self._until, self._clock() + seconds)
        self._reason = "asks to be left alone"

    def failed(self, problem: str = "no answer") -> None:
        """Upstream has not answered, or with a fault of its own; `problem` says which."""
        self._problem = problem
        if not self._failures:
            self._failing_since = self._clock()
        self._failures += 1
        if self._failures >= self._limit:
            self._until = self._clock() + self._seconds


class Shut(Breaker):
    """Lets nothing through: of an upstream that is not to be asked at all."""

    @property
    def is_open(self) -> bool:
        """True, always."""
        return True

    def check(self) -> None:
        """Raises UnavailableError, always."""
        raise UnavailableError("this mirror asks nobody (--offline), and has not got what was asked for")
