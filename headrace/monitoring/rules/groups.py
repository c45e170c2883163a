"""What a file of rules is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from headrace.core.yaml import Value, dump


@dataclass(frozen=True, slots=True)
class Recording:
    """A series computed beforehand, under its name."""

    name: str
    query: str

    def entry(self) -> dict[str, Value]:
        """As Prometheus reads it."""
        return {"record": self.name, "expr": self.query}


@dataclass(frozen=True, slots=True)
class Condition:
    """A query that always gives data, and the comparison, such as `> 0`, under which it is a reason to alert."""

    query: str
    comparison: str


@dataclass(frozen=True, slots=True)
class Alert:
    """When to call somebody.

    Attributes:
        name: in Prometheus.
        conditions: all must be true, of the same labels.
        severity: `page` is now, `ticket` in working hours.
        hold: how long it must be true first, such as `5m`.
        summary: one line; `{{ $labels.x }}` stands for a label.
        action: what to do.
        labels: more labels.
    """

    name: str
    conditions: tuple[Condition, ...]
    severity: Literal["page", "ticket"]
    hold: str
    summary: str
    action: str
    labels: dict[str, str] = field(default_factory=dict)

    @property
    def query(self) -> str:
        """The expression."""
        return " and ".join(f"{each.query} {each.comparison}" for each in self.conditions)

    def entry(self) -> dict[str, Value]:
        """As Prometheus reads it."""
        return {
            "alert": self.name,
            "expr": self.query,
            "for": self.hold,
            "labels": {"severity": self.severity, **self.labels},
            "annotations": {"summary": self.summary, "description": self.action},
        }


@dataclass(frozen=True, slots=True)
class Group:
    """Rules that Prometheus computes one after the other."""

    name: str
    rules: tuple[Recording | Alert, ...]


def content(groups: Sequence[Group]) -> dict[str, Value]:
    """What a file of rules says."""
    return {"groups": [{"name": group.name, "rules": [rule.entry() for rule in group.rules]} for group in groups]}


def render(groups: Sequence[Group]) -> str:
    """A file of rules."""
    return dump(content(groups))
