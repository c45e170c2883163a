"""The families that dashboards and rules read are those that the server writes."""

from __future__ import annotations

from headrace.monitoring import families
from headrace.serving.cache import CacheOptions, ResponseCache
from headrace.serving.metrics import ServingMetrics

READ = [each for each in vars(families).values() if isinstance(each, families.Family) and each is not families.SCRAPED]


def _written() -> dict[str, tuple[str, tuple[str, ...]]]:
    cache = ResponseCache(CacheOptions(1, frozenset()))
    every = [*ServingMetrics().families(), *cache.families()]
    return {family.name: (family.kind, family.labels) for family in every}


def test_each_is_written_by_the_server_with_these_labels() -> None:
    written = _written()
    assert {each.name: (each.kind, each.labels) for each in READ} == {each.name: written.get(each.name) for each in READ}
