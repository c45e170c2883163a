"""Judges for tests, and files for them to judge."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from headrace.mirror.policy.advisories.database import AdvisoryDatabase
from headrace.mirror.policy.findings import Findings
from headrace.mirror.policy.judge import Judge
from headrace.mirror.policy.reading import parse_policy
from headrace.mirror.policy.rules import Policy

NOW = datetime(2026, 6, 15, tzinfo=UTC)
DAY = 86400.0


Judging = Callable[..., Judge]


def judge_of(policy: Policy | dict[str, Any], database: AdvisoryDatabase, findings: Findings) -> Judge:
    """A judge by a policy, or one of a table."""
    return Judge(policy if isinstance(policy, Policy) else parse_policy(policy, "this test"), database, findings)


def file(name: str, age_days: float | None = 100.0, **more: Any) -> dict[str, Any]:
    """A file's entry in a page."""
    uploaded = {} if age_days is None else {"upload-time": (NOW - timedelta(days=age_days)).isoformat().replace("+00:00", "Z")}
    return {"filename": name, "url": f"http://index.invalid/{name}", "hashes": {"sha256": "ab" * 32}, **uploaded, **more}


def refused(judge: Judge, project: str, name: str, **more: Any) -> str:
    """Why a file is refused now; "" when it is not."""
    verdict = judge.refusal(project, file(name, **more), NOW.timestamp())
    return verdict.reason if verdict is not None else ""
