"""When a call is tried again, and how long it waits before."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass

from headrace.core.errors import DeadlineExceededError, InvalidArgumentError, UnavailableError


@dataclass(frozen=True, slots=True)
class Retries:
    """How often calls are tried again after UNAVAILABLE.

    Waits are drawn evenly from zero to `base_seconds`, doubled at each further try up to `max_seconds`, so that clients that
    failed together do not come back together.

    Attributes:
        limit: further tries of one call; 0 for none.
        base_seconds: the longest first wait.
        max_seconds: the longest wait of all.
        ratio: over time, retries are at most this part of the calls ...
        burst: ... beyond so many that a client may make at once.

    Raises:
        InvalidArgumentError: a number is below zero or no number.
    """

    limit: int = 3
    base_seconds: float = 0.05
    max_seconds: float = 2.0
    ratio: float = 0.1
    burst: float = 10.0

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            if not 0 <= value < float("inf"):
                raise InvalidArgumentError(f"{name} of Retries is {value}; expected a finite number of 0 or more")


class Budget:
    """A bucket of tokens, shared by a client's calls: each call puts in a part of one, each retry takes one out."""

    def __init__(self, retries: Retries) -> None:
        self._retries = retries
        self._tokens = float(retries.burst)
        self._lock = threading.Lock()

    def earn(self) -> None:
        """A call was made."""
        with self._lock:
            self._tokens = min(self._retries.burst, self._tokens + self._retries.ratio)

    def spend(self) -> bool:
        """True when a retry may be made."""
        with self._lock:
            if self._tokens < 1:
                return False
            self._tokens -= 1
            return True


class Attempts:
    """The tries of one call, which all end at one deadline.

    Args:
        retries: the rule.
        budget: that of the client.
        seconds: for the whole call.
    """

    def __init__(self, retries: Retries, budget: Budget, seconds: float) -> None:
        self._retries = retries
        self._budget = budget
        self._seconds = seconds
        self.deadline = time.monotonic() + seconds
        self._made = 0
        budget.earn()

    def remaining(self) -> float:
        """Seconds until the deadline.

        Raises:
            DeadlineExceededError: it has passed.
        """
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise self.late()
        return left

    def late(self) -> DeadlineExceededError:
        """The error of a call whose time is over."""
        return DeadlineExceededError(f"the server did not answer within {self._seconds:g} s; give the call a longer timeout")

    def wait_after(self, error: UnavailableError) -> float:
        """Seconds to wait before the next try.

        Raises:
            UnavailableError: `error`, when there is no next try: too many, no budget, or no time.
        """
        longest = min(self._retries.max_seconds, self._retries.base_seconds * 2.0 ** min(self._made, 60))
        wait = random.uniform(0, longest)
        if self._made >= self._retries.limit or time.monotonic() + wait >= self.deadline or not self._budget.spend():
            raise error
        self._made += 1
        return wait
