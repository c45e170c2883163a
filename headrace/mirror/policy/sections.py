"""The sections of a policy's file: advisories, licences, publishers."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta
from typing import Any

from headrace.mirror.policy.attestations.identities import mistake_of
from headrace.mirror.policy.models import ModelPolicy
from headrace.mirror.policy.rules import AdvisoryException, AdvisoryRules, LicenceRules, PublisherRules
from headrace.mirror.policy.table import Table

ANYONE = "anyone"
"""Stands for the identities of projects that may be published by anyone, and without attestation."""
LEVELS = {"none": math.inf, "critical": 9.0, "high": 7.0, "medium": 4.0, "low": 0.1, "all": 0.0}
"""What the names of severities mean as CVSS scores (FIRST's qualitative scale)."""


def read_advisories(policy: Table) -> AdvisoryRules:
    """`[advisories]`."""
    table = policy.inner("advisories", ("severity", "unrated", "exceptions"))
    if table is None:
        return AdvisoryRules()
    exceptions = (_exception(each) for each in table.tables("exceptions", ("id", "project", "until", "reason")))
    unrated = table.choice("unrated", ("give", "refuse")) == "refuse"
    return AdvisoryRules(True, _severity(table), unrated, tuple(each for each in exceptions if each is not None))


def _severity(table: Table) -> float:
    value = table.get("severity")
    if value is None:
        return LEVELS["none"]
    if isinstance(value, str) and value in LEVELS:
        return LEVELS[value]
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 10:
        return float(value)
    table.wrong("severity", f"a CVSS score from 0 to 10, or one of {', '.join(LEVELS)}")
    return LEVELS["none"]


def _exception(table: Table) -> AdvisoryException | None:
    advisory, project, reason = table.text("id"), table.text("project"), table.text("reason")
    until = table.get("until")
    if not advisory and not project:
        table.wrong("id", "the id of an advisory, or else 'project', a pattern")
        return None
    if not reason:
        table.wrong("reason", "a text: why this is not a danger")
    if isinstance(until, datetime):
        end = (until if until.tzinfo is not None else until.replace(tzinfo=UTC)).timestamp()
    elif isinstance(until, date):
        end = (datetime(until.year, until.month, until.day, tzinfo=UTC) + timedelta(days=1)).timestamp()
    else:
        table.wrong("until", "the last day that it counts, such as 2027-01-31")
        return None
    return AdvisoryException(advisory, project or "*", end, reason)


def read_licences(policy: Table) -> LicenceRules | None:
    """`[licences]`."""
    table = policy.inner("licences", ("allow", "deny", "unknown", "exceptions"))
    if table is None:
        return None
    unknown = table.choice("unknown", ("refuse", "allow")) == "allow"
    return LicenceRules(table.patterns("allow"), table.patterns("deny"), unknown, table.patterns("exceptions"))


def read_publishers(policy: Table) -> PublisherRules:
    """`[publishers]`, `require_attestations` and `publisher_changes`."""
    found = policy.get("publishers")
    pinned: dict[str, tuple[dict[str, str], ...]] = {}
    if found is not None and not isinstance(found, dict):
        policy.wrong("publishers", "a table of identities by pattern")
        found = {}
    for pattern, value in (found or {}).items():
        if value == ANYONE:
            pinned[pattern] = ()
            continue
        identities: list[Any] = value if isinstance(value, list) else [value]
        wrong = [f"'publishers.{pattern}': {mistake}" for each in identities if (mistake := mistake_of(each))]
        policy.mistakes += wrong or ([f"'publishers.{pattern}' is empty; expected an identity"] if not identities else [])
        if not wrong:
            pinned[pattern] = tuple(identities)
    changes = policy.choice("publisher_changes", ("ignore", "report", "block"))
    return PublisherRules(pinned, policy.patterns("require_attestations"), "" if changes == "ignore" else changes)


def read_models(policy: Table) -> ModelPolicy:
    """`[models]`."""
    table = policy.inner("models", ("allow", "deny", "licences", "deny_tags", "deny_gated", "deny_files"))
    if table is None:
        return ModelPolicy()
    return ModelPolicy(
        allow=table.patterns("allow", ("*",)),
        deny=table.patterns("deny"),
        licences=table.patterns("licences"),
        deny_tags=table.patterns("deny_tags"),
        deny_gated=table.flag("deny_gated"),
        deny_files=table.patterns("deny_files"),
    )
