"""Bad variants are taken out of the traffic by themselves, good ones stay."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from headrace.core.errors import FailedPreconditionError, InvalidArgumentError, NotFoundError
from headrace.serving.models import ModelSpec
from headrace.serving.routing import latency
from headrace.serving.routing.arms import Tally, Window
from headrace.serving.routing.judge import reason_to_roll_back
from headrace.serving.routing.rules import Rollback
from tests.serving.toy_grpc import predict_request
from tests.serving.toy_traffic import FAILS, NAN, SLOW, Site, variant

LIMITS: dict[str, Any] = {
    "variant": "canary",
    "baseline": "stable",
    "min_requests": 10,
    "max_error_rate_increase": 0.05,
    "max_latency_ratio": 2,
    "max_nonfinite_rate": 0.01,
}
RULES = Rollback("canary", "stable", 60, 100, 0.02, 2.0, 0.01)


def tally(requests: int, errors: int = 0, seconds: float = 0.01, nonfinite: int = 0, code: str = "INTERNAL") -> Tally:
    found = Tally()
    for number in range(requests):
        found.answered(code if number < errors else "OK", seconds)
    for number in range(requests - errors):
        found.ran(number >= nonfinite)
    return found


class Clock:
    """A clock that stands still unless it is moved."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("canary", "stable", "why"),
    [
        (tally(200, 40), tally(200, 2), "errors"),
        (tally(200, 8), tally(200, 2), None),  # 3 % more, which may be chance
        (tally(20000, 800), tally(20000, 200), "errors"),  # here it is not
        (tally(20000, 500), tally(20000, 200), None),  # sure, and within the limit
        (tally(200, 40), tally(200, 40), None),
        (tally(200, 40), tally(99), None),
        (tally(99, 90), tally(200), None),
        (tally(200, 200, code="CANCELLED"), tally(200), None),
        (tally(200, seconds=0.05), tally(200), "latency"),
        (tally(200, seconds=0.015), tally(200), None),
        (tally(200, nonfinite=3), tally(200), "nonfinite"),
        (tally(200, nonfinite=2), tally(200), None),
        (tally(99, nonfinite=99), tally(200), None),
    ],
)
def test_the_judge(canary: Tally, stable: Tally, why: str | None) -> None:
    found = reason_to_roll_back(RULES, canary, stable)
    assert (found[0] if found is not None else None) == why


def test_a_few_slow_requests_may_be_chance() -> None:
    canary = tally(97)
    for _ in range(3):
        canary.answered("OK", 5.0)
    assert latency.quantile(canary.seconds, 0.99) > 4
    assert reason_to_roll_back(RULES, canary, tally(100)) is None


def test_what_is_not_set_is_not_looked_at() -> None:
    only_latency = Rollback("canary", "stable", 60, 100, max_latency_ratio=2.0)
    assert reason_to_roll_back(only_latency, tally(200, 150, nonfinite=50), tally(200)) is None


@pytest.mark.parametrize("seconds", [2e-6, 1e-4, 0.0123, 1.0, 59.0, 1e4])
def test_quantiles_are_known_to_a_tenth(seconds: float) -> None:
    counts = latency.empty()
    assert math.isnan(latency.quantile(counts, 0.5))
    counts[latency.bucket_of(seconds)] += 10
    counts[latency.bucket_of(100 * seconds)] += 1
    expected = min(max(seconds, 1e-5), 260)
    assert latency.quantile(counts, 0.5) == pytest.approx(expected, rel=0.1)
    assert latency.count_above(counts, seconds) == (1 if seconds < 100 else 0)


def test_the_window_forgets() -> None:
    clock = Clock()
    window = Window(60, clock)
    for _ in range(10):
        window.now().answered("OK", 0.1)
        clock.now += 10
    assert window.total().requests == 5
    clock.now += 100
    assert window.total().requests == 0


@pytest.mark.parametrize(("scale", "why"), [(FAILS, "errors"), (SLOW, "latency"), (NAN, "nonfinite")])
def test_a_bad_canary_loses_its_share(tmp_path: Path, scale: float, why: str) -> None:
    clock = Clock()
    with Site(tmp_path, 1.0, scale, clock=clock) as site:
        rules = {"rollback": LIMITS, "salt": "one"}
        site.rules(variant("stable", 1, 50), variant("canary", 2, 50), **rules)
        for _ in range(300):
            clock.now += 1
            list(site.predict())
            if site.traffic.report("m")["rolled_back"]:
                break
        report = site.traffic.report("m")
        assert report["rolled_back"]["canary"]["why"] == why
        assert report["variants"]["canary"]["share"] == 0
        assert report["variants"]["canary"]["requests"] <= 130
        assert {answer.headers["x-headrace-variant"] for answer in site.predict(10)} == {"stable"}
        who, action, target, outcome, details = site.audit[-1]
        assert (who, action, target, outcome) == ("traffic rules", "traffic.rollback", "m/canary", "OK")
        assert details["reason"] == report["rolled_back"]["canary"]["reason"]
        page = site.page()
        assert f'headrace_serving_traffic_rollbacks_total{{model="m",variant="canary",reason="{why}"}} 1' in page
        assert 'headrace_serving_traffic_share{model="m",variant="canary"} 0' in page
        site.rules(variant("stable", 1, 50), variant("canary", 2, 50), **rules)  # the same rules: it stays out
        assert site.traffic.report("m")["rolled_back"].keys() == {"canary"}
        site.rules(variant("stable", 1, 50), variant("canary", 2, 50), **{**rules, "salt": "two"})
        assert site.traffic.report("m")["rolled_back"] == {}


def test_a_canary_that_answers_nan_over_grpc_loses_its_share(tmp_path: Path) -> None:
    clock = Clock()
    with Site(tmp_path, 1.0, NAN, clock=clock) as site:
        site.rules(variant("stable", 1, 50), variant("canary", 2, 50), rollback=LIMITS)
        method = site.grpc().method("Predict")
        request = predict_request(x=np.ones((1, 2), np.float32))
        found: list[str] = []
        for _ in range(60):
            clock.now += 1
            _, call = method.with_call(request, timeout=60, wait_for_ready=True)
            found.append(dict(call.initial_metadata())["x-headrace-variant"])
        assert set(found[:10]) == {"stable", "canary"}
        assert set(found[-30:]) == {"stable"}
        assert site.traffic.report("m")["rolled_back"]["canary"]["why"] == "nonfinite"


def test_a_good_canary_stays(tmp_path: Path) -> None:
    clock = Clock()
    with Site(tmp_path, 1.0, 2.0, clock=clock) as site:
        site.rules(variant("stable", 1, 50), variant("canary", 2, 50), rollback={**LIMITS, "max_latency_ratio": 50})
        for _ in range(120):
            clock.now += 1
            list(site.predict())
        report = site.traffic.report("m")
        assert report["rolled_back"] == {}
        assert report["variants"]["canary"]["requests"] == 60


def test_a_canary_with_another_signature_is_rolled_back_for_its_errors(tmp_path: Path) -> None:
    """Requests that only the canary refuses count against it, also when they are refused while they are decoded."""
    clock = Clock()
    with Site(tmp_path, 1.0, 2.0, clock=clock) as site:
        site.rules(variant("stable", 1, 50), variant("canary", 2, 50), rollback=LIMITS)
        model = site.fleet.engine.models[tmp_path / "m" / "2"]
        with site.models.acquire(ModelSpec("m", 2)) as handle:
            handle.signatures = {"other": model.signatures["pair"]}
        for _ in range(200):
            clock.now += 1
            list(site.predict())
        assert site.traffic.report("m")["rolled_back"]["canary"]["why"] == "errors"


def test_by_hand(tmp_path: Path) -> None:
    with Site(tmp_path, 1.0, 2.0, 3.0) as site:
        with pytest.raises(NotFoundError, match="model 'm' has no traffic rules"):
            site.traffic.rollback("m", "", "ann")
        site.rules(variant("a", 1, 1), variant("b", 2, 1), variant("c", 3, 1))
        with pytest.raises(InvalidArgumentError, match="which variant of model 'm' is not said; expected one of a, b, c"):
            site.traffic.rollback("m", "", "ann")
        with pytest.raises(NotFoundError, match="model 'm' has no variant 'd'; expected one of a, b, c"):
            site.traffic.rollback("m", "d", "ann")
        report = site.traffic.rollback("m", "b", "ann")
        assert report["rolled_back"]["b"]["why"] == "asked"
        assert [report["variants"][name]["share"] for name in "abc"] == [0.5, 0, 0.5]
        site.traffic.rollback("m", "b", "ann")  # once more changes nothing
        site.traffic.rollback("m", "a", "ann")
        with pytest.raises(FailedPreconditionError, match="'c' is the last one of model 'm'"):
            site.traffic.rollback("m", "c", "ann")
        assert {answer.headers["x-headrace-variant"] for answer in site.predict(4)} == {"c"}
        report = site.traffic.resume("m", "ann")
        assert report["rolled_back"] == {}
        assert report["variants"]["a"]["share"] == pytest.approx(1 / 3)
        actions = [(event[1], event[2]) for event in site.audit]
        assert actions == [
            ("traffic.replace", "m"),
            ("traffic.rollback", "m/b"),
            ("traffic.rollback", "m/a"),
            ("traffic.resume", "m"),
        ]


def test_the_last_weight_goes_to_who_is_left(tmp_path: Path) -> None:
    with Site(tmp_path, 1.0, 2.0, 3.0) as site:
        site.rules(variant("a", 1, 0), variant("b", 2, 1), variant("c", 3, 0))
        site.traffic.rollback("m", "b", "ann")
        assert {answer.headers["x-headrace-variant"] for answer in site.predict(4)} == {"a"}
