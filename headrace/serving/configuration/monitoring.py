"""--monitoring_config_file: whether and where metrics are read."""

from __future__ import annotations

from pathlib import Path

from headrace.core.errors import InvalidArgumentError
from headrace.proto.serving import MonitoringConfig
from headrace.serving.configuration import text

DEFAULT_PATH = "/monitoring/prometheus/metrics"


def metrics_path(file: Path) -> str | None:
    """The path of the metrics page that a MonitoringConfig names; None when it has metrics off.

    Raises:
        OpError: the file cannot be read or is no such text; see `text.read`.
        InvalidArgumentError: the path does not begin with a slash.
    """
    prometheus = text.read(file, MonitoringConfig).prometheus_config
    path = str(prometheus.path) or DEFAULT_PATH
    if not path.startswith("/"):
        raise InvalidArgumentError(f"{file}: prometheus_config has path {path!r}; expected one that begins with a slash")
    return path if prometheus.enable else None
