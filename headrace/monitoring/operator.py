"""Rules and dashboards as Kubernetes objects: for Prometheus' operator, and for the sidecar that gives Grafana its dashboards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from headrace.core.yaml import Value, dump
from headrace.monitoring.dashboards import grafana
from headrace.monitoring.dashboards.panels import Dashboard
from headrace.monitoring.rules.groups import Group, content

SIDECAR_LABEL = {"grafana_dashboard": "1"}
"""By which the sidecar of Grafana's chart finds ConfigMaps."""


def objects(
    name: str, groups: Sequence[Group], dashboards: Sequence[Dashboard], labels: Mapping[str, str]
) -> list[dict[str, Value]]:
    """A PrometheusRule, and a ConfigMap for each dashboard, in the namespace that they are applied to.

    Args:
        name: of the PrometheusRule.
        groups: the rules.
        dashboards: the dashboards.
        labels: of the PrometheusRule, by which some Prometheus finds it.
    """
    rule: dict[str, Value] = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": name, "labels": dict(labels)},
        "spec": content(groups),
    }
    return [rule, *(_config_map(each) for each in dashboards)]


def render(name: str, groups: Sequence[Group], dashboards: Sequence[Dashboard], labels: Mapping[str, str]) -> str:
    """The objects as `kubectl apply -f -` takes them; see `objects`."""
    return dump(*objects(name, groups, dashboards, labels))


def _config_map(dashboard: Dashboard) -> dict[str, Value]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": dashboard.uid, "labels": SIDECAR_LABEL},
        "data": {f"{dashboard.uid}.json": grafana.render(dashboard)},
    }
