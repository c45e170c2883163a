"""The real Prometheus reads a real server under load: every panel, recording and alert finds its series."""

from __future__ import annotations

import re
import time
from pathlib import Path

import httpx
import pytest

from headrace.monitoring.files import Options, dashboards, render, rule_groups
from headrace.monitoring.rules.alerts import WAIT_SERIES
from headrace.monitoring.rules.groups import Alert, Recording
from headrace.monitoring.rules.objectives import Objectives
from tests.interop import debian, prometheus
from tests.monitoring import served
from tests.serving.process import running

pytestmark = pytest.mark.interop

OBJECTIVES = Objectives(seconds=0.5)
RULES = [rule for group in rule_groups(OBJECTIVES) for rule in group.rules]


@pytest.fixture(scope="module", autouse=True)
def _prometheus() -> None:
    try:
        debian.ensure("prometheus", "prometheus")
    except debian.ProgramUnavailable as error:
        pytest.skip(str(error))


def _asked(query: str) -> str:
    """A panel's query as Grafana sends it when all is chosen."""
    asked = re.sub(r"\$(job|instance|model|version)\b", ".*", query).replace("$__rate_interval", "1m")
    assert "$" not in asked, query
    return asked


def _conditions() -> list[str]:
    return [condition.query for rule in RULES if isinstance(rule, Alert) for condition in rule.conditions]


def test_every_query_finds_data(tmp_path: Path) -> None:
    versions, broken, list_file = tmp_path / "m", tmp_path / "broken", tmp_path / "models.txt"
    served.export(versions / "1")
    (broken / "1").mkdir(parents=True)
    (broken / "1" / "saved_model.pb").write_bytes(b"no model")
    list_file.write_text(served.configuration(m=versions, broken=broken))
    (tmp_path / "batching.txt").write_text(served.BATCHING)
    flags = (f"--model_config_file={list_file}", f"--batching_parameters_file={tmp_path / 'batching.txt'}", *served.FLAGS)
    with running(*flags, module="headrace") as server:
        server.ready()
        options = Options(OBJECTIVES, [server.url.removeprefix("http://")], "1s")
        for name, text in render(["rules", "scrape"], options).items():
            (tmp_path / name).write_text(text)
        with prometheus.running(tmp_path / "prometheus.yml", tmp_path) as reader, served.Clients(server.url) as clients:
            list_file.write_text(served.configuration(m=versions, broken=broken, twin=versions))
            wanted = [_asked(query.text) for board in dashboards(OBJECTIVES) for panel in board.panels for query in panel.queries]
            wanted += [query for rule in RULES if isinstance(rule, Recording) for query in (rule.query, rule.name)] + _conditions()
            deadline = time.monotonic() + 120
            while (left := served.missing(wanted, reader.values)) and time.monotonic() < deadline:
                time.sleep(1.0)
            assert not left, clients.statuses
            assert {200, 400, 404} <= clients.statuses
            found = [rule for group in reader.get("rules")["groups"] for rule in group["rules"]]
            assert {rule["health"] for rule in found} == {"ok"}
            assert len(found) == len(RULES)
            by_hand = "max by (job) (" + WAIT_SERIES + '{job="headrace"})'  # as prometheus-adapter asks for each pod
            assert reader.values(by_hand)
        page = httpx.get(f"{server.url}/monitoring/prometheus/metrics").text
    lint = prometheus.promtool("check", "metrics", stdin=page)
    assert "error while linting" not in lint.stderr
    problems = {line.split()[0] for line in lint.stdout.splitlines() + lint.stderr.splitlines() if line.strip()}
    assert not [name for name in problems if not name.startswith(":tensorflow:")]
