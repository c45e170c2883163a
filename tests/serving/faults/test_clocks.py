"""Waits, deadlines and ages are measured by clocks that nobody can set."""

from __future__ import annotations

import ast
from pathlib import Path

import headrace.serving

ROOM = Path(headrace.serving.__file__).parent
KEEP_TIME = ("*.py", "batching/*.py", "configuration/*.py", "grpc/**/*.py", "rest/**/*.py", "v2/*.py")
TELL_THE_TIME = {"logs.py", "audit.py", "process_metrics.py"}
"""These tell somebody when something was; so do rooms that are not among `KEEP_TIME`."""
WALL_CLOCK = {"time.time", "time.time_ns", "datetime.now", "date.today"}


def uses_the_wall_clock(file: Path) -> bool:
    nodes = list(ast.walk(ast.parse(file.read_text())))
    named = any(isinstance(node, ast.Attribute) and ast.unparse(node) in WALL_CLOCK for node in nodes)
    return named or any(isinstance(node, ast.ImportFrom) and node.module in ("time", "datetime") for node in nodes)


def test_what_keeps_time_reads_no_wall_clock() -> None:
    files = {file.relative_to(ROOM).as_posix(): file for pattern in KEEP_TIME for file in ROOM.glob(pattern)}
    assert {"lifecycle.py", "rest/connections.py", "grpc/receiving.py", "batching/queue.py"} <= files.keys()
    found = {name for name, file in files.items() if uses_the_wall_clock(file)} - TELL_THE_TIME
    assert not found, f"{sorted(found)} read the wall clock; a wait needs time.monotonic()"
