"""Copies of requests run elsewhere and are compared; whatever becomes of them, the answer does not change."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from headrace.serving.batching.options import AdaptiveBatching, BatchingOptions
from headrace.serving.context import RequestContext
from headrace.serving.dataplane import Dataplane
from headrace.serving.engines.base import Array
from headrace.serving.metrics import ServingMetrics
from headrace.serving.routing.experiment import Experiment
from headrace.serving.routing.metrics import TrafficMetrics
from headrace.serving.routing.outputs import all_finite, compare
from headrace.serving.routing.rules import Shadow, parse
from headrace.serving.routing.shadow import Shadowing, ShadowLimits
from headrace.serving.runs import Run
from tests.serving.toy import ToyModel, wait_until
from tests.serving.toy_grpc import predict_request
from tests.serving.toy_traffic import FAILS, NAN, SLOW, Site, variant

SHADOW = Shadow("dark", absolute_tolerance=0.01, relative_tolerance=0.0)


def shadow_of(site: Site) -> dict[str, Any]:
    found: dict[str, Any] = site.traffic.report("m")["shadow"]
    return found


def done(site: Site, count: int) -> bool:
    found = shadow_of(site)
    return bool(found["compared"] + sum(found["errors"].values()) + sum(found["dropped"].values()) == count)


@pytest.mark.parametrize("batching", [None, BatchingOptions(AdaptiveBatching())])
def test_answers_are_compared_over_both_protocols(tmp_path: Path, batching: BatchingOptions | None) -> None:
    with Site(tmp_path, 1.0, 1.0, 1.5, batching=batching) as site:
        site.rules(variant("stable", 1, 1), variant("dark", 2, 0), shadow={"variant": "dark"})
        client = site.grpc()
        assert [each.headers["x-headrace-variant"] for each in site.predict(3)] == ["stable"] * 3
        client.call("Predict", predict_request(x=np.ones((1, 2), np.float32)))
        wait_until(lambda: done(site, 4))
        found = shadow_of(site)
        assert (found["compared"], found["same"], found["different"]) == (4, 4, 0)
        assert (found["largest_difference"], found["argmax_agreement"]) == ({"y": 0.0}, 1.0)
        site.rules(variant("stable", 1, 1), variant("dark", 3, 0), shadow={"variant": "dark"})
        list(site.predict(2))
        wait_until(lambda: done(site, 2))
        found = shadow_of(site)
        assert (found["different"], found["largest_difference"], found["argmax_agreement"]) == (2, {"y": 1.0}, 1.0)
        report = site.traffic.report("m")["variants"]
        assert (report["stable"]["requests"], report["dark"]["requests"]) == (2, 0)
        page = site.page()
        assert 'headrace_serving_traffic_shadow_total{model="m",variant="dark",result="same"} 4' in page
        assert 'headrace_serving_traffic_shadow_total{model="m",variant="dark",result="different"} 2' in page


@pytest.mark.parametrize("scale", [FAILS, NAN, SLOW])
def test_a_bad_shadow_disturbs_nobody(tmp_path: Path, scale: float) -> None:
    with Site(tmp_path, 1.0, scale) as site:
        site.rules(variant("stable", 1, 1), variant("dark", 2, 0), shadow={"variant": "dark"})
        count = 4 if scale == SLOW else 20
        answers = list(site.predict(count))
        assert all(each.json() == {"predictions": [[1.0, 2.0]]} for each in answers)
        wait_until(lambda: done(site, count))
        found = shadow_of(site)
        if scale == FAILS:
            assert found["errors"] == {"INTERNAL": 20}
        else:
            assert (found["compared"], found["same"]) == (count, 0)
            assert found["largest_difference"]["y"] is None or scale == SLOW
        assert site.traffic.report("m")["variants"]["stable"]["errors"] == {}


def test_only_so_many_are_copied_and_never_those_that_the_shadow_answered(tmp_path: Path) -> None:
    with Site(tmp_path, 1.0, 2.0) as site:
        site.rules(variant("stable", 1, 50), variant("canary", 2, 50), shadow={"variant": "canary", "percent": 20})
        list(site.predict(100))
        wait_until(lambda: done(site, 10))
        assert site.traffic.report("m")["variants"]["stable"]["requests"] == 50


def test_a_shadow_that_hangs_fills_a_bounded_queue_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()
    plain = ToyModel._serving_default

    def hang(self: ToyModel, x: Array) -> dict[str, Array]:
        if self.scale == 2.0:
            gate.wait(60)
        return plain(self, x)

    monkeypatch.setattr(ToyModel, "_serving_default", hang)
    with Site(tmp_path, 1.0, 2.0) as site:
        try:
            site.rules(variant("stable", 1, 1), variant("dark", 2, 0), shadow={"variant": "dark"})
            assert [each.status_code for each in site.predict(300)] == [200] * 300
            found = shadow_of(site)
            assert found["dropped"]["full"] >= 300 - 258
        finally:
            gate.set()
        wait_until(lambda: done(site, 300))


def test_large_copies_are_left_out(tmp_path: Path) -> None:
    with Site(tmp_path, 1.0, 1.0) as site:
        rules = parse({"models": {"m": {"variants": [variant("a", 1, 1), variant("dark", 2, 0)], "shadow": {"variant": "dark"}}}})[
            "m"
        ]
        experiment = Experiment("m", rules)
        shadowing = Shadowing(Dataplane(site.models, ServingMetrics()), TrafficMetrics(), ShadowLimits(4, max_bytes=100))
        try:
            for rows in (1, 50):
                x = np.ones((rows, 2), np.float32)
                context = RequestContext()
                shadowing.offer(
                    experiment,
                    Run("m", 1, ("serving_default",), "Predict", {"x": x}, {"serving_default": {"y": x}}, None, 0.0, context),
                )
            wait_until(lambda: experiment.shadow.compared == 1)
            assert experiment.shadow.dropped == {"bytes": 1}
            wait_until(lambda: shadowing.waiting == 0)
        finally:
            shadowing.close(30)


def outputs(**values: Any) -> Mapping[str, Array]:
    return {name: np.asarray(value) for name, value in values.items()}


F = np.float32
BF16 = ml_dtypes.bfloat16


@pytest.mark.parametrize(
    ("first", "second", "same", "largest"),
    [
        (outputs(y=F([1, 2])), outputs(y=F([1.005, 2])), True, {"y": pytest.approx(0.005, abs=1e-6)}),
        (outputs(y=F([1, 2])), outputs(y=F([1.5, 2])), False, {"y": 0.5}),
        (outputs(y=F([1, np.nan])), outputs(y=F([1, np.nan])), True, {"y": 0.0}),
        (outputs(y=F([np.inf])), outputs(y=F([np.inf])), True, {"y": 0.0}),
        (outputs(y=F([1])), outputs(y=F([np.nan])), False, {"y": np.inf}),
        (outputs(y=F([np.inf])), outputs(y=F([-np.inf])), False, {"y": np.inf}),
        (outputs(y=F([1])), outputs(y=F([1, 2])), False, {}),
        (outputs(y=F([1])), outputs(y=np.float64([1])), False, {}),
        (outputs(y=F([1])), outputs(z=F([1])), False, {}),
        (outputs(y=F([1])), outputs(y=F([1]), z=F([1])), False, {"y": 0.0}),
        (outputs(y=[3]), outputs(y=[5]), False, {"y": 2.0}),
        (outputs(y=F([])), outputs(y=F([])), True, {"y": 0.0}),
        (outputs(y=np.array([b"a"], object)), outputs(y=np.array([b"a"], object)), True, {}),
        (outputs(y=np.array([b"a"], object)), outputs(y=np.array([b"b"], object)), False, {}),
        (outputs(y=[True]), outputs(y=[False]), False, {}),
        (outputs(y=np.complex64([1j])), outputs(y=np.complex64([2j])), False, {"y": 1.0}),
        (outputs(y=F([1]).astype(BF16)), outputs(y=F([2]).astype(BF16)), False, {"y": 1.0}),
    ],
)
def test_comparing(first: Mapping[str, Array], second: Mapping[str, Array], same: bool, largest: dict[str, float]) -> None:
    found = compare(first, second, SHADOW)
    assert (found.same, found.largest) == (same, largest)


def test_the_largest_score_is_compared_in_each_row() -> None:
    found = compare(outputs(y=F([[1, 2], [2, 1], [0, 1]])), outputs(y=F([[1, 2], [1, 2], [0, 9]])), SHADOW)
    assert (found.rows, found.agreeing) == (3, 2)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, ml_dtypes.bfloat16, np.complex64])
def test_nan_is_found(dtype: Any) -> None:
    values = np.ones((10, 10), dtype)
    assert all_finite({"y": values, "s": np.array([b"x"], object), "n": np.arange(3), "none": np.ones(0, dtype)})
    values[3, 3] = np.nan
    assert not all_finite({"y": values})
    assert not all_finite({"y": values.T})
    assert not all_finite({"y": np.full(100_000, np.inf, dtype)})


def test_of_large_outputs_some_numbers_are_looked_at() -> None:
    values = np.zeros(2 * 4096, np.float32)
    values[1] = np.nan  # between two that are
    assert all_finite({"y": values})
    values[2] = np.nan
    assert not all_finite({"y": values})
