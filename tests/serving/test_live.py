"""The series behind the charts: what is counted, for how long, and in how much memory."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette

from headrace.serving.live.admin import routes
from headrace.serving.live.counts import MAX_SERIES, OTHERS, LiveCounts, Sample
from headrace.serving.live.latencies import Latencies
from headrace.serving.live.recorder import LiveRecorder
from headrace.serving.live.series import LENGTH
from headrace.serving.metrics import ServingMetrics
from tests.serving.toy import wait_until


class Clocks:
    """A recorder whose time stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 0.0
        self.metrics = ServingMetrics()
        self.recorder = LiveRecorder(LiveCounts(self.metrics), lambda: self.now, lambda: 1e9 + self.now)

    def tick(self, times: int = 1, seconds: float = 1.0) -> None:
        for _ in range(times):
            self.now += seconds
            self.recorder.tick()

    def request(self, model: str = "m", version: int | None = 1, code: str = "OK", seconds: float = 0.004) -> None:
        self.metrics.request(model, version, "Predict", "REST", code, seconds)

    def series(self, **asked: Any) -> dict[tuple[str, int | None], dict[str, Any]]:
        return {(each["model"], each["version"]): each for each in self.recorder.read(**asked)["series"]}


@given(st.lists(st.floats(1e-5, 100.0), min_size=1, max_size=300), st.sampled_from([0.5, 0.9, 0.99, 1.0]))
def test_a_percentile_is_within_a_bucket_of_the_true_one(times: list[float], share: float) -> None:
    latencies = Latencies()
    for each in times:
        latencies.add(each)
    below = float(np.quantile(times, share, method="inverted_cdf"))
    assert below * 0.915 <= latencies.percentile(share) <= below * 1.093


def test_samples_of_processes_add_up_to_that_of_all() -> None:
    metrics = [ServingMetrics() for _ in range(3)]
    counts = [LiveCounts(each) for each in metrics]
    for number in range(1, 300):
        told = ("m", number % 2 or None, "Predict", "REST", "INTERNAL" if number % 7 == 0 else "OK", number / 1000)
        for each in (metrics[number % 2], metrics[2]):
            each.request(*told)
            each.queued("REST", number / 64)
            each.in_flight("REST", 1)
    merged = Sample()
    for source in counts[:2]:
        merged.merge(Sample.from_json(json.loads(json.dumps(source.take().to_json()))))
    both = counts[2].take()
    assert merged.thread_waits == both.thread_waits
    assert merged.in_flight == both.in_flight
    assert merged.counts.keys() == both.counts.keys()
    for key, count in both.counts.items():
        found = merged.counts[key]
        assert (found.requests, found.errors) == (count.requests, count.errors)
        assert found.seconds == pytest.approx(count.seconds)
        assert [found.latencies.percentile(q) for q in (0.5, 0.99)] == [count.latencies.percentile(q) for q in (0.5, 0.99)]
    assert counts[2].take().counts == {}


def test_merged_times_have_the_percentiles_of_all() -> None:
    one, other, both = Latencies(), Latencies(), Latencies()
    for number in range(1, 500):
        (one if number % 3 else other).add(number / 1000)
        both.add(number / 1000)
    one.merge(other)
    assert [one.percentile(q) for q in (0.01, 0.5, 0.99)] == [both.percentile(q) for q in (0.01, 0.5, 0.99)]


def test_each_second_of_each_version() -> None:
    clocks = Clocks()
    for _ in range(3):
        clocks.request()
    clocks.request(version=2, code="INTERNAL", seconds=0.5)
    clocks.tick()
    clocks.request(code="INVALID_ARGUMENT", seconds=0.001)
    clocks.tick()
    clocks.tick()
    found = clocks.recorder.read()
    assert found["times"] == [1e9 + 1, 1e9 + 2, 1e9 + 3]
    assert found["elapsed"] == [1.0, 1.0, 1.0]
    assert found["total"]["requests"] == [4, 1, 0]
    assert found["total"]["errors"] == {"INTERNAL": [1, 0, 0], "INVALID_ARGUMENT": [0, 1, 0]}
    first, second = clocks.series()["m", 1], clocks.series()["m", 2]
    assert first["requests"] == [3, 1, 0]
    assert first["p50_ms"] == [4.0, 1.0, None]
    assert first["in_flight"] == [0.012, 0.001, 0.0]
    assert first["errors"] == {"INVALID_ARGUMENT": [0, 1, 0]}
    assert second["p99_ms"] == [500.0, None, None]
    assert second["errors"] == {"INTERNAL": [1, 0, 0]}


def test_only_what_is_new_is_sent_again_but_all_of_another_server() -> None:
    clocks = Clocks()
    clocks.request()
    clocks.tick(3)
    found = clocks.recorder.read()
    clocks.tick(2)
    assert clocks.recorder.read(found["tick"], found["instance"])["times"] == [1e9 + 4, 1e9 + 5]
    assert clocks.recorder.read(found["tick"], "an earlier server")["times"] == [1e9 + tick for tick in range(1, 6)]
    assert clocks.recorder.read(99, found["instance"])["times"] == []


def test_waits_of_batches_and_of_threads_and_requests_in_flight() -> None:
    clocks = Clocks()
    clocks.request()
    clocks.metrics.queued("REST", 0.002)
    clocks.metrics.in_flight("REST", 5)
    clocks.metrics.batching.waited(("m", "1", "serving_default"), "pool", [0.010])
    clocks.metrics.batching.waited(("m", "1", "other"), "pool", [0.020])
    clocks.tick()
    clocks.metrics.in_flight("REST", -5)
    clocks.metrics.queued("REST", 0.004)
    clocks.tick()
    found = clocks.recorder.read()
    assert found["protocols"] == {"REST": {"in_flight": [5.0, 0.0], "queue_wait_ms": [2.0, 4.0]}}
    assert clocks.series()["m", 1]["queue_wait_ms"] == [15.0, None]
    assert found["total"]["queue_wait_ms"] == [15.0, None]


def test_old_seconds_and_idle_versions_leave() -> None:
    clocks = Clocks()
    clocks.request("old", 1, "INTERNAL")
    clocks.request("kept", 1, "INTERNAL")
    clocks.tick(LENGTH)
    clocks.request("kept", 1)
    clocks.tick()
    assert [key[0] for key in clocks.series()] == ["kept"]
    kept = clocks.series()["kept", 1]
    assert len(kept["requests"]) == LENGTH
    assert sum(kept["requests"]) == 1
    assert kept["errors"] == {}


def test_no_number_of_names_fills_the_memory() -> None:
    clocks = Clocks()
    for round_ in range(3):
        for number in range(MAX_SERIES + 50):
            clocks.request(f"m{round_}-{number}")
        clocks.tick()
    found = clocks.series()
    assert len(found) == MAX_SERIES
    assert sum(sum(each["requests"]) for each in found.values()) == 3 * (MAX_SERIES + 50)
    assert sum(found[OTHERS, None]["requests"]) == 3 * (MAX_SERIES + 50) - (MAX_SERIES - 1)


def test_a_pause_of_the_machine_is_one_long_tick() -> None:
    clocks = Clocks()
    clocks.request(seconds=15.0)
    clocks.tick(seconds=30.0)
    assert clocks.recorder.read()["elapsed"] == [30.0]
    assert clocks.series()["m", 1]["in_flight"] == [0.5]


def test_requests_of_many_threads_are_all_counted() -> None:
    clocks = Clocks()

    def ask() -> None:
        for _ in range(2000):
            clocks.request()

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(LENGTH // 2):
        clocks.tick()
    for thread in threads:
        thread.join()
    clocks.tick()
    assert sum(clocks.series()["m", 1]["requests"]) == 8000


def test_the_thread_ticks_and_ends() -> None:
    metrics = ServingMetrics()
    with LiveRecorder(LiveCounts(metrics)) as recorder:
        metrics.request("m", 1, "Predict", "REST", "OK", 0.01)
        wait_until(lambda: bool(recorder.read()["times"]))
    assert not any(thread.name == "live-series" for thread in threading.enumerate())
    assert metrics.watchers == []


@pytest.mark.parametrize(
    ("query", "status"), [("", 200), ("?after=1", 200), ("?after=-1", 400), ("?after=x", 400), ("?after=²", 400)]
)
def test_the_route(query: str, status: int) -> None:
    clocks = Clocks()
    clocks.request()
    clocks.tick(2)

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=Starlette(routes=routes(clocks.recorder)))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.get("/admin/v1/live" + query)

    response = asyncio.run(ask())
    assert response.status_code == status
    if status == 400:
        assert "expected the number `tick` of an earlier answer" in response.json()["error"]
    else:
        assert response.json()["total"]["requests"] == [1, 0]
        assert response.headers["cache-control"] == "no-store"
