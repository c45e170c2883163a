"""The judge of a mirror for programs beside it, which ask nobody and change nothing."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from headrace.core.errors import FailedPreconditionError
from headrace.mirror.policy.advisories.database import AdvisoryDatabase
from headrace.mirror.policy.findings import Findings
from headrace.mirror.policy.judge import Judge
from headrace.mirror.policy.places import ADVISORIES, FINDINGS
from headrace.mirror.policy.rules import Policy


@contextlib.contextmanager
def judging(root: Path, rules: Policy) -> Iterator[Judge]:
    """A judge by these rules, who knows what the mirror at `root` has found out, until the block ends.

    Raises:
        FailedPreconditionError: what was found out cannot be read.
    """
    with contextlib.ExitStack() as stack:
        database = AdvisoryDatabase(root / ADVISORIES)
        stack.callback(database.close)
        there = (root / FINDINGS).is_file()
        try:
            findings = Findings(root / FINDINGS if there else Path(":memory:"))  # it makes nothing that the mirror could not write
        except sqlite3.Error as error:
            raise FailedPreconditionError(
                f"{root / FINDINGS} cannot be read: {error}; run this as the user of the mirror"
            ) from error
        stack.callback(findings.close)
        yield Judge(rules, database, findings)
