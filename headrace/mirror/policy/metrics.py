"""What the policy measures, in Prometheus' text format."""

from __future__ import annotations

from headrace.core.exposition import Counter, Family, Gauge, render
from headrace.mirror.policy.advisories.database import Status
from headrace.mirror.status.refusals import Refusals


class PolicyMetrics:
    """The metric families of the policy, and the events that feed them.

    Attributes:
        refusals: the last ones.
    """

    def __init__(self) -> None:
        self._refusals = Counter("headrace_mirror_refusals_total", "Requests for files that a rule refused.", ["rule"])
        self._events = Counter("headrace_mirror_policy_events_total", "What happened to the policy.", ["event"])
        self._audit = Counter("headrace_mirror_audit_write_failures_total", "Events that the audit log lacks.")
        self._outdated = Gauge("headrace_mirror_policy_outdated", "1 while the policy's file has mistakes, and is not in force.")
        self._advisories = Gauge("headrace_mirror_advisories", "Advisories that were imported.")
        self._age = Gauge("headrace_mirror_advisories_age_seconds", "Time since the newest imported advisory was changed.")
        self._audit.add((), 0.0)  # so that the first failure is seen as a change
        self._outdated.replace({(): 0.0})
        self.refusals = Refusals()

    def refused(self, rule: str) -> None:
        """A rule refused a file that was asked for."""
        self._refusals.add((rule,))

    def refused_by_rule(self) -> dict[str, float]:
        """How many requests each rule refused."""
        return {rule: value for (rule,), value in self._refusals.values().items()}

    def event(self, name: str) -> None:
        """Something happened, such as "reloaded" or "publisher_changed"."""
        self._events.add((name,))

    def audit_failed(self) -> None:
        """An event could not be written to the audit log."""
        self._audit.add(())

    def outdated(self, value: bool) -> None:
        """Whether the policy's file is one that is not in force."""
        self._outdated.replace({(): float(value)})

    def text(self, status: Status | None, now: float) -> str:
        """The part of the page that Prometheus reads; `status` is that of the advisories."""
        self._advisories.replace({(): float(status.advisories if status is not None else 0)})
        self._age.replace({(): now - status.newest} if status is not None else {})
        return render([each for each in vars(self).values() if isinstance(each, Family)])
