"""Where files are given out: the policy is asked, and what it says is noted."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from headrace.core.errors import OpError, PermissionDeniedError
from headrace.core.log_lines import fields
from headrace.mirror.audit import AuditLog, Caller
from headrace.mirror.index.page import Document, sha256_of
from headrace.mirror.policy.inspection import Inspector
from headrace.mirror.policy.judge import Judge
from headrace.mirror.policy.metrics import PolicyMetrics
from headrace.mirror.policy.rules import Verdict
from headrace.mirror.upstream.source import Source

logger = logging.getLogger(__name__)


class Gate:
    """Lets files through. Used in one event loop.

    Args:
        judge: knows the rules.
        inspector: finds out what they need to know.
        audit: told of files that are refused, and of those that an exception lets through.
        metrics: told of them too.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        judge: Judge,
        inspector: Inspector,
        audit: AuditLog,
        metrics: PolicyMetrics,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._judge = judge
        self._inspector = inspector
        self._audit = audit
        self._metrics = metrics
        self._clock = clock

    async def check(self, source: Source, project: str, file: Document, caller: Caller) -> None:
        """Passes for a file that is given out.

        Args:
            source: has the file.
            project: its normal name.
            file: its entry in the project's page.
            caller: who asks.

        Raises:
            PermissionDeniedError: with the reason.
            OpError: what a rule needs to know cannot be found out now.
        """
        if self._judge.is_ready(project):
            verdicts = self._said(project, file)
        else:
            verdicts = await asyncio.to_thread(self._said, project, file)
        if not any(each.refused for each in verdicts):
            for verdict in [each for each in verdicts if each.pending]:
                await self._look(verdict, source, project, file)
                verdicts = self._said(project, file)
        for verdict in verdicts:
            if verdict.alert:
                self._metrics.event(verdict.alert)
                logger.error(verdict.alert, extra=fields(project=project, file=file["filename"], reason=verdict.reason))
        against = [each for each in verdicts if each.refused] or [each for each in verdicts if each.pending and not each.optional]
        if against:
            self._note("refused", against[0], project, file, caller)
            self._metrics.refused(against[0].rule)
            self._metrics.refusals.note(project, file["filename"], against[0].rule, against[0].reason)
            raise PermissionDeniedError(against[0].reason)
        for verdict in [each for each in verdicts if not each.pending]:
            self._note(verdict.alert or "excepted", verdict, project, file, caller)

    async def _look(self, verdict: Verdict, source: Source, project: str, file: Document) -> None:
        """Finds out what a rule needs to know."""
        try:
            await self._inspector.inspect(verdict.rule, source, project, file)
        except OpError as error:
            if not verdict.optional:
                raise
            self._metrics.event("not_looked_at")
            logger.warning("%s of %s could not be looked at: %s", verdict.rule, file["filename"], error.message)

    def _said(self, project: str, file: Document) -> list[Verdict]:
        return [each for each in self._judge.verdicts(project, file, self._clock()).values() if each is not None]

    def _note(self, outcome: str, verdict: Verdict, project: str, file: Document, caller: Caller) -> None:
        name = file["filename"]
        logger.warning(outcome, extra=fields(project=project, file=name, rule=verdict.rule, reason=verdict.reason))
        self._audit.record(
            "file",
            outcome,
            caller,
            project=project,
            file=name,
            sha256=sha256_of(file) or "",
            rule=verdict.rule,
            reason=verdict.reason,
        )
