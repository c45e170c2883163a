"""Reads an access configuration, and reads it again whenever its file changes."""

from __future__ import annotations

import logging
from pathlib import Path

from headrace.core.errors import OpError
from headrace.core.log_lines import fields
from headrace.serving.access.configuration import parse_access
from headrace.serving.access.gate import Gate
from headrace.serving.access.policy import Policy
from headrace.serving.audit import AuditLog
from headrace.serving.configuration import text
from headrace.serving.watching import Watching

logger = logging.getLogger(__name__)

POLL_SECONDS = 1.0
_WHO = "access_config_file"


def read_access(path: Path) -> Policy:
    """The policy that a file holds.

    Raises:
        OpError: the file cannot be read.
        InvalidArgumentError: it has mistakes; the error names all of them.
    """
    return parse_access(text.load(path), str(path))


class AccessWatcher:
    """Looks at the file on a thread of its own. A file that is refused, or is gone, leaves the policy in force as it is.

    Args:
        path: the file.
        gate: takes its policies.
        audit: told of changes and of files that are refused.
        poll_seconds: wait between two looks.
    """

    def __init__(self, path: Path, gate: Gate, audit: AuditLog, poll_seconds: float = POLL_SECONDS) -> None:
        self._path = path
        self._gate = gate
        self._audit = audit
        self._complaint = ""
        self._watching = Watching(self.look, poll_seconds, "access configuration")

    def __enter__(self) -> AccessWatcher:
        self._watching.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._watching.stop()

    def look(self) -> bool:
        """Looks at the file once; true when its policy is a new one, which is in force then."""
        try:
            policy = read_access(self._path)
        except OpError as error:
            if error.message != self._complaint:
                logger.error("the access configuration is not applied: %s", error.message, extra=fields(code=error.code))
                self._audit.record(_WHO, "access.put", str(self._path), error.code, {"error": error.message})
            self._complaint = error.message
            return False
        self._complaint = ""
        before = self._gate.policy
        if policy == before:
            return False
        self._gate.policy = policy
        changes = {"added": sorted(policy.callers - before.callers), "removed": sorted(before.callers - policy.callers)}
        logger.info("access configuration applied", extra=fields(path=self._path, callers=len(policy.callers)))
        self._audit.record(_WHO, "access.put", str(self._path), "OK", changes)
        return True
