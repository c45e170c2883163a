"""All objects as one text, in the order in which they are to be made."""

from __future__ import annotations

from headrace.core.yaml import Value, dump
from headrace.deploy.kubernetes import traffic, workload
from headrace.deploy.kubernetes.options import KubernetesOptions


def objects(options: KubernetesOptions, monitored: bool = True) -> list[dict[str, Value]]:
    """The objects of a deployment.

    Args:
        options: what is to run.
        monitored: the cluster has Prometheus' operator.
    """
    scaled = options.max_replicas > options.replicas
    return [
        workload.config_map(options),
        workload.deployment(options),
        options.application.disruption_budget(),
        traffic.service(options),
        *([traffic.autoscaler(options)] if scaled else []),
        *([traffic.service_monitor(options)] if monitored else []),
    ]


def render(options: KubernetesOptions, monitored: bool = True) -> str:
    """The objects as `kubectl apply -f -` takes them."""
    return dump(*objects(options, monitored))
