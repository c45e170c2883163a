"""Writes docs/names.md, TensorFlow's public names and which of them are here: `python scripts/write_names_page.py`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.interop import environments, peer_runs  # noqa: E402
from tests.interop.names_page import page  # noqa: E402

PAGE = ROOT / "docs" / "names.md"


def main() -> int:
    """Asks real TensorFlow for its names and writes the page."""
    names: dict[str, Any] = peer_runs.run_peer(environments.ensure("tensorflow"), "public_names.py")
    PAGE.write_text(page(names), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
