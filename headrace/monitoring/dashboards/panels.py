"""What a dashboard is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from headrace.monitoring.families import INFO, MODEL_AVAILABLE, VERSION_STATE
from headrace.monitoring.promql import Scope

SELECTED = Scope(
    {"job": '=~"$job"', "instance": '=~"$instance"', "model": '=~"$model"', "version": '=~"$version"'}, "$__rate_interval"
)
"""What the reader chose at the top of the dashboard."""


@dataclass(frozen=True, slots=True)
class Query:
    """A query, and the name of its lines: labels stand in it as `{{label}}`."""

    text: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture.

    Attributes:
        title: a few words.
        description: what is seen, and what it tells.
        unit: Grafana's name of the unit.
        queries: each gives lines.
        kind: lines over time, or the last value alone.
        width: of the 24 columns of a dashboard.
        stacked: lines are drawn one on top of the other.
        top: the highest value of the axis; as the data asks without it.
    """

    title: str
    description: str
    unit: str
    queries: tuple[Query, ...]
    kind: Literal["timeseries", "stat"] = "timeseries"
    width: int = 8
    stacked: bool = False
    top: float | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under one heading."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Variable:
    """What the reader chooses at the top; each narrows those after it down.

    Attributes:
        name: stands in queries as `$name`.
        label: what people see.
        family: the name of the metric whose labels are offered.
        source: which of them.
    """

    name: str
    label: str
    family: str
    source: str


SERVING = (
    Variable("job", "Job", INFO.name, "job"),
    Variable("instance", "Server", INFO.name, "instance"),
    Variable("model", "Model", MODEL_AVAILABLE.name, "model"),
    Variable("version", "Version", VERSION_STATE.name, "version"),
)
"""Those of the model server's dashboards."""


@dataclass(frozen=True, slots=True)
class Dashboard:
    """Rows of panels.

    Attributes:
        uid: its name in Grafana, kept over all versions, so that a new one takes the place of the old.
        title: what people see.
        description: one sentence.
        rows: from top to bottom.
        variables: what the reader chooses, the data source apart.
    """

    uid: str
    title: str
    description: str
    rows: tuple[Row, ...]
    variables: tuple[Variable, ...] = SERVING

    @property
    def panels(self) -> list[Panel]:
        """All of them."""
        return [panel for row in self.rows for panel in row.panels]
