"""The exposition, read back by Prometheus' own parser."""

from __future__ import annotations

import importlib.metadata
import sys
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from headrace.core import exposition
from headrace.core.errors import InvalidArgumentError
from headrace.core.exposition import Counter, Gauge, Histogram, render
from headrace.serving.metrics import UNKNOWN_MODEL, ServingMetrics
from tests.serving.fleet import Fleet, config
from tests.serving.toy import Service, wait_until, write_version


def read(page: str) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    """The samples of a page: name, then sorted labels."""
    samples: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            series = samples.setdefault(sample.name, {})
            labels = tuple(sorted(sample.labels.items()))
            assert labels not in series, "a sample stands twice"
            series[labels] = sample.value
    return samples


def labels(**values: str) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(values.items()))


def test_counters_and_gauges() -> None:
    counter, gauge = Counter("c_total", "Counts.", ["a"]), Gauge("g", "Goes.\nBoth ways \\.")
    odd = 'quote " backslash \\ line\nend é'
    counter.add((odd,))
    counter.add((odd,), 2.5)
    gauge.add((), 3)
    gauge.add((), -5)
    found = read(render([counter, gauge]))
    assert found == {"c_total": {labels(a=odd): 3.5}, "g": {(): -2.0}}


def test_a_histogram_counts_up_and_takes_bounds_in() -> None:
    histogram = Histogram("h", "Times.", ["a"], [1.0, 2.5])
    for value in (0.5, 1.0, 2.0, 99.0):
        histogram.observe(("x",), value)
    found = read(render([histogram]))
    assert found["h_bucket"] == {labels(a="x", le="1"): 2, labels(a="x", le="2.5"): 3, labels(a="x", le="+Inf"): 4}
    assert found["h_sum"] == {labels(a="x"): 102.5}
    assert found["h_count"] == {labels(a="x"): 4}


@pytest.mark.parametrize("kind", [Counter, lambda *args: Histogram(*args, [1.0])])
def test_the_number_of_series_is_bounded(kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    family = kind("f", "Help.", ["a"])
    monkeypatch.setattr(exposition, "MAX_SERIES", 1000)
    for number in range(1500):
        (family.add if isinstance(family, Counter) else family.observe)((str(number),), 1.0)
    names = {dict(key)["a"] for series in read(render([family])).values() for key in series}
    assert len(names) == 1000
    assert "1499" in names
    assert "0" not in names


def test_requests_are_counted_under_both_names(tmp_path: Path) -> None:
    write_version(tmp_path, 3)
    with Service(tmp_path) as service:
        wait_until(lambda: service.lifecycle.available)
        for _ in range(3):
            service.predict({"instances": [[1, 2]]})
        service.predict(b"{")
        service.predict({"instances": [[1]]})
        service.predict({"instances": [[1, 2]]}, "/v1/models/nobody:predict")
        response = service.ask("GET", "/monitoring/prometheus/metrics")
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    found = read(response.text)
    assert '\n:tensorflow:serving:request_count{model_name="m",status="OK"} 3\n' in response.text
    assert found[":tensorflow:serving:request_count_total"] == {  # the parser puts `_total` to every counter
        labels(model_name="m", status="OK"): 3,
        labels(model_name="m", status="INVALID_ARGUMENT"): 2,
        labels(model_name="(unknown)", status="NOT_FOUND"): 1,
    }
    latency = {"model_name": "m", "API": "Predict", "entrypoint": "REST"}
    assert found[":tensorflow:serving:request_latency_count"][labels(**latency)] == 5
    buckets = [key for key in found[":tensorflow:serving:request_latency_bucket"] if ("model_name", "m") in key]
    assert len(buckets) == 34
    assert {dict(key)["le"] for key in buckets} >= {"10", "18", "32.4", "+Inf"}
    assert found[":tensorflow:serving:runtime_latency_count"][labels(model_name="m", API="Predict", runtime="Headrace")] == 3
    ours = {"model": "m", "api": "Predict", "protocol": "REST"}
    assert found["headrace_serving_requests_total"][labels(**ours, version="3", code="OK")] == 3
    assert found["headrace_serving_requests_total"][labels(**ours, version="3", code="INVALID_ARGUMENT")] == 2
    assert 0 < found["headrace_serving_request_duration_seconds_sum"][labels(**ours, version="3")] < 60
    assert found["headrace_serving_requests_in_flight"] == {labels(protocol="REST"): 0}
    assert found["headrace_serving_queue_wait_seconds_count"] == {labels(protocol="REST"): 6}
    assert found["headrace_serving_model_loads_total"] == {labels(model="m", code="OK"): 1}
    assert found["headrace_serving_model_version_available"] == {labels(model="m", version="3"): 1}


def test_models_and_versions_that_are_gone_leave_no_series(tmp_path: Path) -> None:
    fleet, metrics = Fleet(tmp_path), ServingMetrics()
    path = fleet.path("a", 1)
    fleet.begin(config(a=path, b=fleet.path("b", 1)))
    for model, version in (("a", 1), ("a", None), ("a", 7), ("b", 1), (UNKNOWN_MODEL, None)):
        metrics.request(model, version, "Predict", "REST", "OK", 0.01)
        metrics.ran(model, version or 1, "Predict", 0.01)
        metrics.loaded(model, 1, 0.1, None)
    for version in (fleet.root / "a" / "1", fleet.root / "a" / "0", fleet.root / "b" / "1"):
        metrics.warmed(version, 0.1, None)
    fleet.models.reload(config(a=path))
    found = read(metrics.page(fleet.models))
    series = [dict(key) for each in found.values() for key in each]
    versions = {(each.get("model", each.get("model_name")), each.get("version")) for each in series}
    unknown = {(UNKNOWN_MODEL, version) for version in ("", "1", None)}
    assert versions == {("a", "1"), ("a", ""), ("a", None), (None, None)} | unknown
    assert {each["model_path"] for each in series if "model_path" in each} == {str(path / "1")}
    assert labels(model_name="a", status="OK") in found[":tensorflow:serving:request_count_total"]
    assert fleet.models.stop(30)


def test_reloads_are_counted(tmp_path: Path) -> None:
    fleet, metrics = Fleet(tmp_path), ServingMetrics()
    fleet.begin(config())
    assert read(metrics.page(fleet.models))["headrace_serving_config_last_reload_successful"] == {(): 1}
    metrics.reloaded(InvalidArgumentError("no"))
    found = read(metrics.page(fleet.models))
    assert found["headrace_serving_config_last_reload_successful"] == {(): 0}
    metrics.reloaded(None)
    found = read(metrics.page(fleet.models))
    assert found["headrace_serving_config_reloads_total"] == {labels(code="OK"): 1, labels(code="INVALID_ARGUMENT"): 1}
    assert found["headrace_serving_config_last_reload_successful"] == {(): 1}


def test_the_state_of_models_and_queues_and_the_process_is_told(tmp_path: Path) -> None:
    fleet, metrics = Fleet(tmp_path), ServingMetrics()
    path = fleet.path("a", 1, 2)
    fleet.begin(config(a={"base_path": path, "versions": [1, 2]}))
    waiting = [0]
    metrics.watch_queue("REST", 9, lambda: waiting[0])
    found = read(metrics.page(fleet.models))
    assert found["headrace_serving_model_available"] == {labels(model="a"): 1}
    states = {labels(model="a", version=version, state="AVAILABLE"): 1 for version in "12"}
    assert found["headrace_serving_model_version_state"] == states
    assert found["headrace_serving_queue_waiting"] == {labels(protocol="REST"): 0}
    assert found["headrace_serving_queue_limit"] == {labels(protocol="REST"): 9}
    assert found["headrace_serving_info"] == {labels(server_version=importlib.metadata.version("headrace")): 1}
    processor = found["process_cpu_seconds_total"][()]
    assert processor > 0
    waiting[0] = 4
    assert fleet.models.stop(30)
    found = read(metrics.page(fleet.models))
    assert found["headrace_serving_model_available"] == {labels(model="a"): 0}
    assert {dict(key)["state"] for key in found["headrace_serving_model_version_state"]} == {"END"}
    assert found["headrace_serving_queue_waiting"] == {labels(protocol="REST"): 4}
    assert found["process_cpu_seconds_total"][()] >= processor


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell these")
def test_what_linux_tells_of_the_process(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path)
    found = read(ServingMetrics().page(fleet.models))
    assert 1 << 20 < found["process_resident_memory_bytes"][()] < found["process_virtual_memory_bytes"][()]
    assert 0 < found["process_open_fds"][()] < found["process_max_fds"][()]
