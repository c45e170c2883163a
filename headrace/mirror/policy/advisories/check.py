"""The rule of advisories."""

from __future__ import annotations

import math
import time

from packaging.version import Version

from headrace.mirror.policy.advisories.database import AdvisoryDatabase
from headrace.mirror.policy.advisories.records import Advisory, affected
from headrace.mirror.policy.candidates import Candidate
from headrace.mirror.policy.checks import Check
from headrace.mirror.policy.rules import AdvisoryException, AdvisoryRules, Verdict, first_pattern

_MOST_NAMED = 5


def advisories(rules: AdvisoryRules, database: AdvisoryDatabase, project: str) -> Check | None:
    """What is known to be wrong with a project's versions."""
    if database.status is None:
        return _missing if rules.required else None
    counting = [each for each in database.of(project) if _counts(rules, each)]
    return _Advised(rules, project, counting).check if counting else None


def _missing(found: Candidate, _: float) -> Verdict | None:
    return Verdict(
        f"{found.name} cannot be looked up: this mirror's policy asks for advisories, and none are imported; ask who runs the"
        " mirror to run `headrace mirror advisories import`"
    )


def _counts(rules: AdvisoryRules, advisory: Advisory) -> bool:
    if advisory.malicious:
        return True
    return rules.unrated if advisory.score is None else advisory.score >= rules.minimum


class _Advised:
    """The advisories that count for a project. What they say of a version is worked out once."""

    def __init__(self, rules: AdvisoryRules, project: str, counting: list[Advisory]) -> None:
        self._exceptions = [each for each in rules.exceptions if first_pattern([each.project], project) is not None]
        self._counting = [(each, affected(each)) for each in counting]
        self._known: dict[str, list[Advisory]] = {}

    def check(self, found: Candidate, now: float) -> Verdict | None:
        """What is wrong with a file's version."""
        wrong = self._known.get(found.version_text)
        if wrong is None:
            wrong = self._known[found.version_text] = self._wrong(found.version_text, found.version)
        if not wrong:
            return None
        excepted = [(each, _exception(self._exceptions, each, now)) for each in wrong]
        left = [each for each, exception in excepted if exception is None]
        if left:
            return Verdict(f"{found.name} has known faults: {_told(left)}; take another version")
        chosen = [(each, exception) for each, exception in excepted if exception is not None]
        until = min((exception.until for _, exception in chosen), default=math.inf)
        day = time.strftime("%Y-%m-%d", time.gmtime(until - 1))
        why = "; ".join(sorted({exception.reason for _, exception in chosen}))
        return Verdict(f"{found.name} has known faults, excepted until {day}: {_told(wrong)} ({why})", until, refused=False)

    def _wrong(self, text: str, version: Version | None) -> list[Advisory]:
        return [advisory for advisory, versions in self._counting if versions.has(text, version)]


def _exception(exceptions: list[AdvisoryException], advisory: Advisory, now: float) -> AdvisoryException | None:
    """The exception that covers an advisory. One of a malicious package must be named itself."""
    for each in exceptions:
        named = each.advisory.upper() in advisory.ids if each.advisory else not advisory.malicious
        if named and now < each.until:
            return each
    return None


def _told(found: list[Advisory]) -> str:
    worst = sorted(found, key=lambda each: (not each.malicious, -(each.score or 0.0), each.id))
    told = [
        f"{each.id} ({'malicious' if each.malicious else 'unrated' if each.score is None else f'CVSS {each.score:g}'})"
        for each in worst[:_MOST_NAMED]
    ]
    return ", ".join(told) + (f" and {len(worst) - _MOST_NAMED} more" if len(worst) > _MOST_NAMED else "")
