"""The files that `headrace monitor render` writes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from headrace.core.errors import InvalidArgumentError
from headrace.monitoring import operator, scrape
from headrace.monitoring.dashboards import grafana
from headrace.monitoring.dashboards.batching import batching
from headrace.monitoring.dashboards.governance import governance
from headrace.monitoring.dashboards.models import models
from headrace.monitoring.dashboards.panels import Dashboard
from headrace.monitoring.dashboards.requests import requests
from headrace.monitoring.mirror import alerts as mirror_alerts
from headrace.monitoring.mirror.board import mirror
from headrace.monitoring.rules import alerts, groups, objectives
from headrace.monitoring.rules.groups import Group
from headrace.monitoring.rules.objectives import Objectives

KINDS = ("dashboards", "rules", "scrape", "adapter", "operator")
RULES_FILE = "headrace.rules.yml"
MIRROR_KINDS = ("dashboards", "rules", "scrape", "operator")
MIRROR_RULES_FILE = "headrace-mirror.rules.yml"
MIRROR_JOB = "headrace-mirror"
MIRROR_TARGET = "127.0.0.1:8466"
MIRROR_PATH = "/metrics"

_LABEL = re.compile(r"([A-Za-z0-9][A-Za-z0-9./-]{0,200})=([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)")
_JOB = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./-]{0,99}")


@dataclass(frozen=True, slots=True)
class Options:
    """What is written.

    Attributes:
        objectives: what the service promises, and Prometheus' name of the servers.
        targets: `host:port` of each server's REST.
        interval: between two looks of Prometheus.
        token_file: the path, on Prometheus' machine, of the token by which it may read the metrics; empty where it needs none.
        labels: `NAME=VALUE` of the PrometheusRule, by which some Prometheus finds it.

    Raises:
        InvalidArgumentError: the job or a label has characters that no configuration should need.
    """

    objectives: Objectives = field(default_factory=Objectives)
    targets: Sequence[str] = ("127.0.0.1:8501",)
    interval: str = "15s"
    labels: Sequence[str] = ()
    token_file: str = ""

    def __post_init__(self) -> None:
        if not _JOB.fullmatch(self.objectives.job):
            raise InvalidArgumentError(
                f"{self.objectives.job!r} is no name of a job; expected letters, digits and -_./, at most 100"
            )
        for label in self.labels:
            if not _LABEL.fullmatch(label):
                raise InvalidArgumentError(f"{label!r} is no label; expected NAME=VALUE, such as release=prometheus")


def dashboards(promised: Objectives) -> tuple[Dashboard, ...]:
    """All dashboards."""
    return requests(promised), batching(), models(), governance()


def rule_groups(promised: Objectives) -> list[Group]:
    """All rules."""
    return [*objectives.groups(promised), *alerts.groups(promised.job)]


def render(kinds: Sequence[str], options: Options) -> dict[str, str]:
    """The texts of files, by their paths.

    Args:
        kinds: of `KINDS`.
        options: what is written.

    Raises:
        InvalidArgumentError: an option makes no sense.
    """
    files: dict[str, str] = {}
    if "dashboards" in kinds:
        files |= {f"dashboards/{each.uid}.json": grafana.render(each) for each in dashboards(options.objectives)}
    if "rules" in kinds:
        files[RULES_FILE] = groups.render(rule_groups(options.objectives))
    if "scrape" in kinds:
        files["prometheus.yml"] = scrape.prometheus(
            options.objectives.job, options.targets, options.interval, [RULES_FILE], options.token_file
        )
    if "adapter" in kinds:
        files["prometheus-adapter.yml"] = scrape.adapter()
    if "operator" in kinds:
        labels = dict(label.split("=") for label in options.labels)
        files["operator.yml"] = operator.render("headrace", rule_groups(options.objectives), dashboards(options.objectives), labels)
    return files


def render_mirror(kinds: Sequence[str], options: Options) -> dict[str, str]:
    """The texts of files about the mirror, by their paths; of the objectives only the job's name counts.

    Args:
        kinds: of `MIRROR_KINDS`.
        options: what is written.

    Raises:
        InvalidArgumentError: an option makes no sense.
    """
    job = options.objectives.job
    files: dict[str, str] = {}
    if "dashboards" in kinds:
        files[f"dashboards/{mirror().uid}.json"] = grafana.render(mirror())
    if "rules" in kinds:
        files[MIRROR_RULES_FILE] = groups.render(mirror_alerts.groups(job))
    if "scrape" in kinds:
        files["prometheus.yml"] = scrape.prometheus(
            job, options.targets, options.interval, [MIRROR_RULES_FILE], options.token_file, MIRROR_PATH
        )
    if "operator" in kinds:
        labels = dict(label.split("=") for label in options.labels)
        files["operator.yml"] = operator.render("headrace-mirror", mirror_alerts.groups(job), [mirror()], labels)
    return files
