"""The real Prometheus reads a real server under load: every panel, recording and alert finds its series."""

from __future__ import annotations

import math
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


def _models(root: Path) -> dict[str, Path]:
    """The folders of models: one in order, one that cannot be loaded, one whose second version answers NaN."""
    served.export(root / "m" / "1")
    (root / "broken" / "1").mkdir(parents=True)
    (root / "broken" / "1" / "saved_model.pb").write_bytes(b"no model")
    served.export(root / "varied" / "1")
    served.export(root / "varied" / "2", factor=math.nan)
    return {name: root / name for name in ("m", "broken", "varied")}


def _flags(root: Path) -> list[str]:
    """Files that the server reads, and the flags that name them."""
    (root / "batching_parameters_file").write_text(served.BATCHING)
    (root / "traffic_config_file").write_text(served.TRAFFIC)
    (root / "access_config_file").write_text(served.ACCESS)
    flags = ("model_config_file", "batching_parameters_file", "traffic_config_file", "access_config_file", "request_log_directory")
    return [*(f"--{flag}={root / flag}" for flag in flags), *served.FLAGS]


def test_every_query_finds_data(tmp_path: Path) -> None:
    models, list_file = _models(tmp_path / "models"), tmp_path / "model_config_file"
    list_file.write_text(served.configuration(**models))
    with running(*_flags(tmp_path), module="headrace") as server:
        server.ready()
        (tmp_path / "token").write_text(served.METRICS_TOKEN)
        options = Options(OBJECTIVES, [server.url.removeprefix("http://")], "1s", token_file=str(tmp_path / "token"))
        for name, text in render(["rules", "scrape"], options).items():
            (tmp_path / name).write_text(text)
        with prometheus.running(tmp_path / "prometheus.yml", tmp_path) as reader, served.Clients(server.url) as clients:
            list_file.write_text(served.configuration(**models, twin=models["m"]))
            wanted = [_asked(query.text) for board in dashboards(OBJECTIVES) for panel in board.panels for query in panel.queries]
            wanted += [query for rule in RULES if isinstance(rule, Recording) for query in (rule.query, rule.name)] + _conditions()
            deadline = time.monotonic() + 120
            while (left := served.missing(wanted, reader.values)) and time.monotonic() < deadline:
                time.sleep(1.0)
            assert not left, clients.statuses
            assert {200, 400, 401, 404, 429} <= clients.statuses
            found = [rule for group in reader.get("rules")["groups"] for rule in group["rules"]]
            assert {rule["health"] for rule in found} == {"ok"}
            assert len(found) == len(RULES)
            by_hand = "max by (job) (" + WAIT_SERIES + '{job="headrace"})'  # as prometheus-adapter asks for each pod
            assert reader.values(by_hand)
        headers = {"authorization": f"Bearer {served.METRICS_TOKEN}"}
        page = httpx.get(f"{server.url}/monitoring/prometheus/metrics", headers=headers).text
    lint = prometheus.promtool("check", "metrics", stdin=page)
    assert "error while linting" not in lint.stderr
    problems = {line.split()[0] for line in lint.stdout.splitlines() + lint.stderr.splitlines() if line.strip()}
    assert not [name for name in problems if not name.startswith(":tensorflow:")]
