"""How Prometheus finds the servers, and how Kubernetes' autoscaler gets their waits from it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from headrace.core.errors import InvalidArgumentError
from headrace.core.yaml import Value, dump
from headrace.monitoring.rules.alerts import WAIT_SERIES

DEFAULT_PATH = "/monitoring/prometheus/metrics"
WAIT_METRIC = "headrace_queue_wait_seconds"
"""What the autoscaler calls the wait before a run, which the adapter gives for each pod."""

_INTERVAL = re.compile(r"[1-9][0-9]*(ms|s|m)")
_TARGET = re.compile(r"(\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+):[0-9]{1,5}")


def prometheus(
    job: str,
    targets: Sequence[str],
    interval: str,
    rule_files: Sequence[str],
    token_file: str = "",
    path: str = DEFAULT_PATH,
) -> str:
    """A configuration of Prometheus that reads the servers.

    Args:
        job: its name of the servers.
        targets: `host:port` of each server's REST.
        interval: between two looks, such as `15s`.
        rule_files: their paths, from the configuration's place.
        token_file: holds the token by which Prometheus may read the metrics; empty where it needs none.
        path: of the metrics.

    Raises:
        InvalidArgumentError: a target or the interval has another form.
    """
    for target in targets:
        if not _TARGET.fullmatch(target):
            raise InvalidArgumentError(f"{target!r} is no target; expected host:port, such as models.example:8501")
    if not _INTERVAL.fullmatch(interval):
        raise InvalidArgumentError(f"{interval!r} is no interval; expected such as 15s or 1m")
    scrape: dict[str, Value] = {"job_name": job, "metrics_path": path}
    if token_file:
        scrape["authorization"] = {"credentials_file": token_file}
    return dump(
        {
            "global": {"scrape_interval": interval, "evaluation_interval": interval},
            "rule_files": list(rule_files),
            "scrape_configs": [{**scrape, "static_configs": [{"targets": list(targets)}]}],
        }
    )


def adapter() -> str:
    """A configuration of prometheus-adapter: it gives the autoscaler the recorded wait of each pod."""
    return dump(
        {
            "rules": [
                {
                    "seriesQuery": f'{WAIT_SERIES}{{namespace!="",pod!=""}}',
                    "resources": {"overrides": {"namespace": {"resource": "namespace"}, "pod": {"resource": "pod"}}},
                    "name": {"as": WAIT_METRIC},
                    "metricsQuery": "max by (<<.GroupBy>>) (<<.Series>>{<<.LabelMatchers>>})",
                }
            ]
        }
    )
