"""The project's own rules: what it depends on, how its rooms are ordered, how long its files are."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import grimp
import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "headrace"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCK = (ROOT / "requirements" / "dev.txt").read_text()

MAX_FILE_LINES = 600
MAX_FUNCTION_LINES = 60
PROGRAMS = {"cli", "demo"}
"""Rooms above the facade: they use Headrace as anyone does."""
FACADES = {"compat", "config", "experimental", "keras", "linalg", "math", "nn", "profiler", "random", "train", "types", "xla"}
"""Folders that are no rooms: facades that have facades below them."""
CORE = {"click", "diastatic-malt", "google-crc32c", "jax", "ml_dtypes", "numpy", "protobuf", "rich", "scipy"}


def _sources(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def _layers() -> set[str]:
    contract = next(c for c in PROJECT["tool"]["importlinter"]["contracts"] if c["type"] == "layers")
    return {room for layer in contract["layers"] for room in re.findall(r"\w+", layer)}


def test_the_core_needs_nine_packages() -> None:
    assert {Requirement(text).name for text in PROJECT["project"]["dependencies"]} == CORE


def test_the_lock_has_every_requirement_with_hashes_and_names_no_host() -> None:
    entries = re.findall(r"^([\w.-]+)==[^\n]*\\\n((?:    --hash=sha256:[0-9a-f]{64}[ \\]*\n?)+)", LOCK, re.M)
    assert len(entries) == len(re.findall(r"^\S", LOCK, re.M))
    wanted = PROJECT["project"]["dependencies"] + [r for rs in PROJECT["project"]["optional-dependencies"].values() for r in rs]
    locked = {name for name, _ in entries}
    assert {Requirement(text).name.lower().replace("_", "-") for text in wanted} <= locked
    assert not re.search(r"://|--(extra-)?index-url|--find-links|@ ", LOCK)


def test_every_room_has_its_layer() -> None:
    assert {path.parent.name for path in PACKAGE.glob("*/__init__.py")} <= _layers() | FACADES


def test_only_programs_use_the_facade() -> None:
    graph = grimp.build_graph("headrace", cache_dir=None)
    facades = {name for name in graph.find_children("headrace") if name.split(".")[1] not in _layers()} | {"headrace"}
    below = tuple(f"headrace.{name}." for name in FACADES)
    rooms = [m for m in graph.modules if m not in facades and not m.startswith(below) and m.split(".")[1] not in PROGRAMS]
    wrong = {(room, used) for room in rooms for used in graph.find_modules_directly_imported_by(room) if used in facades}
    assert not wrong


@pytest.mark.parametrize(
    "path", _sources("headrace", "tests", "examples", "benchmarks"), ids=lambda p: p.relative_to(ROOT).as_posix()
)
def test_files_and_functions_stay_short(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") < MAX_FILE_LINES
    functions = (n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))
    long = {f.name: lines for f in functions if (lines := (f.end_lineno or 0) - f.lineno + 1) >= MAX_FUNCTION_LINES}
    assert not long
