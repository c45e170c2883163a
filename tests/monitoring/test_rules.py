"""The rules: Prometheus' own tool reads them and runs their unit tests; objectives that make no sense are refused."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from headrace.core.errors import InvalidArgumentError
from headrace.monitoring.files import RULES_FILE, Options, render, rule_groups
from headrace.monitoring.rules import objectives
from headrace.monitoring.rules.groups import Alert
from headrace.monitoring.rules.objectives import BOUNDS, Objectives
from headrace.serving import metrics
from tests.interop import debian, prometheus

UNIT_TESTS = Path(__file__).with_name("alerts_test.yml")


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """The folder with the rendered rules; left out where Prometheus' tool cannot be had."""
    try:
        debian.ensure("prometheus", "promtool")
    except debian.ProgramUnavailable as error:
        pytest.skip(str(error))
    for name, text in render(["rules", "scrape"], Options()).items():
        (tmp_path / name).write_text(text)
    shutil.copy(UNIT_TESTS, tmp_path)
    return tmp_path


@pytest.mark.interop
def test_prometheus_takes_the_rules_and_the_configuration(rules: Path) -> None:
    for command in (("rules", rules / RULES_FILE), ("config", rules / "prometheus.yml")):
        done = prometheus.promtool("check", *command)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.interop
def test_alerts_fire_when_they_should_and_only_then(rules: Path) -> None:
    done = prometheus.promtool("test", "rules", rules / UNIT_TESTS.name)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.interop
def test_prometheus_refuses_an_alert_that_it_cannot_read(rules: Path) -> None:
    file = rules / RULES_FILE
    file.write_text(file.read_text().replace("increase(", "increase("[:-1], 1))
    assert prometheus.promtool("check", "rules", file).returncode != 0


def test_the_page_says_when_each_alert_calls_and_what_to_do() -> None:
    page = (Path(__file__).parents[2] / "docs" / "monitoring.md").read_text()
    _, when, what = (set(re.findall(r"`(Headrace[A-Z]\w+)`", part)) for part in re.split(r"## Alerts|### What to do", page))
    names = {rule.name for group in rule_groups(Objectives()) for rule in group.rules if isinstance(rule, Alert)}
    assert (names - when, when - names) == (set(), set())
    assert (names - what, what - names) == (set(), set())


def test_thresholds_follow_the_objective() -> None:
    *_, group = objectives.groups(Objectives(availability=99.0, latency=99.99))
    found = [(rule.name, rule.severity, rule.conditions[0].comparison) for rule in group.rules if isinstance(rule, Alert)]
    assert found == [
        ("HeadraceAvailabilityBudgetBurn", "page", "> 0.144"),
        ("HeadraceAvailabilityBudgetBurn", "page", "> 0.06"),
        ("HeadraceAvailabilityBudgetBurn", "ticket", "> 0.03"),
        ("HeadraceAvailabilityBudgetBurn", "ticket", "> 0.01"),
        ("HeadraceLatencyBudgetBurn", "page", "> 0.00144"),
        ("HeadraceLatencyBudgetBurn", "page", "> 0.0006"),
        ("HeadraceLatencyBudgetBurn", "ticket", "> 0.0003"),
        ("HeadraceLatencyBudgetBurn", "ticket", "> 0.0001"),
    ]


def test_times_that_can_be_told_apart_are_the_servers_buckets() -> None:
    assert list(BOUNDS) == metrics._SECOND_BOUNDS


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"availability": 100.0}, "availability is 100 %"),
        ({"availability": 93.0}, "more than 93.1"),
        ({"latency": float("nan")}, "latency is nan"),
        ({"seconds": 0.3}, r"0\.3 s is between two buckets"),
    ],
)
def test_objectives_that_make_no_sense_are_refused(given: dict[str, float], words: str) -> None:
    with pytest.raises(InvalidArgumentError, match=words):
        Objectives(**given)  # type: ignore[arg-type]
