"""Takes a file of traffic rules again whenever it changes."""

from __future__ import annotations

import logging
from pathlib import Path

from headrace.core.errors import FailedPreconditionError, OpError
from headrace.core.log_lines import fields
from headrace.serving.routing.governor import Governor
from headrace.serving.routing.rules import load
from headrace.serving.watching import Watching

logger = logging.getLogger(__name__)

_SETTLE_SECONDS = 0.1
"""A file that changes within this time is still being written: its first half may be rules too."""


class RulesWatcher:
    """Polls a file of rules on a thread of its own.

    A file that is refused leaves the rules as they are. One that names what is not there is tried again at every look, since a
    version may still be on its way; its error is logged once.

    Args:
        path: the file.
        poll_seconds: wait between two looks.
        traffic: takes the rules.
        seen: the file's bytes when its rules were taken last.
    """

    def __init__(self, path: Path, poll_seconds: float, traffic: Governor, seen: bytes) -> None:
        self._path = path
        self._traffic = traffic
        self._seen = seen
        self._complaint = ""
        self._watching = Watching(self.look, poll_seconds, "traffic rules")

    def start(self) -> None:
        """Starts to look at the file."""
        self._watching.start()

    def stop(self, timeout: float) -> None:
        """Ends the thread, waiting `timeout` seconds at most."""
        self._watching.stop(timeout)

    def look(self) -> bool:
        """Looks at the file once. Returns true when its rules were taken."""
        try:
            data = load(self._path)
            if data != self._seen:
                self._watching.ending.wait(_SETTLE_SECONDS)
                if load(self._path) != data:
                    return False
        except OpError as error:
            self._complain(error)
            return False
        if data == self._seen:
            return False
        try:
            self._traffic.replace_by_file(data, str(self._path))
        except OpError as error:
            self._complain(error)
            if not isinstance(error, FailedPreconditionError):
                self._seen = data
            return False
        self._seen, self._complaint = data, ""
        return True

    def _complain(self, error: OpError) -> None:
        if error.message != self._complaint:
            logger.error("the traffic rules are not taken: %s", error.message, extra=fields(path=self._path, code=error.code))
        self._complaint = error.message
