"""The parts that a mirror's policy is made of."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from headrace.mirror.audit import AuditLog
from headrace.mirror.downloads import Downloads
from headrace.mirror.policy.advisories.database import AdvisoryDatabase
from headrace.mirror.policy.findings import open_findings
from headrace.mirror.policy.gate import Gate
from headrace.mirror.policy.inspection import Inspector
from headrace.mirror.policy.judge import Judge
from headrace.mirror.policy.metrics import PolicyMetrics
from headrace.mirror.policy.places import ADVISORIES, AUDIT, FINDINGS
from headrace.mirror.policy.rules import Policy
from headrace.mirror.policy.watch import PolicyWatch
from headrace.store.blobs import BlobStore


@dataclass(frozen=True, slots=True)
class Enforcement:
    """What a mirror asks.

    Attributes:
        judge: says which files are listed.
        gate: lets files through.
        audit: notes events.
        metrics: counts them.
        database: the advisories.
    """

    judge: Judge
    gate: Gate
    audit: AuditLog
    metrics: PolicyMetrics
    database: AdvisoryDatabase

    def metrics_text(self) -> str:
        """The policy's part of the page that Prometheus reads."""
        return self.metrics.text(self.database.status, time.time())


@contextlib.asynccontextmanager
async def enforced(
    root: Path, written: Path, policy: Policy, policy_file: Path | None, downloads: Downloads, store: BlobStore
) -> AsyncIterator[Enforcement]:
    """A policy at work, until the block ends.

    Args:
        root: the mirror's folder.
        written: where events, and what is found out, are written.
        policy: the rules at first.
        policy_file: is looked at for others; None when there is none.
        downloads: fetches what rules look at.
        store: has it then.
    """
    metrics = PolicyMetrics()
    audit = AuditLog(written / AUDIT, metrics.audit_failed)
    database = await asyncio.to_thread(AdvisoryDatabase, root / ADVISORIES)
    findings = await asyncio.to_thread(open_findings, written / FINDINGS)
    judge = Judge(policy, database, findings)
    inspector = Inspector(findings, downloads, store)
    watch = asyncio.create_task(PolicyWatch(policy_file, judge, database, audit, metrics).run())
    try:
        yield Enforcement(judge, Gate(judge, inspector, audit, metrics), audit, metrics, database)
    finally:
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)
        await inspector.close()
        findings.close()
        database.close()
        audit.close()
