"""What runs: the list of models, and the pods."""

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
    KubernetesOptions,
)
from headrace.deploy.pods import PROBE_SECONDS, resources


def config_map(options: KubernetesOptions) -> dict[str, Value]:
    """The list of models, and other files of the server, which takes changed ones without a restart, but for batching."""
    data = {MODELS_FILE: options.models, **{FILES[flag]: text for flag, text in options.files}}
    return {**options.application.head("v1", "ConfigMap"), "data": data}


def deployment(options: KubernetesOptions) -> dict[str, Value]:
    """The pods. A new one serves before an old one goes."""
    return {
        **options.application.head("apps/v1", "Deployment"),
        "spec": {
            # The autoscaler says how many; a number here would undo that with each `kubectl apply`.
            **({"replicas": options.replicas} if options.max_replicas == options.replicas else {}),
            "selector": {"matchLabels": options.application.selector},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "template": _pod(options),
        },
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
        # The ConfigMap says what is served, by all replicas; a call would reach one of them, from whoever can reach its port.
        "--grpc_allow_reload=false",
        *files,
        *(tls if options.tls_secret else []),
        *options.flags,
    ]


def _pod(options: KubernetesOptions) -> dict[str, Value]:
    tls: dict[str, Value] = {"name": "tls", "secret": {"secretName": options.tls_secret, "defaultMode": 0o440}}
    volumes: list[Value] = [
        {"name": "models", "persistentVolumeClaim": {"claimName": options.models_claim, "readOnly": True}},
        {"name": "config", "configMap": {"name": options.name}},
        {"name": "cache", "emptyDir": {"sizeLimit": "4Gi"}},
        {"name": "tmp", "emptyDir": {"sizeLimit": "1Gi"}},
        *([tls] if options.tls_secret else []),
    ]
    spread: list[Value] = [
        {
            "maxSkew": 1,
            "topologyKey": key,
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": options.application.selector},
        }
        for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
    ]
    return options.application.template(_container(options), volumes, options.termination_seconds, topologySpreadConstraints=spread)


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
        "resources": resources(options.cpu, options.memory),
        # The ports open when the models are loaded, so that the first probe has as long as that may take.
        **options.application.probes(-(-options.startup_seconds // PROBE_SECONDS)),
        "volumeMounts": [
            {"name": "models", "mountPath": options.models_path, "readOnly": True},
            {"name": "config", "mountPath": CONFIG_FOLDER, "readOnly": True},
            {"name": "cache", "mountPath": CACHE_FOLDER},
            {"name": "tmp", "mountPath": "/tmp"},
            *([tls] if options.tls_secret else []),
        ],
    }
