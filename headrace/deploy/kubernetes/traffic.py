"""How clients reach the pods, how many there are, and how Prometheus reads them."""

from __future__ import annotations

from headrace.core.yaml import Value
from headrace.deploy.kubernetes.options import KubernetesOptions
from headrace.monitoring.scrape import DEFAULT_PATH, WAIT_METRIC

_DOWN_SECONDS = 300
"""How long fewer replicas must have been enough before some go."""


def service(options: KubernetesOptions) -> dict[str, Value]:
    """One address for the ready pods."""
    plain: dict[str, Value] = {} if options.tls_secret else {"appProtocol": "kubernetes.io/h2c"}
    return options.application.service(
        [
            {"name": "grpc", "port": options.grpc_port, "targetPort": "grpc", **plain},
            {"name": "http", "port": options.rest_port, "targetPort": "http"},
        ]
    )


def autoscaler(options: KubernetesOptions) -> dict[str, Value]:
    """As many pods as keep the wait before a run short."""
    return {
        **options.application.head("autoscaling/v2", "HorizontalPodAutoscaler"),
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": options.name},
            "minReplicas": options.replicas,
            "maxReplicas": options.max_replicas,
            "metrics": [
                {
                    "type": "Pods",
                    "pods": {
                        "metric": {"name": WAIT_METRIC},
                        "target": {"type": "AverageValue", "averageValue": f"{options.queue_wait_ms}m"},
                    },
                }
            ],
            "behavior": {"scaleDown": {"stabilizationWindowSeconds": _DOWN_SECONDS}},
        },
    }


def service_monitor(options: KubernetesOptions) -> dict[str, Value]:
    """Has Prometheus' operator read each pod."""
    return options.application.service_monitor(
        DEFAULT_PATH, options.scrape_interval, options.monitor_labels, options.metrics_token_secret
    )
