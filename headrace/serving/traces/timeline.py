"""The phases of one request, noted on its way. Only requests that are traced have a timeline."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

THREAD = "wait for a thread"
DECODE = "decode"
BATCH = "wait for a batch"
RUN = "run"
ENCODE = "encode"


@dataclass(slots=True, eq=False)
class Phase:
    """A part of a request: its times in nanoseconds since 1970, and `batch_rows`, the rows of the batch that ran; 0 without one."""

    name: str
    started: int
    ended: int = 0
    batch_rows: int = 0


@dataclass(slots=True, eq=False)
class Timeline:
    """The phases of a request so far, in order of their beginnings.

    Attributes:
        started: in nanoseconds since 1970.
        signature: what ran; several are parted by commas.
        rows: of the request's inputs; 0 where they have none.
    """

    started: int = field(default_factory=time.time_ns)
    phases: list[Phase] = field(default_factory=list)
    signature: str = ""
    rows: int = 0

    def begin(self, name: str) -> None:
        """A phase begins; one that has not ended goes on."""
        self.phases.append(Phase(name, time.time_ns()))

    def end(self, name: str) -> None:
        """The last phase of this name ends, if it has begun and not ended."""
        for phase in reversed(self.phases):
            if phase.name == name:
                phase.ended = phase.ended or time.time_ns()
                return

    def batch_begun(self, rows: int) -> None:
        """The request, or its first piece, runs in a batch of so many rows."""
        if self.phases and self.phases[-1].name == BATCH:
            self.end(BATCH)
            self.begin(RUN)
            self.phases[-1].batch_rows = rows

    def finish(self) -> list[Phase]:
        """All phases; those that have not ended end now."""
        now = time.time_ns()
        found = list(self.phases)  # a run that nobody waits for any more may note its end still
        for phase in found:
            phase.ended = phase.ended or now
        return found


def begin(timeline: Timeline | None, name: str) -> None:
    """A phase begins, where there is a timeline."""
    if timeline is not None:
        timeline.begin(name)


def end(timeline: Timeline | None, name: str) -> None:
    """A phase ends, where there is a timeline."""
    if timeline is not None:
        timeline.end(name)
