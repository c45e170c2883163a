"""Index pages: requests a second. `python -m benchmarks.mirror.pages [SECONDS]`, a page of a thousand files, asked by h2load.

In JSON and in HTML, as pip asks (gzip), by 16 connections without a pause.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.mirror.servers import MIRRORS, load, upstream
from benchmarks.mirror.upstream import JSON
from tests.interop.debian import ensure

CONNECTIONS = 16
FORMS = {"JSON": JSON, "HTML": "application/vnd.pypi.simple.v1+html, text/html;q=0.1"}


def rate(url: str, accept: str, seconds: float) -> tuple[float, int]:
    """Requests a second, and the bytes of an answer."""
    headers = {"Accept": accept, "Accept-Encoding": "gzip"}
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=60) as answer:
        size = len(answer.read())
    command = [
        ensure("nghttp2-client", "h2load"),
        "--h1",
        f"--duration={seconds:.0f}",
        "--warm-up-time=1",
        f"--clients={CONNECTIONS}",
    ]
    output = subprocess.run(
        [*command, "-H", f"accept: {accept}", "-H", "accept-encoding: gzip", url], capture_output=True, text=True, check=True
    ).stdout
    found = re.search(r"finished in [\d.]+s, ([\d.]+) req/s", output)
    failures = sum(int(each) for each in re.findall(r"(\d+) (?:failed|errored|timeout|[345]xx)", output))
    if not found or failures:
        raise RuntimeError(f"requests for {url} failed:\n{output}")
    return float(found[1]), size


def main() -> None:
    """Prints the table."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 4.0
    table = Table("index", "form", "bytes", "requests/s", "ratio")
    ours: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as base:
        work = Path(base)
        (work / "wheels").mkdir()
        with upstream(work / "wheels", work / "upstream") as far:
            for name, mirror in MIRRORS.items():
                with mirror(far.url, work / name) as near:
                    for form, accept in FORMS.items():
                        found, size = rate(f"{near.url}many/", accept, seconds)
                        base_rate = ours.setdefault(form, found)
                        table.add_row(name, form, f"{size:,}", f"{found:,.0f}", f"{found / base_rate:.2f}")
    Console(width=100).print(table)
    print(load())


if __name__ == "__main__":
    main()
