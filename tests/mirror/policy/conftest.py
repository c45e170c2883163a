"""Judges whose databases are closed in the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from headrace.mirror.policy.advisories.database import AdvisoryDatabase
from headrace.mirror.policy.findings import Findings
from headrace.mirror.policy.judge import Judge
from headrace.mirror.policy.rules import Policy
from tests.mirror.policy.judging import Judging, judge_of


@pytest.fixture
def judging(tmp_path: Path) -> Iterator[Judging]:
    """Makes a judge by a policy, or one of a table; the root, by default `tmp_path`, has its advisories and findings."""
    with ExitStack() as stack:

        def make(policy: Policy | dict[str, Any], root: Path = tmp_path) -> Judge:
            database, findings = AdvisoryDatabase(root / "advisories"), Findings(root / "policy.sqlite")
            stack.callback(database.close)
            stack.callback(findings.close)
            return judge_of(policy, database, findings)

        yield make
