"""Kubernetes objects of a mirror: one pod that keeps a volume, and what belongs to it."""

from __future__ import annotations

from dataclasses import dataclass

from headrace.core.errors import InvalidArgumentError
from headrace.core.yaml import Value, dump
from headrace.deploy import checks
from headrace.deploy.models import MAX_BYTES
from headrace.deploy.pods import Application, resources

ROOT = "/var/lib/headrace-mirror"
CONFIG = "/etc/headrace-mirror"
TLS = "/etc/headrace-tls"
FILES = {"config": "mirror.toml", "policy": "policy.toml", "uploaders": "uploaders.toml"}
"""Files that the mirror may be given: names in the Secret, by the flag. A Secret, since tokens' hashes stand in one of them."""
DECIDED = frozenset({*FILES, "drain_seconds", "host", "port", "root", "tls_certificate", "tls_key"})
"""Flags of the mirror that probes, ports, volumes or times of the objects depend on."""

_GRACE_SECONDS = 25
_SPARE_SECONDS = 10
_START_FAILURES = 60
"""Of looks at a mirror that starts: the index of a large store may have to be read anew."""


@dataclass(frozen=True, slots=True)
class MirrorDeployment:
    """A mirror in a cluster.

    Attributes:
        name: of every object, and Prometheus' name of the job.
        image: has `headrace` as its entry point.
        namespace: where it stands.
        storage: of the volume, a quantity.
        storage_class: of the volume; empty for the cluster's usual one.
        cpu: that it asks for, a quantity.
        memory: that it asks for and may take, a quantity.
        port: of the container and of the Service.
        drain_seconds: between the word to end and the end of taking requests.
        scrape_interval: of the ServiceMonitor.
        monitor_labels: of the ServiceMonitor, by which some Prometheus finds it.
        tls_secret: a Secret of type kubernetes.io/tls by which it speaks TLS; its `ca.crt` is for Prometheus. Empty for plain HTTP.
        client_namespaces: from where it may be asked; empty for everywhere.
        files: texts of files of the mirror by their flags (see `FILES`).
        flags: of the mirror, such as `--upstream=URL`.

    Raises:
        InvalidArgumentError: a value has another form than is expected.
    """

    name: str
    image: str
    namespace: str = "default"
    storage: str = "120Gi"
    storage_class: str = ""
    cpu: str = "500m"
    memory: str = "1Gi"
    port: int = 8466
    drain_seconds: int = 5
    scrape_interval: str = "30s"
    monitor_labels: tuple[tuple[str, str], ...] = ()
    tls_secret: str = ""
    client_namespaces: tuple[str, ...] = ()
    files: tuple[tuple[str, str], ...] = ()
    flags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        checks.dns_label("the name", self.name, longest=50)  # names of pods put more behind it
        for namespace in (self.namespace, *self.client_namespaces):
            checks.dns_label("a namespace", namespace)
        checks.image(self.image)
        for what in ("storage", "cpu", "memory"):
            checks.quantity(what, getattr(self, what))
        for what in ("storage_class", "tls_secret"):
            if getattr(self, what):
                checks.dns_name(what, getattr(self, what))
        checks.port("the port", self.port)
        checks.whole("drain_seconds", self.drain_seconds, 1, 600)
        checks.duration("the interval of scrapes", self.scrape_interval)
        if (size := sum(len(text.encode()) for _, text in self.files)) > MAX_BYTES:
            raise InvalidArgumentError(f"the files of the mirror have {size} bytes together; a Secret holds {MAX_BYTES}")
        for label, text in self.monitor_labels:
            checks.dns_label("a label of the ServiceMonitor", label)
            checks.dns_label(f"the label {label} of the ServiceMonitor", text)
        checks.server_flags(self.flags, DECIDED, "the mirror")
        guarded = self.tls_secret or any(flag.startswith(("--trusted_proxy", "--insecure_tokens")) for flag in self.flags)
        if "uploaders" in dict(self.files) and not guarded:
            raise InvalidArgumentError(
                "the tokens of uploaders would go over plain HTTP: give --tls_secret, or behind the -- the --trusted_proxy that"
                " speaks TLS"
            )

    @property
    def application(self) -> Application:
        """What every object is of."""
        return Application("headrace-mirror", self.name, self.namespace, self.tls_secret)


def arguments(mirror: MirrorDeployment) -> list[str]:
    """The command line of the mirror, behind `headrace`."""
    tls = [f"--tls_certificate={TLS}/tls.crt", f"--tls_key={TLS}/tls.key"] if mirror.tls_secret else []
    return [
        "mirror",
        "serve",
        f"--root={ROOT}",
        "--host=0.0.0.0",
        f"--port={mirror.port}",
        # Until the endpoints of the Service are known without it everywhere, a pod that ends still gets requests.
        f"--drain_seconds={mirror.drain_seconds}",
        *(f"--{flag}={CONFIG}/{FILES[flag]}" for flag, _ in mirror.files),
        *tls,
        *mirror.flags,
    ]


def objects(mirror: MirrorDeployment, monitored: bool = True) -> list[dict[str, Value]]:
    """The objects, in the order in which they are to be made.

    Args:
        mirror: what is to run.
        monitored: the cluster has Prometheus' operator.
    """
    application = mirror.application
    data: dict[str, Value] = {FILES[flag]: text for flag, text in mirror.files}
    monitor = application.service_monitor("/metrics", mirror.scrape_interval, mirror.monitor_labels)
    return [
        *([{**application.head("v1", "Secret"), "stringData": data}] if mirror.files else []),
        _network_policy(mirror),
        application.service([{"name": "http", "port": mirror.port, "targetPort": "http"}]),
        _stateful_set(mirror),
        application.disruption_budget(),
        *([monitor] if monitored else []),
    ]


def render(mirror: MirrorDeployment, monitored: bool = True) -> str:
    """The objects as `kubectl apply -f -` takes them; see `objects`."""
    return dump(*objects(mirror, monitored))


def _network_policy(mirror: MirrorDeployment) -> dict[str, Value]:
    """Its port alone may be reached. What it asks is not bounded here: upstreams have names, not addresses."""
    sources: list[Value] = [
        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": each}}} for each in mirror.client_namespaces
    ]
    ingress: dict[str, Value] = {"ports": [{"port": "http", "protocol": "TCP"}], **({"from": sources} if sources else {})}
    return {
        **mirror.application.head("networking.k8s.io/v1", "NetworkPolicy"),
        "spec": {"podSelector": {"matchLabels": mirror.application.selector}, "policyTypes": ["Ingress"], "ingress": [ingress]},
    }


def _stateful_set(mirror: MirrorDeployment) -> dict[str, Value]:
    claim: dict[str, Value] = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": mirror.storage}},
        **({"storageClassName": mirror.storage_class} if mirror.storage_class else {}),
    }
    return {
        **mirror.application.head("apps/v1", "StatefulSet"),
        "spec": {
            "serviceName": mirror.name,
            "replicas": 1,
            "selector": {"matchLabels": mirror.application.selector},
            "template": _pod(mirror),
            "volumeClaimTemplates": [{"metadata": {"name": "root"}, "spec": claim}],
        },
    }


def _pod(mirror: MirrorDeployment) -> dict[str, Value]:
    volumes: list[Value] = [{"name": "tmp", "emptyDir": {"sizeLimit": "1Gi"}}]
    mounts: list[Value] = [{"name": "root", "mountPath": ROOT}, {"name": "tmp", "mountPath": "/tmp"}]
    for name, secret, path in (("config", mirror.name if mirror.files else "", CONFIG), ("tls", mirror.tls_secret, TLS)):
        if secret:
            volumes.append({"name": name, "secret": {"secretName": secret, "defaultMode": 0o440}})
            mounts.append({"name": name, "mountPath": path, "readOnly": True})
    container: dict[str, Value] = {
        "name": "mirror",
        "image": mirror.image,
        "args": arguments(mirror),
        "env": [{"name": "HOME", "value": "/tmp"}],
        "ports": [{"name": "http", "containerPort": mirror.port}],
        "resources": resources(mirror.cpu, mirror.memory),
        **mirror.application.probes(_START_FAILURES),
        "volumeMounts": mounts,
    }
    return mirror.application.template(container, volumes, mirror.drain_seconds + _GRACE_SECONDS + _SPARE_SECONDS)
