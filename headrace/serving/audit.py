"""The audit log: who changed, or tried to change, what, when, and with what outcome."""

from __future__ import annotations

import collections
import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from headrace.core.errors import InvalidArgumentError
from headrace.core.exposition import Counter, Family
from headrace.core.line_file import LineFile
from headrace.core.log_lines import fields

logger = logging.getLogger(__name__)

KEPT_EVENTS = 1000
"""Events in memory."""
MAX_DETAILS_BYTES = 8 << 10
"""Of the details of an event, as JSON; longer ones are cut."""
_MAX_NAME = 256


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that was done or tried.

    Attributes:
        time: in seconds since 1970.
        who: the caller's name, or where it came from.
        action: such as "models.reload".
        target: what it was done to.
        outcome: "OK" or the canonical code of the refusal.
        details: more about it, as JSON has it.
    """

    time: float
    who: str
    action: str
    target: str
    outcome: str
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AuditOptions:
    """Where events go beside the memory.

    Attributes:
        file: JSON lines are appended to it; None keeps events in memory only.
        max_bytes: a file of this size becomes FILE.1, and what was FILE.1 becomes FILE.2.
        kept_files: how many such older files there are at most.
    """

    file: Path | None = None
    max_bytes: int = 16 << 20
    kept_files: int = 4


class AuditLog:
    """Keeps the last events in memory, and writes all to a file where there is one.

    A file that cannot be written, such as on a full disk, stops nothing: it is logged once and counted, and the file is opened
    anew for the next event.

    Args:
        options: where events go.
        clock: the time, in seconds since 1970.
        forward: takes the events instead; for one of several processes, whose events stand in the log of all.

    Raises:
        InvalidArgumentError: the file cannot be opened; only at the start.
    """

    def __init__(
        self,
        options: AuditOptions | None = None,
        clock: Callable[[], float] = time.time,
        forward: Callable[[Event], None] | None = None,
    ) -> None:
        self._options = (options or AuditOptions()) if forward is None else AuditOptions()
        self._forward = forward
        self._clock = clock
        self._lock = threading.Lock()
        self._events: collections.deque[Event] = collections.deque(maxlen=KEPT_EVENTS)
        self._total = Counter("headrace_serving_audit_events_total", "Events of the audit log.", ["action", "outcome"])
        self._failures = Counter("headrace_serving_audit_write_failures_total", "Events that the audit file lacks.")
        self._failures.add((), 0.0)  # so that the first failure is seen as a change
        self._file: LineFile | None = None
        self._failing = False
        if self._options.file is not None:
            try:
                self._file = self._open(self._options.file)
            except OSError as error:
                raise InvalidArgumentError(
                    f"cannot write the audit log {self._options.file}: {error.strerror}; expected a file in a folder that is there"
                ) from None

    def record(self, who: str, action: str, target: str, outcome: str, details: Mapping[str, Any] | None = None) -> None:
        """Notes an event; see `Event`. Details hold what JSON has, and no secrets."""
        event = Event(round(self._clock(), 3), who[:_MAX_NAME], action, target[:_MAX_NAME], outcome, _bounded(details or {}))
        self._total.add((action, outcome))
        if self._forward is not None:
            self._forward(event)
        else:
            self.keep(event)

    def keep(self, event: Event) -> None:
        """Notes an event that was counted where it came from."""
        with self._lock:
            self._events.append(event)
            if self._options.file is not None:
                self._write(self._options.file, json.dumps(asdict(event)).encode() + b"\n")

    def recent(self, limit: int = KEPT_EVENTS) -> list[Event]:
        """The last `limit` events, newest first."""
        with self._lock:
            return list(self._events)[: -limit - 1 : -1]

    def families(self) -> list[Family]:
        """What it counts."""
        return [self._total, self._failures]

    def close(self) -> None:
        """Closes the file."""
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None

    def _write(self, path: Path, line: bytes) -> None:
        """Appends a line; what cannot be written is counted."""
        try:
            if self._file is None:
                self._file = self._open(path)
            self._file.write(line)
        except OSError as error:
            self._failures.add(())
            if not self._failing:
                logger.error("the audit log cannot be written: %s", error.strerror, extra=fields(path=path))
            self._failing = True
        else:
            self._failing = False

    def _open(self, path: Path) -> LineFile:
        return LineFile(path, self._options.max_bytes, self._options.kept_files)


def _bounded(details: Mapping[str, Any]) -> Mapping[str, Any]:
    """The details as JSON keeps them, cut where they are long."""
    text = json.dumps(details, default=str)
    if len(text) <= MAX_DETAILS_BYTES:
        kept: Mapping[str, Any] = json.loads(text)
        return kept
    return {"cut": text[:MAX_DETAILS_BYTES]}
