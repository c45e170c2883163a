"""Writes the table of docs/programs.md from a run of every program: `python scripts/write_programs_page.py`.

The run takes some minutes on 2 cores. It needs the environment with real TensorFlow, which is made where it is missing.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.interop import environments, program_page, program_runs  # noqa: E402


def main() -> int:
    """Writes the page, and the seconds that each side took to the standard output."""
    with tempfile.TemporaryDirectory() as folder:
        outcomes = program_runs.run(environments.ensure("tensorflow"), Path(folder), program_runs.names())
    for name, (given, wanted) in outcomes.items():
        print(f"{name}: {given.seconds:.1f} s, TensorFlow {wanted.seconds:.1f} s")
    program_page.PAGE.write_text(program_page.page(outcomes), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
