"""What clients see: requests, errors, times, and how much of the error budget is left."""

from __future__ import annotations

from headrace.monitoring.dashboards.panels import SELECTED, Dashboard, Panel, Query, Row
from headrace.monitoring.families import (
    DURATION,
    IN_FLIGHT,
    MODEL_AVAILABLE,
    QUEUE_LIMIT,
    QUEUE_WAIT,
    QUEUE_WAITING,
    REQUESTS,
    RUN,
)
from headrace.monitoring.promql import share
from headrace.monitoring.rules.objectives import FAILED, Objective, Objectives

_VERSION = ["model", "version"]
_NAMED = "{{model}} {{version}}"
_CHOSEN = 'job=~"$job", model=~"$model"'
_ALL = SELECTED.rate(REQUESTS, [])


def requests(objectives: Objectives) -> Dashboard:
    """The dashboard of requests.

    Args:
        objectives: what the service promises.
    """
    return Dashboard(
        "headrace-requests",
        "Headrace: requests",
        "Requests, errors and times by model and version.",
        (_now(), _traffic(), _times(), _promises(objectives), _queue()),
    )


def _now() -> Row:
    failed = SELECTED.rate(REQUESTS, [], FAILED)
    return Row(
        "Now",
        (
            Panel("Requests", "Requests a second, all models.", "reqps", (Query(_ALL),), "stat", 6),
            Panel("Failed", "Share that the server failed to answer.", "percentunit", (Query(share(failed, _ALL, [])),), "stat", 6),
            Panel("p99", "99 % are faster.", "s", (Query(SELECTED.quantile(0.99, DURATION, [])),), "stat", 6),
            Panel(
                "Models down",
                "Models without an AVAILABLE version.",
                "none",
                (Query(f"sum (1 - {SELECTED.select(MODEL_AVAILABLE)})"),),
                "stat",
                6,
            ),
        ),
    )


def _traffic() -> Row:
    failed, answered = SELECTED.rate(REQUESTS, _VERSION, FAILED), SELECTED.rate(REQUESTS, _VERSION)
    return Row(
        "Requests",
        (
            Panel(
                "By version",
                "Requests a second. Those without a version failed before one was found.",
                "reqps",
                (Query(answered, _NAMED),),
            ),
            Panel(
                "By outcome",
                "Requests a second by canonical code.",
                "reqps",
                (Query(SELECTED.rate(REQUESTS, ["code"]), "{{code}}"),),
                stacked=True,
            ),
            Panel(
                "By call",
                "Requests a second by what was called, and how.",
                "reqps",
                (Query(SELECTED.rate(REQUESTS, ["api", "protocol"]), "{{api}} {{protocol}}"),),
                stacked=True,
            ),
            Panel(
                "Failed by version",
                "Share that the server failed to answer: faults, overload, deadlines.",
                "percentunit",
                (Query(share(failed, answered, _VERSION), _NAMED),),
            ),
            Panel(
                "Errors by code",
                "Requests a second that were not OK, the caller's mistakes included.",
                "reqps",
                (Query(SELECTED.rate(REQUESTS, ["model", "code"], 'code!="OK"'), "{{model}} {{code}}"),),
            ),
            Panel(
                "In flight",
                "Requests being answered.",
                "none",
                (Query(SELECTED.total(IN_FLIGHT, ["protocol"]), "{{protocol}}"),),
                stacked=True,
            ),
        ),
    )


def _times() -> Row:
    return Row(
        "Times",
        (
            Panel("Request, p50", "Half are faster.", "s", (Query(SELECTED.quantile(0.5, DURATION, _VERSION), _NAMED),), width=6),
            Panel("Request, p99", "99 % are faster.", "s", (Query(SELECTED.quantile(0.99, DURATION, _VERSION), _NAMED),), width=6),
            Panel(
                "Run, p50",
                "Of the model alone, with its wait for a batch.",
                "s",
                (Query(SELECTED.quantile(0.5, RUN, _VERSION), _NAMED),),
                width=6,
            ),
            Panel(
                "Run, p99",
                "Of the model alone, with its wait for a batch.",
                "s",
                (Query(SELECTED.quantile(0.99, RUN, _VERSION), _NAMED),),
                width=6,
            ),
        ),
    )


def _promises(objectives: Objectives) -> Row:
    return Row("Objectives", tuple(_burn(each) for each in objectives.all()))


def _burn(objective: Objective) -> Panel:
    """How fast the error budget of a promise is used up."""
    series = {window: objective.series(window, _CHOSEN) for window in ("5m", "1h", "6h", "3d")}
    return Panel(
        f"{objective.title}: burn rate",
        f"Errors over what {objective.percent:g} % allows: at 1 the budget of a period is used up at its end.",
        "none",
        tuple(Query(f"{text} / {objective.budget:g}", f"{{{{model}}}} {window}") for window, text in series.items()),
        width=12,
    )


def _queue() -> Row:
    names = "{{protocol}}"
    full = f"{SELECTED.total(QUEUE_WAITING, ['protocol'])} / {SELECTED.total(QUEUE_LIMIT, ['protocol'])}"
    return Row(
        "Wait for a thread",
        (
            Panel("Wait, p50", "Half wait less.", "s", (Query(SELECTED.quantile(0.5, QUEUE_WAIT, ["protocol"]), names),)),
            Panel("Wait, p99", "99 % wait less.", "s", (Query(SELECTED.quantile(0.99, QUEUE_WAIT, ["protocol"]), names),)),
            Panel("Queue", "How full it is; at 100 % requests are refused.", "percentunit", (Query(full, names),), top=1.0),
        ),
    )
