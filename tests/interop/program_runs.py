"""A run of the programs in `programs/`: under real TensorFlow and under `headrace run` at the same time, and what differs."""

from __future__ import annotations

import ast
import json
import math
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.interop.environments import clean_environment
from tests.interop.peer_runs import PEERS

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = Path(__file__).resolve().parent / "programs"
RUNNER = PEERS / "run_programs.py"
SECONDS = 1800.0
"""The most that one side may take for all programs."""

PARTS = 2

FIRST, LATER, LOOSE = (1e-4, 2e-6), (1e-3, 1e-4), (5e-2, 1e-2)
"""How far floats may be apart, by ratio and by difference: of a key that begins with "first", of another, of a line marked `~`."""

_LINE = re.compile(r"([^=~]+?) ([=~]) (.*)")


@dataclass
class Outcome:
    """What became of a program on one side.

    Attributes:
        lines: what it printed.
        seconds: how long it took.
        error: the end of the traceback of what ended it, else empty.
    """

    lines: list[str] = field(default_factory=list)
    seconds: float = 0.0
    error: str = ""


def names() -> list[str]:
    """Every program, as `topic/file.py`."""
    return sorted(path.relative_to(PROGRAMS).as_posix() for path in PROGRAMS.glob("*/*.py"))


def chosen() -> list[str]:
    """Those that a run of the tests takes: half, since all take ten minutes.

    `HEADRACE_PROGRAMS` says which: `all`, or `0` or `1` for a half; tests/conftest.py takes one by the day.
    """
    which = os.environ["HEADRACE_PROGRAMS"]
    if which == "all":
        return names()
    return names()[int(which) :: PARTS]


def about(name: str) -> str:
    """The sentence that a program begins with."""
    text = ast.get_docstring(ast.parse((PROGRAMS / name).read_text(encoding="utf-8"))) or ""
    return " ".join(text.split())


def run(python: Path, folder: Path, chosen: Sequence[str]) -> dict[str, tuple[Outcome, Outcome]]:
    """What Headrace and TensorFlow make of each program.

    Args:
        python: of the environment with real TensorFlow.
        folder: an empty one.
        chosen: the programs, as `names` gives them.
    """
    common = clean_environment() | {"KERAS_BACKEND": "tensorflow", "KERAS_HOME": str(folder)}
    cache = {key: value for key, value in os.environ.items() if key == "HEADRACE_CACHE_DIR"}
    ours = [sys.executable, "-m", "headrace", "run"]
    with ThreadPoolExecutor(2) as pool:
        given = pool.submit(_run, ours, common | {"PYTHONPATH": str(ROOT)} | cache, folder / "headrace", chosen)
        wanted = pool.submit(_run, [str(python)], common, folder / "tensorflow", chosen)
        return {name: (given.result()[name], wanted.result()[name]) for name in chosen}


def _run(start: list[str], environment: dict[str, str], folder: Path, chosen: Sequence[str]) -> dict[str, Outcome]:
    """Runs the programs in one process; in another from the next one on where it ends early."""
    folder.mkdir()
    outcomes: dict[str, Outcome] = {}
    left = list(chosen)
    while left:
        results = folder / f"{len(outcomes)}.jsonl"
        words = [word for name in left for word in ("--", str(PROGRAMS / name))][1:]
        command = [*start, str(RUNNER), str(results), *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, cwd=folder, env=environment, check=False)
        rows = [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []
        for name, row in zip(left, rows, strict=False):
            outcomes[name] = Outcome(row["lines"], row["seconds"], row["error"])
        if len(rows) < len(left):
            words = done.stderr.strip().splitlines()[-30:]
            outcomes[left[len(rows)]] = Outcome(error=f"the process ended with {done.returncode}:\n" + "\n".join(words))
        left = left[len(rows) + 1 :]
    return outcomes


def differences(given: Outcome, wanted: Outcome) -> list[str]:
    """What is wrong with what a program printed, line by line; its error where one side fails."""
    if given.error or wanted.error:
        return [f"{side}: {found.error}" for side, found in (("Headrace", given), ("TensorFlow", wanted)) if found.error]
    problems = [
        f"{line!r}, expected {right!r}"
        for line, right in zip(given.lines, wanted.lines, strict=False)
        if line != right and not _agree(line, right)
    ]
    if len(given.lines) != len(wanted.lines):
        problems.append(f"{len(given.lines)} lines, expected {len(wanted.lines)}")
    return problems


def _agree(line: str, right: str) -> bool:
    found, wanted = _LINE.fullmatch(line), _LINE.fullmatch(right)
    if found is None or wanted is None or found.groups()[:2] != wanted.groups()[:2]:
        return False
    key, mark, text = wanted.groups()
    bounds = LOOSE if mark == "~" else FIRST if key.startswith("first") else LATER
    return _near(_value(found[3]), _value(text), *bounds)


def _value(text: str) -> Any:
    """What a program printed: a Python literal, or words each of which may be one."""
    try:
        return ast.literal_eval(text)
    except (SyntaxError, ValueError):
        words = text.split()
        return [_value(word) for word in words] if len(words) > 1 else text


def _near(found: Any, wanted: Any, ratio: float, difference: float) -> bool:
    if isinstance(wanted, dict) and isinstance(found, dict):
        return list(found) == list(wanted) and all(_near(found[key], wanted[key], ratio, difference) for key in wanted)
    if isinstance(wanted, list | tuple) and type(found) is type(wanted):
        return len(found) == len(wanted) and all(_near(a, b, ratio, difference) for a, b in zip(found, wanted, strict=True))
    if isinstance(wanted, float) and isinstance(found, float):
        return math.isclose(found, wanted, rel_tol=ratio, abs_tol=difference)
    return type(found) is type(wanted) and bool(found == wanted)
