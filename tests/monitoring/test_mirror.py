"""What watches the mirror: the real Prometheus reads a real mirror, and each query, rule and alert finds its series."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from headrace.cli.monitor import monitor
from headrace.core.exposition import Family as Written
from headrace.mirror.metrics import MirrorMetrics
from headrace.mirror.policy.metrics import PolicyMetrics
from headrace.mirror.policy.rules import Policy
from headrace.monitoring.dashboards import grafana
from headrace.monitoring.files import MIRROR_KINDS, MIRROR_RULES_FILE, Options, render_mirror
from headrace.monitoring.mirror import alerts, families
from headrace.monitoring.mirror.board import mirror
from headrace.monitoring.rules.groups import Alert
from headrace.monitoring.rules.objectives import Objectives
from tests.interop import debian, prometheus
from tests.interop.environments import ensure
from tests.interop.peer_runs import run_peer
from tests.mirror.index_server import IndexServer
from tests.mirror.setting import mirroring

OBJECTIVES = Objectives(job="headrace-mirror")
RULES = [rule for group in alerts.groups("headrace-mirror") for rule in group.rules if isinstance(rule, Alert)]
UNIT_TESTS = Path(__file__).with_name("mirror_alerts_test.yml")
ONLY_SOMETIMES = ("certificate_expiry", "advisories_age")
"""Series that are there with a certificate, and with imported advisories, only; the unit tests of the alerts have them."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder with the rendered files; left out where Prometheus cannot be had."""
    try:
        debian.ensure("prometheus", "promtool")
    except debian.ProgramUnavailable as error:
        pytest.skip(str(error))
    for name, text in render_mirror(MIRROR_KINDS, Options(OBJECTIVES)).items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_each_family_is_written_by_the_mirror_with_these_labels() -> None:
    parts: list[Written] = [each for each in vars(PolicyMetrics()).values() if isinstance(each, Written)]
    written = {each.name: (each.kind, each.labels) for each in [*MirrorMetrics().families(), *parts]}
    read = [each for each in vars(families).values() if isinstance(each, families.Family)]
    assert {each.name: (each.kind, each.labels) for each in read} == {each.name: written.get(each.name) for each in read}


@pytest.mark.interop
def test_prometheus_takes_the_rules_and_alerts_fire_when_they_should(folder: Path) -> None:
    shutil.copy(UNIT_TESTS, folder)
    for command in (
        ("check", "rules", folder / MIRROR_RULES_FILE),
        ("check", "config", folder / "prometheus.yml"),
        ("test", "rules", folder / UNIT_TESTS.name),
    ):
        done = prometheus.promtool(*command)
        assert done.returncode == 0, done.stdout + done.stderr
    tested = set(re.findall(r"HeadraceMirror\w+", UNIT_TESTS.read_text()))
    assert tested == {rule.name for rule in RULES}


def _asked(query: str) -> str:
    asked = re.sub(r"\$(job|instance)\b", ".*", query).replace("$__rate_interval", "1m")
    assert "$" not in asked, query
    return asked


@pytest.mark.interop
def test_every_query_finds_data(folder: Path) -> None:
    wanted = [_asked(query.text) for panel in mirror().panels for query in panel.queries]
    wanted += [condition.query for rule in RULES for condition in rule.conditions]
    wanted = [query for query in wanted if not any(name in query for name in ONLY_SOMETIMES)]

    async def work() -> None:
        async with IndexServer() as index:
            index.add("demo", "1.0", 100_000)
            index.add("denied", "1.0")
            async with mirroring(folder / "mirror", index, Policy(deny=("denied",))) as setting:
                options = Options(OBJECTIVES, [setting.url.removeprefix("http://")], "1s")
                (folder / "prometheus.yml").write_text(render_mirror(["scrape"], options)["prometheus.yml"])
                paths = [(await setting.page(name))["files"][0]["url"] for name in ("demo", "denied")]
                reader = prometheus.running(folder / "prometheus.yml", folder)
                server = await asyncio.to_thread(reader.__enter__)
                try:
                    deadline = time.monotonic() + 120
                    left = wanted
                    while left and time.monotonic() < deadline:
                        await asyncio.gather(*(setting.get(path) for path in (*paths, "simple/demo/", "simple/nothing/")))
                        index.add(f"more{len(index.documents)}", "1.0", 10_000)
                        page = await setting.page(f"more{len(index.documents) - 1}")
                        await setting.get(page["files"][0]["url"])
                        await asyncio.sleep(0.5)
                        left = [query for query in left if not await asyncio.to_thread(server.values, query)]
                    assert not left
                    groups = await asyncio.to_thread(server.get, "rules")
                    found = [rule for group in groups["groups"] for rule in group["rules"]]
                    assert ({rule["health"] for rule in found}, len(found)) == ({"ok"}, len(RULES))
                finally:
                    await asyncio.to_thread(reader.__exit__, None, None, None)
                page_text = (await setting.get("metrics")).body.decode()
        lint = await asyncio.to_thread(prometheus.promtool, "check", "metrics", stdin=page_text)
        assert (lint.returncode, lint.stdout + lint.stderr) == (0, "")

    asyncio.run(asyncio.wait_for(work(), 240))


def test_the_board_uses_its_variables_and_says_what_it_shows() -> None:
    content: dict[str, Any] = json.loads(grafana.render(mirror()))
    assert [each["name"] for each in content["templating"]["list"]] == ["datasource", "job", "instance"]
    for panel in content["panels"]:
        if panel["type"] == "row":
            continue
        assert panel["description"]
        for target in panel["targets"]:
            used = set(re.findall(r"\$(\w+)", target["expr"]))
            assert "job" in used
            assert used <= {"job", "instance", "__rate_interval"}
            grouped = set(re.findall(r"\w+", " ".join(re.findall(r"by \(([^)]*)\)", target["expr"]))))
            assert set(re.findall(r"{{(\w+)}}", target["legendFormat"])) <= grouped


@pytest.mark.interop
def test_grafanas_types_read_all_of_it(tmp_path: Path) -> None:
    done = CliRunner().invoke(monitor, ["render", "--of=mirror", "--out", str(tmp_path), "--label=release=prometheus"])
    assert done.exit_code == 0, done.output
    names = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert names == {"dashboards/headrace-mirror.json", "headrace-mirror.rules.yml", "prometheus.yml", "operator.yml"}
    python = ensure("kubernetes-validate")
    assert run_peer(python, "grafana_dashboards.py", tmp_path / "dashboards" / "headrace-mirror.json") == {
        "headrace-mirror.json": []
    }


def test_what_makes_no_sense_is_refused() -> None:
    for options, words in (
        (["--what=adapter"], "there is no --what=adapter of a mirror"),
        (["--what=rules", "--job=a b"], "no name"),
    ):
        done = CliRunner().invoke(monitor, ["render", "--of=mirror", *options])
        assert done.exit_code != 0
        assert words in done.output
