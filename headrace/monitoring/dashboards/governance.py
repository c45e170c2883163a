"""Which variant gets the traffic, who asks, and what is written down of it."""

from __future__ import annotations

from headrace.monitoring.dashboards.panels import SELECTED, Dashboard, Panel, Query, Row
from headrace.monitoring.families import (
    ACCESS_REFUSED,
    AUDIT_EVENTS,
    AUDIT_FAILURES,
    CALLER_LIMITED,
    CALLER_REQUESTS,
    LOGGED,
    TRAFFIC_DURATION,
    TRAFFIC_FALLBACKS,
    TRAFFIC_NONFINITE,
    TRAFFIC_REQUESTS,
    TRAFFIC_ROLLBACKS,
    TRAFFIC_SHADOW,
    TRAFFIC_SHARE,
)
from headrace.monitoring.promql import share
from headrace.monitoring.rules.objectives import FAILED

_VARIANT = ["model", "variant"]
_NAMED = "{{model}} {{variant}}"


def governance() -> Dashboard:
    """The dashboard of traffic rules, callers and records."""
    return Dashboard(
        "headrace-governance",
        "Headrace: traffic, callers and records",
        "Variants of models, who asks them, and what is written down.",
        (_split(), _changes(), _callers(), _records()),
    )


def _split() -> Row:
    answered = SELECTED.rate(TRAFFIC_REQUESTS, _VARIANT)
    failed = SELECTED.rate(TRAFFIC_REQUESTS, _VARIANT, FAILED)
    wanted = f"avg by (model, variant) ({SELECTED.select(TRAFFIC_SHARE)})"
    return Row(
        "Variants",
        (
            Panel("Share", "What the rules give each variant.", "percentunit", (Query(wanted, _NAMED),), width=6, top=1.0),
            Panel("Requests", "A second, by the variant that answered.", "reqps", (Query(answered, _NAMED),), width=6),
            Panel(
                "Failed",
                "Share that the server failed to answer.",
                "percentunit",
                (Query(share(failed, answered, _VARIANT), _NAMED),),
                width=6,
            ),
            Panel("p99", "99 % are faster.", "s", (Query(SELECTED.quantile(0.99, TRAFFIC_DURATION, _VARIANT), _NAMED),), width=6),
        ),
    )


def _changes() -> Row:
    copies = SELECTED.rate(TRAFFIC_SHADOW, [*_VARIANT, "result"])
    rolled_back = SELECTED.total(TRAFFIC_ROLLBACKS, [*_VARIANT, "reason"])
    return Row(
        "Faults of variants",
        (
            Panel(
                "Shadow",
                "Copies of requests a second, by what came of them.",
                "reqps",
                (Query(copies, "{{model}} {{variant}} {{result}}"),),
                width=6,
            ),
            Panel(
                "Not finite",
                "Answers a second with NaN or an infinity.",
                "reqps",
                (Query(SELECTED.rate(TRAFFIC_NONFINITE, _VARIANT), _NAMED),),
                width=6,
            ),
            Panel(
                "Fallbacks",
                "Requests a second whose variant was not there.",
                "reqps",
                (Query(SELECTED.rate(TRAFFIC_FALLBACKS, _VARIANT), _NAMED),),
                width=6,
            ),
            Panel(
                "Rollbacks",
                "Since the servers started.",
                "none",
                (Query(rolled_back, "{{model}} {{variant}} {{reason}}"),),
                "stat",
                width=6,
            ),
        ),
    )


def _callers() -> Row:
    return Row(
        "Callers",
        (
            Panel("Admitted", "Requests a second.", "reqps", (Query(SELECTED.rate(CALLER_REQUESTS, ["caller"]), "{{caller}}"),)),
            Panel(
                "Over a limit",
                "Requests a second that were told to wait.",
                "reqps",
                (Query(SELECTED.rate(CALLER_LIMITED, ["caller"]), "{{caller}}"),),
            ),
            Panel(
                "Refused",
                "Requests a second without a name, or without the right.",
                "reqps",
                (Query(SELECTED.rate(ACCESS_REFUSED, ["protocol", "code"]), "{{protocol}} {{code}}"),),
            ),
        ),
    )


def _records() -> Row:
    events = SELECTED.total(AUDIT_EVENTS, ["action", "outcome"])
    return Row(
        "Records",
        (
            Panel(
                "Request logs",
                "Sampled requests a second, by what became of them.",
                "reqps",
                (Query(SELECTED.rate(LOGGED, ["model", "outcome"]), "{{model}} {{outcome}}"),),
            ),
            Panel("Audit log", "Events since the servers started.", "none", (Query(events, "{{action}} {{outcome}}"),)),
            Panel(
                "Audit log, not written",
                "Events that the file lacks.",
                "none",
                (Query(f"sum ({SELECTED.select(AUDIT_FAILURES)})"),),
                "stat",
            ),
        ),
    )
