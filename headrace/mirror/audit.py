"""The mirror's audit log: who asked for what, and what was said, in JSON lines that are only appended to.

audit/audit.jsonl       one line an event; at a certain size it becomes audit.jsonl.1, and so on
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from headrace.core.line_file import LineFile
from headrace.core.log_lines import fields

logger = logging.getLogger(__name__)

FILE = "audit.jsonl"
_MAX_BYTES = 16 << 20
_KEPT_FILES = 8
_MAX_TEXT = 1000


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asked for something.

    Attributes:
        address: where it came from; "" for the mirror itself.
        agent: what it says that it is.
        name: whose token it has; "" without one.
    """

    address: str = ""
    agent: str = ""
    name: str = ""


class AuditLog:
    """Appends events to a file. Its methods may be called from several threads, and several processes may share the folder.

    A file that cannot be written, such as on a full disk, stops nothing: it is logged once and counted.

    Args:
        folder: of the file; it is made where it is missing.
        failed: is called for each event that the file lacks.
        clock: seconds since 1970.
        max_bytes: a file of this size is put aside.
        kept_files: how many of those are kept.
    """

    def __init__(
        self,
        folder: Path,
        failed: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.time,
        max_bytes: int = _MAX_BYTES,
        kept_files: int = _KEPT_FILES,
    ) -> None:
        self._folder = folder
        self._failed = failed
        self._clock = clock
        self._bounds = (max_bytes, kept_files)
        self._lock = threading.Lock()
        self._file: LineFile | None = None
        self._failing = False
        self._closed = False

    def record(self, action: str, outcome: str, caller: Caller | None = None, durable: bool = False, **details: Any) -> None:
        """Notes an event.

        Args:
            action: such as "file" or "upload".
            outcome: such as "refused".
            caller: who asked; None for the mirror itself.
            durable: wait until it is on the disk: for what changes something.
            details: more about it, as JSON has it, and no secrets. Long texts are cut.
        """
        who = caller or Caller()
        event = {
            "time": datetime.fromtimestamp(self._clock(), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "action": action,
            "outcome": outcome,
            "address": who.address,
            "agent": who.agent,
            "name": who.name,
            **details,
        }
        line = json.dumps({key: _bounded(value) for key, value in event.items()}, default=str).encode() + b"\n"
        with self._lock:
            self._write(line, durable)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file. What is noted later, by work that has outlived its request, is written all the same."""
        with self._lock:
            self._closed = True
            if self._file is not None:
                self._file.close()
                self._file = None

    def _write(self, line: bytes, durable: bool) -> None:
        try:
            if self._file is None:
                self._folder.mkdir(parents=True, exist_ok=True)
                self._file = LineFile(self._folder / FILE, *self._bounds)
            self._file.write(line, durable)
            if self._closed:
                self._file.close()
        except OSError as error:
            self._failed()
            if not self._failing:
                logger.error("the audit log cannot be written: %s", error.strerror, extra=fields(path=self._folder / FILE))
            self._failing = True
        else:
            self._failing = False


def _bounded(value: Any) -> Any:
    return value[:_MAX_TEXT] if isinstance(value, str) else value
