"""One request that waits for its batch."""

from __future__ import annotations

import math
import re
import threading
import time
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

import numpy as np

from headrace.core.errors import DeadlineExceededError
from headrace.serving.batching.tensors import Inputs, Outputs, check_rows

PRIORITIES = 8
DEFAULT_PRIORITY = 3
"""Urgencies as in HTTP's `Priority` header (RFC 9218): 0 is the most urgent of 8, 3 the usual one."""
_URGENCY = re.compile(r"(?:^|,)[ \t]*u=([0-7])[ \t]*(?:[,;]|$)")


def priority_of(header: str) -> int:
    """The urgency in a `Priority` header such as `u=1`; the usual one when it has none."""
    found = _URGENCY.search(header)
    return int(found[1]) if found else DEFAULT_PRIORITY


@dataclass(slots=True, eq=False)
class QueuedRequest:
    """A request, and the future that its caller waits on.

    Attributes:
        rows: the size of dimension 0 of every input.
        kind: only requests of the same signature and kind share a batch; None shares with no other.
        deadline: in `time.monotonic()` seconds; past it the request is not run.
        begun: told the rows of its batch when that begins to run.
    """

    signature: str
    inputs: Inputs
    rows: int
    kind: Hashable | None
    deadline: float = math.inf
    priority: int = DEFAULT_PRIORITY
    begun: Callable[[int], None] | None = None
    future: Future[Outputs] = field(default_factory=Future)
    queued_at: float = field(default_factory=time.monotonic)

    def begin(self, now: float) -> bool:
        """Called when its turn comes: false when nobody wants the answer any more."""
        if not self.future.set_running_or_notify_cancel():
            return False
        if now > self.deadline:
            self.expire()
            return False
        return True

    def expire(self) -> None:
        """Answers that the time is over."""
        self.future.set_exception(DeadlineExceededError("the time for this request ran out before the model could run"))


def gather(pieces: Sequence[QueuedRequest]) -> Future[Outputs]:
    """One future for a request that was cut into several: their outputs put together, or the first error."""
    whole: Future[Outputs] = Future()
    left = [len(pieces)]
    lock = threading.Lock()

    def done(_: Future[Outputs]) -> None:
        with lock:
            left[0] -= 1
            if left[0]:
                return
        if whole.set_running_or_notify_cancel():
            try:
                parts = [piece.future.result() for piece in pieces]
                for piece, part in zip(pieces, parts, strict=True):
                    check_rows(part, piece.rows)
                whole.set_result({name: np.concatenate([part[name] for part in parts]) for name in parts[0]})
            except Exception as error:  # noqa: BLE001  the future carries it to whoever waits
                whole.set_exception(error)

    def give_up(future: Future[Outputs]) -> None:
        if future.cancelled():
            for piece in pieces:
                piece.future.cancel()

    whole.add_done_callback(give_up)
    for piece in pieces:
        piece.future.add_done_callback(done)
    return whole
