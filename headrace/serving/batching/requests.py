"""One request that waits for its batch."""

from __future__ import annotations

import math
import re
import threading
import time
from collections.abc import Callable, Hashable, Sequence

import numpy as np

from headrace.core.errors import DeadlineExceededError
from headrace.serving.batching.tensors import Inputs, Outputs, check_rows
from headrace.serving.promise import Promise

PRIORITIES = 8
DEFAULT_PRIORITY = 3
"""Urgencies as in HTTP's `Priority` header (RFC 9218): 0 is the most urgent of 8, 3 the usual one."""
_URGENCY = re.compile(r"(?:^|,)[ \t]*u=([0-7])[ \t]*(?:[,;]|$)")


def priority_of(header: str) -> int:
    """The urgency in a `Priority` header such as `u=1`; the usual one when it has none."""
    found = _URGENCY.search(header)
    return int(found[1]) if found else DEFAULT_PRIORITY


class QueuedRequest(Promise[Outputs]):
    """A request, which is also the promise of its outputs.

    Attributes:
        signature: that it asks for.
        inputs: exactly those of the signature.
        rows: the size of dimension 0 of every input.
        kind: only requests of the same signature and kind share a batch; None shares with no other.
        deadline: in `time.monotonic()` seconds; past it the request is not run.
        priority: 0, the most urgent, to 7.
        begun: told the rows of its batch when that begins to run.
        queued_at: when it came, in `time.monotonic()` seconds.
        number: which came first; the queue's.
    """

    __slots__ = ("begun", "deadline", "inputs", "kind", "number", "priority", "queued_at", "rows", "signature")

    def __init__(
        self,
        signature: str,
        inputs: Inputs,
        rows: int,
        kind: Hashable | None,
        deadline: float = math.inf,
        priority: int = DEFAULT_PRIORITY,
        begun: Callable[[int], None] | None = None,
    ) -> None:
        super().__init__()
        self.signature = signature
        self.inputs = inputs
        self.rows = rows
        self.kind = kind
        self.deadline = deadline
        self.priority = priority
        self.begun = begun
        self.queued_at = time.monotonic()
        self.number = 0

    def begin_at(self, now: float) -> bool:
        """Called when its turn comes: false when nobody wants the answer any more."""
        if not self.begin():
            return False
        if now > self.deadline:
            self.expire()
            return False
        return True

    def expire(self) -> None:
        """Answers that the time is over."""
        self.fail(DeadlineExceededError("the time for this request ran out before the model could run"))


def gather(pieces: Sequence[QueuedRequest]) -> Promise[Outputs]:
    """One promise for a request that was cut into several: their outputs put together, or the first error."""
    whole: Promise[Outputs] = Promise()
    left = [len(pieces)]
    lock = threading.Lock()

    def done() -> None:
        with lock:
            left[0] -= 1
            if left[0]:
                return
        if whole.begin():
            try:
                parts = [piece.result() for piece in pieces]
                for piece, part in zip(pieces, parts, strict=True):
                    check_rows(part, piece.rows)
                whole.give({name: np.concatenate([part[name] for part in parts]) for name in parts[0]})
            except Exception as error:  # noqa: BLE001  the promise carries it to whoever waits
                whole.fail(error)

    def give_up() -> None:
        if whole.cancelled:
            for piece in pieces:
                piece.cancel()

    whole.when_done(give_up)
    for piece in pieces:
        piece.when_done(done)
    return whole
