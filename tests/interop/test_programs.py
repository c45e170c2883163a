"""Programs written for TensorFlow and Keras print the same under `headrace run`; docs/programs.md lists them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.interop import program_page, program_runs
from tests.interop.program_runs import Outcome

NAMES = program_runs.chosen()
KNOWN = program_page.known()


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory, tensorflow_python: Path) -> dict[str, tuple[Outcome, Outcome]]:
    return program_runs.run(tensorflow_python, tmp_path_factory.mktemp("programs"), NAMES)


def test_the_page_has_every_program() -> None:
    assert list(KNOWN) == program_runs.names()
    assert len(KNOWN) >= 45


def test_the_halves_are_all(monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for which in range(program_runs.PARTS):
        monkeypatch.setenv("HEADRACE_PROGRAMS", str(which))
        found += program_runs.chosen()
    assert sorted(found) == program_runs.names()


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", NAMES)
def test_a_program_does_as_the_page_says(name: str, outcomes: dict[str, tuple[Outcome, Outcome]]) -> None:
    given, wanted = outcomes[name]
    assert program_page.row(name, given, wanted) == KNOWN[name]


@pytest.mark.timeout(3600)
def test_models_report_their_first_step(outcomes: dict[str, tuple[Outcome, Outcome]]) -> None:
    models = [name for name in NAMES if not name.startswith(("basics/", "data/", "vision/augmentation"))]
    assert [name for name in models if not any(line.startswith("first ") for line in outcomes[name][1].lines)] == []


@pytest.mark.parametrize(
    ("line", "right", "agrees"),
    [
        ("first loss = 2.30261", "first loss = 2.30251", True),
        ("first loss = 2.3031", "first loss = 2.3025", False),
        ("loss = 2.3031", "loss = 2.3025", True),
        ("loss = 2.4", "loss = 2.3", False),
        ("loss ~ 2.4", "loss ~ 2.3", True),
        ("loss ~ 2.3", "loss = 2.3001", False),
        ("loss = nan", "loss = 1.0", False),
        ("count = 3", "count = 4", False),
        ("count = 3", "count = 3.0", False),
        ("name = a 0.50001 [1, 2]", "name = a 0.5 [1, 2]", True),
        ("name = b 0.5", "name = a 0.5", False),
        ("rows = [0.50001, 1]", "rows = [0.5, 1]", True),
        ("rows = [0.5]", "rows = [0.5, 1]", False),
        ("sizes = {'a': 0.50001}", "sizes = {'a': 0.5}", True),
        ("sizes = {'b': 0.5}", "sizes = {'a': 0.5}", False),
        ("a sentence", "another", False),
    ],
)
def test_a_wrong_line_is_seen(line: str, right: str, agrees: bool) -> None:
    assert (program_runs.differences(Outcome([line]), Outcome([right])) == []) == agrees


def test_a_missing_line_and_an_error_are_seen() -> None:
    assert program_runs.differences(Outcome([]), Outcome(["a = 1"])) == ["0 lines, expected 1"]
    assert "Headrace: boom" in program_runs.differences(Outcome(error="boom"), Outcome(["a = 1"]))


def test_a_program_that_takes_the_process_down_stops_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in (
        ("a", "print('a = 1')"),
        ("b", "import os; os._exit(7)"),
        ("c", "print('c =', 1 / 0)"),
        ("d", "print('d = 1')"),
    ):
        (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.setattr(program_runs, "PROGRAMS", tmp_path)
    environment = {"PYTHONPATH": str(program_runs.ROOT), "PATH": ""}
    start = [program_runs.sys.executable, "-m", "headrace", "run"]
    found = program_runs._run(start, environment, tmp_path / "run", ["a.py", "b.py", "c.py", "d.py"])
    assert [found[f"{name}.py"].lines for name in "ad"] == [["a = 1"], ["d = 1"]]
    assert "ended with 7" in found["b.py"].error
    assert "ZeroDivisionError" in found["c.py"].error
