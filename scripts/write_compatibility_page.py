"""Writes docs/compatibility.md from a run of the whole model zoo: `python scripts/write_compatibility_page.py [RESULT.json]`.

The run takes half an hour on 2 cores, and 5 GB for temporary files. With a file that exists, the page is made of the result that
stands in it; with one that does not, the result of the run is kept there.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.interop import environments, zoo, zoo_page  # noqa: E402


def outcomes(result: Path | None) -> dict[str, zoo.Outcome]:
    """What a run found: the one kept in a file, or a new one."""
    if result is not None and result.exists():
        rows = json.loads(result.read_text(encoding="utf-8"))
        return {name: zoo.Outcome(**row) for name, row in rows.items()}
    with tempfile.TemporaryDirectory() as folder:
        found = zoo.run(environments.ensure("tensorflow"), Path(folder), "whole")
    if result is not None:
        result.write_text(json.dumps({name: outcome.document() for name, outcome in found.items()}, indent=1), encoding="utf-8")
    return found


def main() -> int:
    """Writes the page."""
    content = zoo_page.page(outcomes(Path(sys.argv[1]) if len(sys.argv) > 1 else None))
    zoo_page.PAGE.write_text(content, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
