"""Starts damage.py on a corpus and asserts that it found nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SECONDS = float(os.environ.get("HEADRACE_FUZZ", "8"))
"""Of each run; the environment variable makes it longer, with new cases each time."""


def assert_nothing_found(corpus: Path, *flags: str) -> None:
    """Damages what stands in a folder for a while; a failure tells the cases, which `--case` runs again."""
    seed = 0 if "HEADRACE_FUZZ" not in os.environ else int.from_bytes(os.urandom(4), "big") << 20
    command = [sys.executable, "-m", "tests.fuzz.damage", str(corpus), f"--seconds={SECONDS}", f"--seed={seed}", *flags]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=SECONDS + 300,
        check=False,
    )
    running = (corpus / "running").read_text() if (corpus / "running").exists() else "none"
    assert done.returncode == 0, f"the process ended with {done.returncode} at case {running}:\n{done.stderr[-3000:]}"
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["cases"] > 10, report
    assert not report["failures"], json.dumps(report["failures"][:3], indent=1).replace("\\n", "\n")
