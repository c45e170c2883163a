"""The rule of publishers."""

from __future__ import annotations

from collections.abc import Mapping

from headrace.mirror.policy.attestations.identities import fits_any, told
from headrace.mirror.policy.candidates import Candidate
from headrace.mirror.policy.checks import Check
from headrace.mirror.policy.findings import Findings
from headrace.mirror.policy.rules import PublisherRules, Verdict, first_pattern

KIND = "publisher"
"""What its findings are called."""
CHANGED = "publisher_changed"
"""The event of a project whose publisher is another one than at first."""
_UNSETTLED = ("environment", "vcs_ref")
"""What may change from one release to the next."""


def publishers(rules: PublisherRules, findings: Findings, project: str) -> Check | None:
    """Who must have published a file."""
    pattern = first_pattern(rules.pinned, project)
    required = first_pattern(rules.required, project) is not None
    if pattern is not None and not rules.pinned[pattern]:
        return None
    if pattern is None and not required and not rules.changes:
        return None
    return _Published(rules, findings, project, rules.pinned[pattern] if pattern is not None else (), required).check


def lasting(identity: Mapping[str, str]) -> dict[str, str]:
    """What of a publisher's identity should stay the same."""
    return {key: value for key, value in identity.items() if key not in _UNSETTLED}


class _Published:
    """What is expected of a project's files."""

    def __init__(
        self,
        rules: PublisherRules,
        findings: Findings,
        project: str,
        pinned: tuple[Mapping[str, str], ...],
        required: bool,
    ) -> None:
        self._pinned = pinned
        self._strict = required or bool(pinned)
        self._changes = rules.changes if not pinned else ""
        self._known = findings.of(project, KIND)
        self._first = findings.publisher(project) if self._changes else None

    def check(self, found: Candidate, now: float) -> Verdict | None:
        """What is wrong with a file's publisher."""
        if not isinstance(found.file.get("provenance"), str):
            return self._unattested(found)
        finding = self._known.get(found.digest)
        if finding is None or not finding.holds(now):
            optional = not self._strict and self._changes != "block"
            reason = f"the publisher of {found.name} has not been looked at yet"
            return Verdict(reason, refused=False, pending=True, optional=optional)
        proven: list[Mapping[str, str]] = finding.value["publishers"]
        if not proven:
            return self._unproven(found, str(finding.value["problem"]), finding.until)
        if self._pinned and not fits_any(self._pinned, proven):
            return Verdict(
                f"{found.name} was published by {_all(proven)}; this mirror's policy expects {_all(self._pinned)}", finding.until
            )
        if self._first is not None and not fits_any([self._first.identity], proven):
            return self._changed(f"{found.name} was published by {_all(proven)}, {self._before()}")
        return None

    def _unattested(self, found: Candidate) -> Verdict | None:
        if self._strict:
            return Verdict(f"{found.name} has no attestation of its publisher, which this mirror's policy requires")
        if self._first is None:
            return None
        if found.uploaded is not None and found.uploaded <= self._first.uploaded:
            return None  # from before the project's files were attested
        return self._changed(f"{found.name} has no attestation of its publisher, {self._before()}")

    def _unproven(self, found: Candidate, problem: str, until: float) -> Verdict | None:
        reason = f"{found.name} has no valid attestation of its publisher: {problem}"
        if self._strict:
            return Verdict(reason, until)
        return self._changed(reason, until) if self._first is not None else None

    def _before(self) -> str:
        assert self._first is not None
        return f"and {self._first.filename} by {told(self._first.identity)}"

    def _changed(self, reason: str, until: float | None = None) -> Verdict:
        refused = self._changes == "block"
        told_all = f"{reason}; ask who runs the mirror whether that is right" if refused else reason
        verdict = Verdict(told_all, refused=refused, alert=CHANGED)
        return verdict if until is None else Verdict(told_all, until, refused=refused, alert=CHANGED)


def _all(identities: tuple[Mapping[str, str], ...] | list[Mapping[str, str]]) -> str:
    return " or ".join(told(each) for each in identities)
