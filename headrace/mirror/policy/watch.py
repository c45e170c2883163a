"""Takes up a policy's file, and advisories, that have changed while the mirror runs."""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path

from headrace.core.errors import OpError
from headrace.core.log_lines import fields
from headrace.mirror.audit import AuditLog
from headrace.mirror.policy.advisories.database import AdvisoryDatabase
from headrace.mirror.policy.judge import Judge
from headrace.mirror.policy.metrics import PolicyMetrics
from headrace.mirror.policy.reading import read_policy

logger = logging.getLogger(__name__)

POLL_SECONDS = 1.0

_State = tuple[int, ...]


class PolicyWatch:
    """Looks at the files. One with mistakes, or that is gone, leaves the policy in force as it is.

    Args:
        path: of the policy; None when it has no file.
        judge: takes the policy.
        database: of advisories.
        audit: told of changes and of files that are refused.
        metrics: told of them too.
    """

    def __init__(
        self, path: Path | None, judge: Judge, database: AdvisoryDatabase, audit: AuditLog, metrics: PolicyMetrics
    ) -> None:
        self._path = path
        self._judge = judge
        self._database = database
        self._audit = audit
        self._metrics = metrics
        self._seen: _State | None = None
        self._taken: _State | None = None
        self._complaint = ""

    async def run(self) -> None:
        """Looks again and again, until it is cancelled."""
        while True:
            await asyncio.sleep(POLL_SECONDS)
            looking = asyncio.ensure_future(asyncio.to_thread(self._look))
            try:
                await asyncio.shield(looking)
            except asyncio.CancelledError:
                await looking  # what it looks at is closed next
                raise

    def _look(self) -> None:
        try:
            self.look()
        except OSError:
            logger.exception("looking at the policy failed; trying again")

    def look(self) -> bool:
        """Looks at the files once; true when something new is in force then.

        A file that is being written is left alone: it is taken when two looks find it the same.
        """
        fresh = self._database.look()
        if fresh:
            status = self._database.status
            logger.info("other advisories are in force", extra=fields(advisories=status.advisories if status is not None else 0))
            self._metrics.event("advisories_changed")
        if self._path is None:
            return fresh
        state = _state(self._path)
        settled, self._seen = state == self._seen, state
        if not settled or state == self._taken:
            return fresh
        try:
            policy = read_policy(self._path)
        except OpError as error:
            self._taken = state
            self._refuse(error)
            return fresh
        if _state(self._path) != state:
            return fresh
        self._taken, self._complaint = state, ""
        self._metrics.outdated(False)
        if policy == self._judge.policy:
            return fresh
        self._judge.take(policy)
        logger.info("another policy is in force", extra=fields(path=self._path))
        self._metrics.event("reloaded")
        self._audit.record("policy", "changed", durable=True, path=str(self._path))
        return True

    def _refuse(self, error: OpError) -> None:
        self._metrics.outdated(True)
        if error.message == self._complaint:
            return
        self._complaint = error.message
        logger.error("the policy before stays in force: %s", error.message)
        self._metrics.event("mistakes")
        self._audit.record("policy", "refused", durable=True, path=str(self._path), reason=error.message)


def _state(path: Path) -> _State:
    """Changes when a file does; empty when it is not there."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return ()
    return found.st_mtime_ns, found.st_ino, found.st_size, found.st_dev
