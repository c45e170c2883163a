"""docs/ops.md says what is declared."""

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "write_ops_page.py"


def test_the_page_of_ops_is_up_to_date():
    done = subprocess.run([sys.executable, SCRIPT, "--check"], check=False)
    assert done.returncode == 0, "docs/ops.md is out of date; run python scripts/write_ops_page.py"
