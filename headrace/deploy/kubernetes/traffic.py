"""How clients reach the pods, how many there are, and how Prometheus reads them."""

from __future__ import annotations

from headrace.core.yaml import Value
from headrace.deploy.kubernetes.options import TLS_AUTHORITY, TOKEN_KEY, KubernetesOptions
from headrace.monitoring.scrape import DEFAULT_PATH, WAIT_METRIC

_DOWN_SECONDS = 300
"""How long fewer replicas must have been enough before some go."""


def service(options: KubernetesOptions) -> dict[str, Value]:
    """One address for the ready pods."""
    plain = {} if options.tls_secret else {"appProtocol": "kubernetes.io/h2c"}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": options.metadata(),
        "spec": {
            "selector": options.selector,
            "ports": [
                {"name": "grpc", "port": options.grpc_port, "targetPort": "grpc", **plain},
                {
                    "name": "http",
                    "port": options.rest_port,
                    "targetPort": "http",
                    "appProtocol": "https" if options.tls_secret else "http",
                },
            ],
        },
    }


def autoscaler(options: KubernetesOptions) -> dict[str, Value]:
    """As many pods as keep the wait before a run short."""
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": options.metadata(),
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
    """Tells Prometheus' operator to read each pod; the job is called as the Service."""
    endpoint: dict[str, Value] = {"port": "http", "path": DEFAULT_PATH, "interval": options.scrape_interval}
    if options.tls_secret:
        authority: Value = {"secret": {"name": options.tls_secret, "key": TLS_AUTHORITY}}
        endpoint |= {"scheme": "https", "tlsConfig": {"ca": authority, "serverName": f"{options.name}.{options.namespace}.svc"}}
    if options.metrics_token_secret:
        endpoint["authorization"] = {"credentials": {"name": options.metrics_token_secret, "key": TOKEN_KEY}}
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "ServiceMonitor",
        "metadata": options.metadata(*options.monitor_labels),
        "spec": {
            "selector": {"matchLabels": options.selector},
            "namespaceSelector": {"matchNames": [options.namespace]},
            "endpoints": [endpoint],
        },
    }
