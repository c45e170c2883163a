"""What runs: the list of models, the pods, and how many of them may go at once."""

from __future__ import annotations

from headrace.core.yaml import Value
from headrace.deploy.kubernetes.options import (
    CACHE_FOLDER,
    CONFIG_FOLDER,
    CONFIG_POLL_SECONDS,
    FILES,
    MODELS_FILE,
    TLS_FILE,
    TLS_FOLDER,
    USER,
    KubernetesOptions,
)

_PROBE_SECONDS = 5


def config_map(options: KubernetesOptions) -> dict[str, Value]:
    """The list of models, and other files of the server, which takes changed ones without a restart, but for batching."""
    data = {MODELS_FILE: options.models, **{FILES[flag]: text for flag, text in options.files}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": options.metadata(), "data": data}


def deployment(options: KubernetesOptions) -> dict[str, Value]:
    """The pods. A new one serves before an old one goes."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": options.metadata(),
        "spec": {
            # The autoscaler says how many; a number here would undo that with each `kubectl apply`.
            **({"replicas": options.replicas} if options.max_replicas == options.replicas else {}),
            "selector": {"matchLabels": options.selector},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "template": {"metadata": {"labels": options.selector}, "spec": _pod(options)},
        },
    }


def disruption_budget(options: KubernetesOptions) -> dict[str, Value]:
    """One pod at a time may be taken from its node."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": options.metadata(),
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": options.selector}},
    }


def arguments(options: KubernetesOptions) -> list[str]:
    """The command line of the server, behind `headrace`."""
    tls = [f"--{name}={TLS_FOLDER}/{TLS_FILE}" for name in ("ssl_config_file", "rest_api_ssl_config_file")]
    files = [f"--{flag}={CONFIG_FOLDER}/{FILES[flag]}" for flag, _ in options.files]
    if "traffic_config_file" in dict(options.files):
        files.append(f"--traffic_config_file_poll_wait_seconds={CONFIG_POLL_SECONDS}")
    return [
        "serve",
        f"--model_config_file={CONFIG_FOLDER}/{MODELS_FILE}",
        f"--model_config_file_poll_wait_seconds={CONFIG_POLL_SECONDS}",
        "--grpc_host=0.0.0.0",
        f"--port={options.grpc_port}",
        "--rest_api_host=0.0.0.0",
        f"--rest_api_port={options.rest_port}",
        # Until the endpoints of the Service are known without it everywhere, a pod that ends still gets requests.
        f"--drain_seconds={options.drain_seconds}",
        f"--shutdown_grace_seconds={options.grace_seconds}",
        *files,
        *(tls if options.tls_secret else []),
        *options.flags,
    ]


def _pod(options: KubernetesOptions) -> dict[str, Value]:
    tls: dict[str, Value] = {"name": "tls", "secret": {"secretName": options.tls_secret}}
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": options.termination_seconds,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": key,
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": options.selector},
            }
            for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
        ],
        "containers": [_container(options)],
        "volumes": [
            {"name": "models", "persistentVolumeClaim": {"claimName": options.models_claim, "readOnly": True}},
            {"name": "config", "configMap": {"name": options.name}},
            {"name": "cache", "emptyDir": {"sizeLimit": "4Gi"}},
            {"name": "tmp", "emptyDir": {"sizeLimit": "1Gi"}},
            *([tls] if options.tls_secret else []),
        ],
    }


def _container(options: KubernetesOptions) -> dict[str, Value]:
    tls: dict[str, Value] = {"name": "tls", "mountPath": TLS_FOLDER, "readOnly": True}
    return {
        "name": "server",
        "image": options.image,
        "args": arguments(options),
        "env": [{"name": "HEADRACE_CACHE_DIR", "value": CACHE_FOLDER}, {"name": "HOME", "value": "/tmp"}],
        "ports": [
            {"name": "grpc", "containerPort": options.grpc_port},
            {"name": "http", "containerPort": options.rest_port},
        ],
        # A limit on processor time would stop the threads of a run in the middle of it; the request keeps neighbours apart.
        "resources": {"requests": {"cpu": options.cpu, "memory": options.memory}, "limits": {"memory": options.memory}},
        # The ports open when the models are loaded, so that the first probe has as long as that may take.
        "startupProbe": _probe(options, "/livez", -(-options.startup_seconds // _PROBE_SECONDS)),
        "livenessProbe": _probe(options, "/livez", 6),
        "readinessProbe": _probe(options, "/readyz", 2),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "models", "mountPath": options.models_path, "readOnly": True},
            {"name": "config", "mountPath": CONFIG_FOLDER, "readOnly": True},
            {"name": "cache", "mountPath": CACHE_FOLDER},
            {"name": "tmp", "mountPath": "/tmp"},
            *([tls] if options.tls_secret else []),
        ],
    }


def _probe(options: KubernetesOptions, path: str, failures: int) -> dict[str, Value]:
    return {
        "httpGet": {"path": path, "port": "http", "scheme": "HTTPS" if options.tls_secret else "HTTP"},
        "periodSeconds": _PROBE_SECONDS,
        "timeoutSeconds": 3,
        "failureThreshold": failures,
    }
