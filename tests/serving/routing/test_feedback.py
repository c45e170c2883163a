"""Outcomes are joined to who answered, count once, and tell variants apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from scipy import stats

from tests.serving.toy_traffic import Site, variant

HALVES = (variant("stable", 1, 50), variant("canary", 2, 50))


@pytest.fixture
def site(tmp_path: Path) -> Any:
    with Site(tmp_path, 1.0, 2.0, remembered=50) as site:
        yield site


def test_an_outcome_counts_for_who_answered_and_once(site: Site) -> None:
    site.rules(*HALVES)
    (answer,) = site.predict()
    name, told = answer.headers["x-headrace-variant"], answer.headers["x-headrace-request-id"]
    first = site.feedback(request_id=told, outcome=True)
    assert (first.status_code, first.json()) == (200, {"model": "m", "variant": name, "counted": True})
    again = site.feedback(request_id=told, outcome=False)
    assert again.json() == {"model": "m", "variant": name, "counted": False, "reason": "it is counted already"}
    assert site.traffic.report("m")["variants"][name]["outcomes"]["rate"] == {"count": 1, "successes": 1, "rate": 1.0}
    assert f'headrace_serving_traffic_feedback_total{{model="m",variant="{name}"}} 1' in site.page()


def test_users_count_once_by_their_key(site: Site) -> None:
    site.rules(*HALVES, sticky={"header": "x-user"})
    answers = list(site.predict(4, headers=lambda number: {"X-User": str(number % 2)}))
    name = answers[0].headers["x-headrace-variant"]
    assert site.feedback(key="0", outcome=3.5).json() == {"model": "m", "variant": name, "counted": True}
    assert not site.feedback(key=0, outcome=4.5).json()["counted"]
    numbers = site.traffic.report("m")["variants"][name]["outcomes"]["number"]
    assert (numbers["count"], numbers["mean"], numbers["standard_deviation"]) == (1, 3.5, None)
    list(site.predict(1, headers=lambda _: {"X-User": "0"}))  # to come again does not make a user a new one
    assert not site.feedback(key="0", outcome=1).json()["counted"]
    assert site.feedback(key="9", outcome=1).status_code == 404


def test_the_variant_stands_in_for_what_is_forgotten(site: Site) -> None:
    site.rules(*HALVES)
    (first,) = site.predict()
    list(site.predict(60))
    told = first.headers["x-headrace-request-id"]
    missing = site.feedback(request_id=told, outcome=1)
    assert (missing.status_code, "send the variant too" in missing.json()["error"]) == (404, True)
    assert site.feedback(request_id=told, outcome=1, variant="canary").json()["counted"]
    assert not site.feedback(request_id=told, outcome=1, variant="canary").json()["counted"]


def test_what_does_not_count(site: Site) -> None:
    site.rules(*HALVES, allow_override=True)
    forced, failed = site.predict(2, headers=lambda number: {} if number else {"X-Headrace-Variant": "canary"})
    assert site.feedback(request_id=forced.headers["x-headrace-request-id"], outcome=1).status_code == 404
    name = failed.headers["x-headrace-variant"]
    other = {"stable": "canary", "canary": "stable"}[name]
    wrong = site.feedback(request_id=failed.headers["x-headrace-request-id"], outcome=1, variant=other)
    assert (wrong.status_code, wrong.json()["error"]) == (400, f"variant is '{other}', but '{name}' answered")
    site.rules(*HALVES, salt="new")
    old = site.feedback(request_id=failed.headers["x-headrace-request-id"], outcome=1)
    assert old.json()["reason"] == "the rules have changed since that answer"


@pytest.mark.parametrize(
    ("document", "status", "part"),
    [
        (b"[", 400, "JSON Parse error"),
        (b"[]", 400, "the feedback: is a list; expected a table"),
        (b"{}", 400, "expected a request_id or a key, and not both"),
        (b'{"request_id": "a", "key": "b", "model": "m", "outcome": 1}', 400, "and not both"),
        (b'{"request_id": "a b", "model": "m", "outcome": 1}', 400, "request_id is 'a b'"),
        (b'{"request_id": "a", "model": "m", "outcome": "yes"}', 400, "outcome is missing or no finite number"),
        (b'{"request_id": "a", "model": "m", "outcome": NaN}', 400, "outcome is missing or no finite number"),
        (b'{"request_id": "a", "model": "m", "outcome": 1e300}', 400, "outcome is missing or no finite number"),
        (b'{"request_id": "a", "model": "m", "outcome": 1, "x": 2}', 400, "has the unknown key 'x'"),
        (b'{"request_id": "a", "model": "m", "outcome": 1, "variant": "x"}', 400, "expected one of stable, canary"),
        (b'{"key": {}, "model": "m", "outcome": 1}', 400, "key is not text"),
        (b'{"key": "a", "model": "m", "outcome": 1}', 400, "model 'm' has no sticky users"),
        (b'{"request_id": "a", "model": "n", "outcome": 1}', 404, "model 'n' has no traffic rules"),
        (b'{"request_id": "a", "model": "m", "outcome": 1}', 404, "no answer to this request is remembered"),
        (b" " * 70000, 413, "larger than 65536 bytes"),
    ],
)
def test_bad_feedback(site: Site, document: bytes, status: int, part: str) -> None:
    site.rules(*HALVES)
    response = site.ask("POST", "/v1/feedback", content=document)
    assert response.status_code == status
    assert part in response.json()["error"]


def test_the_report_tells_chance_from_difference(site: Site) -> None:
    site.rules(*HALVES)
    outcomes: dict[str, list[float]] = {"stable": [], "canary": []}
    for number, answer in enumerate(site.predict(40)):
        name, told = answer.headers["x-headrace-variant"], answer.headers["x-headrace-request-id"]
        value = number % 5 + (4.5 if name == "canary" else 0.25)
        outcomes[name].append(value)
        assert site.feedback(request_id=told, outcome=value).json()["counted"]
    (found,) = [each for each in site.traffic.report("m")["comparisons"] if each["what"] == "outcome_mean"]
    expected = stats.ttest_ind(outcomes["canary"], outcomes["stable"], equal_var=False)
    assert (found["baseline"], found["variant"], found["test"], found["significant"]) == ("stable", "canary", "welch", True)
    assert found["p_value"] == pytest.approx(expected.pvalue)
    interval = expected.confidence_interval(0.95)
    assert found["interval"] == pytest.approx([interval.low, interval.high])
    (errors,) = [each for each in site.traffic.report("m")["comparisons"] if each["what"] == "error_rate"]
    assert (errors["p_value"], errors["significant"]) == (1.0, False)
