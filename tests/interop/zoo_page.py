"""docs/compatibility.md: how the outcomes of a run of the zoo stand there, and what stands there now."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.interop.v1_zoo import TABLE
from tests.interop.zoo import Outcome

PAGE = Path(__file__).resolve().parents[2] / "docs" / "compatibility.md"
EQUAL, FAILS = "equal", "**no**"
ALWAYS, ON_DEMAND = "always", "whole zoo"

GAPS: dict[str, str] = {}
"""Why a model does not do well in both directions, by name. Each line goes when its model does."""

HEAD = """# Compatibility

Models that real TensorFlow 2.21 and Keras 3 write with random weights, and what becomes of them. *Read*: `tf.saved_model.load` in
Headrace answers the same questions with the same numbers (to 1e-4, times the largest magnitude where that is above 1; bfloat16 to
2e-2 and float16 to 5e-3; integers and strings exactly). *Saved again*: Headrace saves what it loaded, and TensorFlow loads that and
answers the same.

`python scripts/write_compatibility_page.py` runs the whole zoo and writes this page from what it found. The tests run the models
marked *always* each time, and all of them with `HEADRACE_ZOO=whole`; they fail where this page says otherwise than their run
(`tests/interop/test_zoo.py`; the models are declared in `tests/interop/peers/zoo_models`).

"""
GRAPHS = """## Graphs of TensorFlow 1

SavedModels without objects, with control flow as TensorFlow 1.15 wrote it: read as above, saved again as models of TensorFlow 2.
All of them are tested always (`tests/interop/test_v1_models.py`).

"""
COLUMNS = "| model | exercises | read | saved again | tested | notes |\n|---|---|---|---|---|---|\n"


def row(outcome: Outcome) -> str:
    """A model's line.

    Raises:
        ValueError: the outcome and `GAPS` contradict each other.
    """
    there = FAILS if outcome.there else EQUAL
    back = FAILS if outcome.back else EQUAL
    well = there == back == EQUAL
    if well == (outcome.name in GAPS):
        problem = "does well, so its line in GAPS must go" if well else f"fails without a line in GAPS: {outcome.document()}"
        raise ValueError(f"the model {outcome.name!r} {problem}")
    tested = ON_DEMAND if outcome.heavy else ALWAYS
    return f"| {outcome.name} | {outcome.exercises} | {there} | {back} | {tested} | {GAPS.get(outcome.name, '')} |"


def page(outcomes: Mapping[str, Outcome]) -> str:
    """The whole page."""
    rows = [row(outcome) for outcome in outcomes.values()]
    both = sum(f"| {EQUAL} | {EQUAL} |" in line for line in rows)
    return (
        f"{HEAD}{len(rows)} models, {both} of them equal in both directions.\n\n{COLUMNS}"
        + "\n".join(rows)
        + f"\n\n{GRAPHS}{TABLE}"
    )


def known() -> dict[str, str]:
    """The lines of the page as it stands, by model."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    end = lines.index(GRAPHS.splitlines()[0])
    rows = [line for line in lines[:end] if line.startswith("| ") and not line.startswith("| model |")]
    return {line.split(" | ")[0].removeprefix("| "): line for line in rows}


def is_always(line: str) -> bool:
    """Whether the short run has the model of a line."""
    return f" | {ALWAYS} | " in line
