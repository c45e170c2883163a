"""Service level objectives, their recorded error ratios, and alerts on how fast the error budget burns.

The method is that of the chapter "Alerting on SLOs" of Google's Site Reliability Workbook: an alert needs a high burn rate over a
long window, which makes it significant, and over a short one, which ends it soon after the cause.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from headrace.core.errors import InvalidArgumentError
from headrace.monitoring.families import DURATION, REQUESTS
from headrace.monitoring.promql import Scope, quoted, share
from headrace.monitoring.rules.groups import Alert, Condition, Group, Recording

FAILED = 'code=~"DATA_LOSS|DEADLINE_EXCEEDED|INTERNAL|UNAVAILABLE|UNKNOWN"'
"""Answers that are the server's fault; others are the caller's."""

BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""The buckets of the server's histograms, in seconds: times that can be told apart."""

_BY = ("job", "model")


@dataclass(frozen=True, slots=True)
class _Burn:
    """A burn rate that is too high over both windows."""

    long: str
    short: str
    rate: float
    severity: Literal["page", "ticket"]


_BURNS = (
    _Burn("1h", "5m", 14.4, "page"),  # 2 % of a budget of 30 days
    _Burn("6h", "30m", 6.0, "page"),  # 5 %
    _Burn("1d", "2h", 3.0, "ticket"),  # 10 %
    _Burn("3d", "6h", 1.0, "ticket"),  # 10 %
)
_WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
_LEAST_PERCENT = 100 - 100 / max(each.rate for each in _BURNS)


@dataclass(frozen=True, slots=True)
class Objective:
    """A promise about requests.

    Attributes:
        name: of its series and alerts, in capitals at the start of words.
        title: what people see.
        percent: of requests that keep it.
        kind: what breaks it: failing, or being slow.
    """

    name: str
    title: str
    percent: float
    kind: Literal["failed", "slow"]

    @property
    def budget(self) -> float:
        """The share of requests that may break it."""
        return round(1 - self.percent / 100, 9)

    def series(self, window: str, matchers: str = "") -> str:
        """The recorded share of requests that broke it over a window.

        Args:
            window: one of those that are recorded.
            matchers: narrow the series down.
        """
        name = f"job_model:headrace_serving_requests_{self.kind}:ratio_rate{window}"
        return f"{name}{{{matchers}}}" if matchers else name


@dataclass(frozen=True, slots=True)
class Objectives:
    """What a service promises.

    Attributes:
        availability: percent of requests that do not fail by the server's fault.
        latency: percent of requests that are answered in time.
        seconds: what in time is: one of the bounds of the server's histograms.
        job: Prometheus' name of the servers.

    Raises:
        InvalidArgumentError: a percentage that leaves no budget or one that cannot burn fast enough to alert, or a time between
            two bounds.
    """

    availability: float = 99.9
    latency: float = 99.9
    seconds: float = 0.25
    job: str = "headrace"

    def __post_init__(self) -> None:
        for name, percent in (("availability", self.availability), ("latency", self.latency)):
            if not _LEAST_PERCENT < percent < 100:
                raise InvalidArgumentError(
                    f"the objective of {name} is {percent:g} %; expected more than {_LEAST_PERCENT:.1f} and less than 100,"
                    " since below that no burn rate reaches the alerts"
                )
        if self.seconds not in BOUNDS:
            raise InvalidArgumentError(
                f"{self.seconds:g} s is between two buckets of the server's histograms; expected one of"
                f" {', '.join(f'{bound:g}' for bound in BOUNDS)}"
            )

    def all(self) -> tuple[Objective, Objective]:
        """Both promises."""
        return (
            Objective("Availability", "Answered", self.availability, "failed"),
            Objective("Latency", f"Answered within {self.seconds:g} s", self.latency, "slow"),
        )

    def ratio(self, objective: Objective, window: str) -> str:
        """The query of the share of requests that broke a promise."""
        scope = Scope({"job": f"={quoted(self.job)}"}, window)
        if objective.kind == "failed":
            return share(scope.rate(REQUESTS, _BY, FAILED), scope.rate(REQUESTS, _BY), _BY)
        fast = scope.rate(DURATION, _BY, f'le="{self.seconds:g}"', suffix="_bucket")
        return f"1 - {fast} / {scope.rate(DURATION, _BY, suffix='_count')}"


def groups(objectives: Objectives) -> list[Group]:
    """The rules of the promises: the recorded ratios, and the alerts on them."""
    both = objectives.all()
    ratios = [Recording(each.series(window), objectives.ratio(each, window)) for each in both for window in _WINDOWS]
    alerts = [_alert(objectives.job, each, burn) for each in both for burn in _BURNS]
    return [Group("headrace-ratios", tuple(ratios)), Group("headrace-objectives", tuple(alerts))]


def _alert(job: str, objective: Objective, burn: _Burn) -> Alert:
    threshold = f"> {round(burn.rate * objective.budget, 9):g}"
    matcher = f"job={quoted(job)}"
    what = "failed" if objective.kind == "failed" else "were slow"
    return Alert(
        f"Headrace{objective.name}BudgetBurn",
        tuple(Condition(objective.series(window, matcher), threshold) for window in (burn.long, burn.short)),
        burn.severity,
        "0s",
        f"{{{{ $value | humanizePercentage }}}} of the requests of {{{{ $labels.model }}}} {what} over {burn.long}",
        f"The budget of {objective.percent:g} % burns {burn.rate:g} times too fast. The dashboard Headrace: requests tells"
        " which version and which code; if a version is new, go back to the one before.",
        {"long": burn.long, "short": burn.short},
    )
