"""The families that dashboards and rules read are those that the server writes."""

from __future__ import annotations

from pathlib import Path

from headrace.monitoring import families
from headrace.serving.access.gate import Gate
from headrace.serving.access.policy import Policy
from headrace.serving.audit import AuditLog
from headrace.serving.cache import CacheOptions, ResponseCache
from headrace.serving.metrics import ServingMetrics
from headrace.serving.request_log.options import RequestLogOptions
from headrace.serving.request_log.writer import RequestLog
from headrace.serving.routing.metrics import TrafficMetrics

READ = [each for each in vars(families).values() if isinstance(each, families.Family) and each is not families.SCRAPED]


def _written(root: Path) -> dict[str, tuple[str, tuple[str, ...]]]:
    cache = ResponseCache(CacheOptions(1, frozenset()))
    log = RequestLog(RequestLogOptions(root), lambda _: None)
    parts = (ServingMetrics(), cache, log, AuditLog(), Gate(Policy(), AuditLog()), TrafficMetrics())
    return {family.name: (family.kind, family.labels) for part in parts for family in part.families()}


def test_each_is_written_by_the_server_with_these_labels(tmp_path: Path) -> None:
    written = _written(tmp_path)
    assert {each.name: (each.kind, each.labels) for each in READ} == {each.name: written.get(each.name) for each in READ}
