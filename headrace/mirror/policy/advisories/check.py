"""The rule of advisories."""

from __future__ import annotations

import heapq
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

from headrace.mirror.policy.advisories.database import AdvisoryDatabase
from headrace.mirror.policy.advisories.records import Advisory, Affecting
from headrace.mirror.policy.candidates import Candidate
from headrace.mirror.policy.checks import Check
from headrace.mirror.policy.rules import AdvisoryException, AdvisoryRules, Verdict, first_pattern

_MOST_NAMED = 5


def advisories(rules: AdvisoryRules, database: AdvisoryDatabase, project: str) -> Check | None:
    """What is known to be wrong with a project's versions."""
    if database.status is None:
        return _missing if rules.required else None
    affecting = database.of(project)
    counting = [each for each in affecting.advisories if _counts(rules, each)]
    return _Advised(rules, project, affecting, counting).check if counting else None


def _missing(found: Candidate, _: float) -> Verdict | None:
    return Verdict(
        f"{found.name} cannot be looked up: this mirror's policy asks for advisories, and none are imported; ask who runs the"
        " mirror to run `headrace mirror advisories import`"
    )


def _counts(rules: AdvisoryRules, advisory: Advisory) -> bool:
    if advisory.malicious:
        return True
    return rules.unrated if advisory.score is None else advisory.score >= rules.minimum


@dataclass(frozen=True, slots=True)
class _Said:
    """What is said of a version, until then, in seconds since 1970; nothing where the reason is empty."""

    reason: str
    refused: bool
    until: float


class _Advised:
    """The advisories that count for a project. What they say of a version is worked out once, and again when an exception ends."""

    def __init__(self, rules: AdvisoryRules, project: str, affecting: Affecting, counting: Sequence[Advisory]) -> None:
        self._exceptions = [each for each in rules.exceptions if first_pattern([each.project], project) is not None]
        self._affecting = affecting
        self._order = {each.id: (not each.malicious, -(each.score or 0.0), each.id) for each in counting}
        self._known: dict[str, _Said] = {}

    def check(self, found: Candidate, now: float) -> Verdict | None:
        """What is wrong with a file's version."""
        known = self._known.get(found.version_text)
        if known is None or now >= known.until:
            known = self._known[found.version_text] = self._say(found, now)
        return Verdict(f"{found.name} {known.reason}", known.until, refused=known.refused) if known.reason else None

    def _say(self, found: Candidate, now: float) -> _Said:
        wrong = [each for each in self._affecting.of(found.version_text, found.version) if each.id in self._order]
        if not wrong:
            return _Said("", False, math.inf)
        excepted = [(each, self._exception(each, now)) for each in wrong]
        chosen = [exception for _, exception in excepted if exception is not None]
        until = min((exception.until for exception in chosen), default=math.inf)
        left = [each for each, exception in excepted if exception is None]
        if left:
            return _Said(f"has known faults: {self._told(left)}; take another version", True, until)
        day = time.strftime("%Y-%m-%d", time.gmtime(until - 1))
        why = "; ".join(sorted({exception.reason for exception in chosen}))
        return _Said(f"has known faults, excepted until {day}: {self._told(wrong)} ({why})", False, until)

    def _exception(self, advisory: Advisory, now: float) -> AdvisoryException | None:
        """The exception that covers an advisory. One of a malicious package must be named itself."""
        for each in self._exceptions:
            named = each.advisory.upper() in advisory.ids if each.advisory else not advisory.malicious
            if named and now < each.until:
                return each
        return None

    def _told(self, found: Sequence[Advisory]) -> str:
        worst = heapq.nsmallest(_MOST_NAMED, found, key=lambda each: self._order[each.id])
        rest = f" and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
        return ", ".join(f"{each.id} ({_severity(each)})" for each in worst) + rest


def _severity(advisory: Advisory) -> str:
    if advisory.malicious:
        return "malicious"
    return "unrated" if advisory.score is None else f"CVSS {advisory.score:g}"
