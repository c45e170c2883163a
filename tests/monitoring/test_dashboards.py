"""Dashboards as files: the same every time, no panel on another, and what Grafana's own types read is all of it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from headrace.cli.monitor import monitor
from headrace.monitoring.dashboards import grafana
from headrace.monitoring.files import dashboards
from headrace.monitoring.rules.objectives import Objectives
from tests.interop.environments import ensure
from tests.interop.peer_runs import run_peer

BOARDS = {board.uid: board for board in dashboards(Objectives())}


def _content(uid: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(grafana.render(BOARDS[uid]))
    return found


@pytest.mark.parametrize("uid", BOARDS)
def test_the_same_text_every_time(uid: str) -> None:
    again = {board.uid: board for board in dashboards(Objectives())}
    assert grafana.render(BOARDS[uid]) == grafana.render(again[uid])


@pytest.mark.parametrize("uid", BOARDS)
def test_panels_lie_side_by_side(uid: str) -> None:
    panels = _content(uid)["panels"]
    assert sorted(panel["id"] for panel in panels) == list(range(1, len(panels) + 1))
    taken: set[tuple[int, int]] = set()
    for place in (panel["gridPos"] for panel in panels):
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert max(x for x, _ in cells) < 24
        assert not taken & cells
        taken |= cells


@pytest.mark.parametrize("uid", BOARDS)
def test_every_panel_says_what_it_shows_and_uses_the_variables(uid: str) -> None:
    content = _content(uid)
    variables = {each["name"] for each in content["templating"]["list"]}
    assert variables == {"datasource", "job", "instance", "model", "version"}
    for panel in content["panels"]:
        if panel["type"] == "row":
            continue
        assert panel["description"]
        assert panel["datasource"]["uid"] == "${datasource}"
        for target in panel["targets"]:
            used = set(re.findall(r"\$(\w+)", target["expr"]))
            assert "job" in used
            assert used <= variables | {"__rate_interval"}
            grouped = set(re.findall(r"\w+", " ".join(re.findall(r"by \(([^)]*)\)", target["expr"]))))
            labels = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
            assert labels <= grouped | {"instance", "model"}, "a legend names a label that the query drops"


@pytest.mark.interop
def test_grafanas_types_read_all_of_it(tmp_path: Path) -> None:
    for uid, board in BOARDS.items():
        (tmp_path / f"{uid}.json").write_text(grafana.render(board))
    unread = run_peer(ensure("kubernetes-validate"), "grafana_dashboards.py", *tmp_path.iterdir())
    assert unread == {f"{uid}.json": [] for uid in BOARDS}


def test_the_command_writes_files(tmp_path: Path) -> None:
    done = CliRunner().invoke(monitor, ["render", "--out", str(tmp_path / "new"), "--job=models", "--objective=99.5"])
    assert done.exit_code == 0, done.output
    names = {path.relative_to(tmp_path / "new").as_posix() for path in (tmp_path / "new").rglob("*") if path.is_file()}
    boards = {f"dashboards/{uid}.json" for uid in BOARDS}
    assert names == boards | {"headrace.rules.yml", "prometheus.yml", "prometheus-adapter.yml", "operator.yml"}
    assert len(done.output.splitlines()) == len(names)
    rules = (tmp_path / "new" / "headrace.rules.yml").read_text()
    assert 'job="models"' in rules
    assert "> 0.072" in rules


def test_one_file_is_printed() -> None:
    done = CliRunner().invoke(monitor, ["render", "--what=adapter"])
    assert done.exit_code == 0
    assert "instance:headrace_serving_wait_seconds:p90" in done.output


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "give --out"),
        (["--what=rules", "--objective=100"], "availability is 100 %"),
        (["--what=rules", '--job=a"b'], "is no name of a job"),
        (["--what=scrape", "--target=a b:1"], "expected host:port"),
        (["--what=operator", "--label=release"], "is no label"),
        (["--what=scrape", "--scrape_interval=0s"], "is no interval"),
    ],
)
def test_what_makes_no_sense_is_refused(options: list[str], words: str) -> None:
    done = CliRunner().invoke(monitor, ["render", *options])
    assert done.exit_code != 0
    assert words in done.output


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "dashboards").write_text("a file")
    done = CliRunner().invoke(monitor, ["render", "--what=dashboards", "--out", str(tmp_path)])
    assert done.exit_code == 1
    assert "cannot write" in done.output
