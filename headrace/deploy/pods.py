"""What the Kubernetes objects of the model server and of the mirror share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from headrace.core.yaml import Value

USER = 10001
"""The user and group of the images."""
PROBE_SECONDS = 5
"""Between two looks at whether a pod lives and is ready."""
AUTHORITY_KEY, TOKEN_KEY = "ca.crt", "token"
"""Keys of Secrets: the certificate by which Prometheus knows what speaks TLS, and the token by which it is known itself."""

_FEW_RIGHTS: Value = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


@dataclass(frozen=True, slots=True)
class Application:
    """Something that runs in a cluster, in pods of one container each, which has a port called `http`.

    Attributes:
        kind: what it is; all of a kind have the label.
        name: of every object, and Prometheus' name of the job.
        namespace: where they stand.
        tls_secret: the Secret with which the port speaks TLS; empty for plain HTTP.
    """

    kind: str
    name: str
    namespace: str
    tls_secret: str

    @property
    def selector(self) -> dict[str, Value]:
        """The labels by which the pods are found."""
        return {"app.kubernetes.io/name": self.kind, "app.kubernetes.io/instance": self.name}

    def head(self, version: str, kind: str, *labels: tuple[str, str]) -> dict[str, Value]:
        """What every object begins with; `labels` are more than those that each one has."""
        metadata: Value = {"name": self.name, "namespace": self.namespace, "labels": {**self.selector, **dict(labels)}}
        return {"apiVersion": version, "kind": kind, "metadata": metadata}

    def service(self, ports: Sequence[dict[str, Value]]) -> dict[str, Value]:
        """One address for the ready pods: the port `http`, which is the last one, and others."""
        protocol: dict[str, Value] = {"appProtocol": "https" if self.tls_secret else "http"}
        *others, http = ports
        return {**self.head("v1", "Service"), "spec": {"selector": self.selector, "ports": [*others, http | protocol]}}

    def disruption_budget(self) -> dict[str, Value]:
        """One pod at a time may be taken from its node. A single one, too: else no node could be drained."""
        spec: Value = {"maxUnavailable": 1, "selector": {"matchLabels": self.selector}}
        return {**self.head("policy/v1", "PodDisruptionBudget"), "spec": spec}

    def service_monitor(
        self, path: str, interval: str, labels: Sequence[tuple[str, str]], token_secret: str = ""
    ) -> dict[str, Value]:
        """Tells Prometheus' operator to read each pod; the job is called as the Service.

        Args:
            path: of the metrics.
            interval: between two looks.
            labels: by which some Prometheus finds it.
            token_secret: the Secret with the token that it needs; empty for none.
        """
        endpoint: dict[str, Value] = {"port": "http", "path": path, "interval": interval}
        if self.tls_secret:
            authority: Value = {"secret": {"name": self.tls_secret, "key": AUTHORITY_KEY}}
            endpoint |= {"scheme": "https", "tlsConfig": {"ca": authority, "serverName": f"{self.name}.{self.namespace}.svc"}}
        if token_secret:
            endpoint["authorization"] = {"credentials": {"name": token_secret, "key": TOKEN_KEY}}
        return {
            **self.head("monitoring.coreos.com/v1", "ServiceMonitor", *labels),
            "spec": {
                "selector": {"matchLabels": self.selector},
                "namespaceSelector": {"matchNames": [self.namespace]},
                "endpoints": [endpoint],
            },
        }

    def probes(self, start_failures: int) -> dict[str, Value]:
        """How a container is asked whether it has started, lives and may get requests.

        Args:
            start_failures: looks that may fail until it has started.
        """

        def probe(path: str, failures: int) -> dict[str, Value]:
            return {
                "httpGet": {"path": path, "port": "http", "scheme": "HTTPS" if self.tls_secret else "HTTP"},
                "periodSeconds": PROBE_SECONDS,
                "timeoutSeconds": 3,
                "failureThreshold": failures,
            }

        return {
            "startupProbe": probe("/livez", start_failures),
            "livenessProbe": probe("/livez", 6),
            "readinessProbe": probe("/readyz", 2),
        }

    def template(self, container: dict[str, Value], volumes: Sequence[Value], end_seconds: int, **more: Value) -> dict[str, Value]:
        """A pod with no more rights than it needs.

        Args:
            container: the one that runs in it.
            volumes: that it may mount.
            end_seconds: from the word to end until it is killed.
            more: of the pod.
        """
        spec: dict[str, Value] = {
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": end_seconds,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": USER,
                "runAsGroup": USER,
                "fsGroup": USER,
                "fsGroupChangePolicy": "OnRootMismatch",
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            **more,
            "containers": [container | {"securityContext": _FEW_RIGHTS}],
            "volumes": list(volumes),
        }
        return {"metadata": {"labels": self.selector}, "spec": spec}


def resources(cpu: str, memory: str) -> dict[str, Value]:
    """What a container asks for. A limit on processor time would stop its threads in the middle of their work."""
    return {"requests": {"cpu": cpu, "memory": memory}, "limits": {"memory": memory}}
