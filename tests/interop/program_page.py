"""The table of programs in docs/programs.md: how the outcomes of a run stand there, and what stands there now."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.interop.program_runs import Outcome, about, differences

PAGE = Path(__file__).resolve().parents[2] / "docs" / "programs.md"
BEGIN, END = "| program | about | lines compared | runs |\n|---|---|---|---|\n", "\n<!-- end of the table -->"

GAPS: dict[str, str] = {}
"""Why a program does not run as under TensorFlow, by name. Each line goes when its program does."""


def row(name: str, given: Outcome, wanted: Outcome) -> str:
    """A program's line.

    Raises:
        ValueError: the outcome and `GAPS` contradict each other.
    """
    problems = differences(given, wanted)
    if bool(problems) != (name in GAPS):
        told = "runs, so its line in GAPS must go" if not problems else "fails without a line in GAPS:\n" + "\n".join(problems)
        raise ValueError(f"the program {name!r} {told}")
    return f"| {name} | {about(name)} | {len(wanted.lines)} | {GAPS.get(name, 'equal')} |"


def page(outcomes: Mapping[str, tuple[Outcome, Outcome]]) -> str:
    """The whole page, with the table of a run."""
    head, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    rows = [row(name, given, wanted) for name, (given, wanted) in outcomes.items()]
    return head + BEGIN + "\n".join(rows) + "\n" + END + rest.partition(END)[2]


def known() -> dict[str, str]:
    """The lines of the table as it stands, by program."""
    table = PAGE.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]
    return {line.split(" | ")[0].removeprefix("| "): line for line in table.splitlines() if line}
