"""Starts a fuzzer in a process of its own and asserts that it found nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SECONDS = float(os.environ.get("HEADRACE_FUZZ", "8"))
"""Of each run; the environment variable makes it longer, with new cases each time."""


def assert_nothing_found(corpus: Path, *flags: str) -> None:
    """Damages the models in a folder for a while."""
    assert_fuzzer_found_nothing("tests.fuzz.damage", str(corpus), *flags, running=corpus / "running")


def assert_fuzzer_found_nothing(module: str, *arguments: str, running: Path | None = None) -> Any:
    """Runs a fuzzer for a while; a failure tells the cases, which `--case` runs again.

    Args:
        module: the fuzzer. It prints a JSON object with `cases` and `failures`.
        arguments: its own; seconds and seed are given to it too.
        running: where the number of the case that runs stands, for a process that dies.

    Returns:
        What it printed.
    """
    seed = 0 if "HEADRACE_FUZZ" not in os.environ else int.from_bytes(os.urandom(4), "big") << 20
    command = [sys.executable, "-m", module, *arguments, f"--seconds={SECONDS}", f"--seed={seed}"]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=SECONDS + 300,
        check=False,
    )
    case = running.read_text() if running is not None and running.exists() else "none"
    assert done.returncode == 0, f"the process ended with {done.returncode} at case {case}:\n{done.stderr[-3000:]}"
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["cases"] > 10, report
    assert not report["failures"], json.dumps(report["failures"][:3], indent=1).replace("\\n", "\n")
    return report
