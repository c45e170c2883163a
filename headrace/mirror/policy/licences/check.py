"""The rule of licences."""

from __future__ import annotations

import fnmatch
import functools

from headrace.mirror.policy.candidates import Candidate
from headrace.mirror.policy.checks import Check
from headrace.mirror.policy.findings import Findings, Kept
from headrace.mirror.policy.licences.expressions import permitted
from headrace.mirror.policy.rules import LicenceRules, Verdict, first_pattern

KIND = "licence"
"""What its findings are called."""


def licences(rules: LicenceRules | None, findings: Findings, project: str) -> Check | None:
    """Which licences are given out."""
    if rules is None or not rules.any or first_pattern(rules.exceptions, project) is not None:
        return None
    return functools.partial(_licensed, rules, findings.of(project, KIND))


def _licensed(rules: LicenceRules, known: dict[str, Kept], found: Candidate, now: float) -> Verdict | None:
    finding = known.get(found.digest)
    if finding is None or not finding.holds(now):
        return Verdict(f"the licence of {found.name} has not been looked at yet", refused=False, pending=True)
    expression = finding.value.get("expression")
    if expression is None:
        if rules.unknown:
            return None
        return Verdict(
            f"the licence of {found.name} cannot be told ({finding.value['unknown']}), and this mirror's policy wants to know it"
        )
    if _permits(rules, expression):
        return None
    return Verdict(f"{found.name} has the licence {expression}, which this mirror's policy does not give out")


@functools.lru_cache(maxsize=1024)
def _permits(rules: LicenceRules, expression: str) -> bool:
    return permitted(expression, lambda name: _permits_one(rules, name))


def _permits_one(rules: LicenceRules, name: str) -> bool:
    """An exception gives more rights than its licence alone; so it is denied, and allowed, with it, unless it is named itself."""
    names = [name, name.partition(" WITH ")[0]]
    if _named(rules.deny, names):
        return _named(tuple(each for each in rules.allow if " with " in each.lower()), [name])
    return not rules.allow or _named(rules.allow, names)


def _named(patterns: tuple[str, ...], names: list[str]) -> bool:
    return any(fnmatch.fnmatchcase(name.lower(), pattern.lower()) for pattern in patterns for name in names)
