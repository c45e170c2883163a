"""What is to run in a cluster."""

from __future__ import annotations

from dataclasses import dataclass

from headrace.core.errors import InvalidArgumentError
from headrace.deploy import checks
from headrace.deploy.models import MAX_BYTES
from headrace.deploy.pods import Application

CONFIG_FOLDER = "/etc/headrace"
TLS_FOLDER = "/etc/headrace-tls"
TLS_FILE = "ssl.config"
"""Of the secret: the text of an SSLConfig."""
CACHE_FOLDER = "/var/cache/headrace"
MODELS_FILE = "models.config"
CONFIG_POLL_SECONDS = 10
FILES = {"access_config_file": "access.toml", "batching_parameters_file": "batching.config", "traffic_config_file": "traffic.toml"}
"""What else the server may be given: names in the ConfigMap, by the flag."""
DECIDED = frozenset(
    {
        *FILES,
        "drain_seconds",
        "grpc_host",
        "model_base_path",
        "model_config_file",
        "model_config_file_poll_wait_seconds",
        "model_name",
        "monitoring_config_file",
        "port",
        "prometheus_path",
        "rest_api_host",
        "rest_api_port",
        "rest_api_ssl_config_file",
        "shutdown_grace_seconds",
        "ssl_config_file",
        "traffic_config_file_poll_wait_seconds",
    }
)
"""Flags of the server that probes, ports, volumes or times of the objects depend on."""

_SPARE_SECONDS = 5
"""Between the server's own end and the moment when it is killed."""


@dataclass(frozen=True, slots=True)
class KubernetesOptions:
    """A deployment of the server.

    Attributes:
        name: of every object, and Prometheus' name of the job.
        namespace: where they stand.
        image: has `headrace` as its entry point.
        models: the text of a ModelServerConfig; base paths lie below `models_path`.
        models_claim: the PersistentVolumeClaim that holds the models; it is mounted for reading only.
        models_path: where.
        replicas: that run at least.
        max_replicas: that run at most; as many as `replicas` is no scaling.
        cpu: that each asks for, a quantity.
        memory: that each asks for and may take, a quantity.
        grpc_port, rest_port: of the containers and of the Service.
        grace_seconds: for requests in progress at the end.
        drain_seconds: between the word to end and the end of taking requests, in which clients learn that a replica goes.
        startup_seconds: for models to load at the start.
        queue_wait_ms: the wait before a run above which replicas are added.
        scrape_interval: of the ServiceMonitor.
        tls_secret: the Secret with which gRPC and REST speak TLS; empty for plain text.
        files: texts of further files, by their flags (see `FILES`).
        metrics_token_secret: the Secret with the token by which Prometheus may read the metrics; empty where it needs none.
        monitor_labels: of the ServiceMonitor, by which some Prometheus finds it.
        flags: more flags of the server.

    Raises:
        InvalidArgumentError: a value has another form than is expected.
    """

    name: str
    image: str
    models: str
    models_claim: str
    namespace: str = "default"
    models_path: str = "/models"
    replicas: int = 2
    max_replicas: int = 10
    cpu: str = "1"
    memory: str = "2Gi"
    grpc_port: int = 8500
    rest_port: int = 8501
    grace_seconds: int = 25
    drain_seconds: int = 5
    startup_seconds: int = 600
    queue_wait_ms: int = 50
    scrape_interval: str = "15s"
    tls_secret: str = ""
    files: tuple[tuple[str, str], ...] = ()
    metrics_token_secret: str = ""
    monitor_labels: tuple[tuple[str, str], ...] = ()
    flags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        checks.dns_label("the name", self.name, longest=50)  # names of pods put more behind it
        checks.dns_label("the namespace", self.namespace)
        checks.dns_name("the claim", self.models_claim)
        for what, secret in (("TLS", self.tls_secret), ("the token", self.metrics_token_secret)):
            if secret:
                checks.dns_name(f"the secret of {what}", secret)
        if (size := sum(len(text.encode()) for text in (self.models, *dict(self.files).values()))) > MAX_BYTES:
            raise InvalidArgumentError(f"the files of the server have {size} bytes together; a ConfigMap holds {MAX_BYTES}")
        checks.image(self.image)
        checks.path("the path of the models", self.models_path)
        checks.quantity("cpu", self.cpu)
        checks.quantity("memory", self.memory)
        checks.port("the port of gRPC", self.grpc_port)
        checks.port("the port of REST", self.rest_port)
        checks.duration("the interval of scrapes", self.scrape_interval)
        for what, value, least, most in (
            ("replicas", self.replicas, 1, 1000),
            ("max_replicas", self.max_replicas, 1, 1000),
            ("shutdown_grace_seconds", self.grace_seconds, 1, 3600),
            ("drain_seconds", self.drain_seconds, 1, 600),
            ("startup_seconds", self.startup_seconds, 10, 86400),
            ("queue_wait_ms", self.queue_wait_ms, 1, 60_000),
        ):
            checks.whole(what, value, least, most)
        if self.max_replicas < self.replicas:
            raise InvalidArgumentError(f"max_replicas is {self.max_replicas}, below the {self.replicas} replicas that run at least")
        if self.grpc_port == self.rest_port:
            raise InvalidArgumentError(f"gRPC and REST both have port {self.rest_port}; give each its own")
        if self.models_path.startswith((CONFIG_FOLDER, CACHE_FOLDER, "/tmp")):
            raise InvalidArgumentError(f"the path of the models is {self.models_path}, where the server has files of its own")
        for label, text in self.monitor_labels:
            checks.dns_label("a label of the ServiceMonitor", label)
            checks.dns_label(f"the label {label} of the ServiceMonitor", text)
        checks.server_flags(self.flags, DECIDED)

    @property
    def application(self) -> Application:
        """What every object is of."""
        return Application("headrace", self.name, self.namespace, self.tls_secret)

    @property
    def termination_seconds(self) -> int:
        """How long a pod has from the word to end: until clients know, until it has drained, and some to spare."""
        return self.drain_seconds + self.grace_seconds + _SPARE_SECONDS
