"""A large file that is in the cache: megabytes a second, against nginx. `python -m benchmarks.mirror.files [ROUNDS]`.

h2load fetches the file over 1 and over 4 connections; nginx, as it comes from Debian, has the same file on the same file system.
"""

from __future__ import annotations

import contextlib
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.mirror.servers import Running, free_port, headrace, load, started, upstream
from benchmarks.mirror.upstream import BIG, BIG_BYTES
from tests.interop.debian import ensure

CONNECTIONS = (1, 4)
FETCHES = 8
CONFIG = """
worker_processes auto; daemon off; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{ access_log off; sendfile on; tcp_nopush on;
  client_body_temp_path {folder}/1; proxy_temp_path {folder}/2; fastcgi_temp_path {folder}/3; uwsgi_temp_path {folder}/4;
  scgi_temp_path {folder}/5;
  server {{ listen 127.0.0.1:{port}; location / {{ alias {files}/; }} }} }}
"""


@contextlib.contextmanager
def nginx(files: Path, folder: Path) -> Iterator[Running]:
    """nginx, which gives out a folder."""
    port = free_port()
    folder.mkdir()
    (folder / "nginx.conf").write_text(CONFIG.format(folder=folder, files=files, port=port))
    url = f"http://127.0.0.1:{port}/"
    files.chmod(0o755)
    with started(
        [ensure("nginx-light", "nginx"), "-c", str(folder / "nginx.conf"), "-p", str(folder)], url, folder, f"{url}big"
    ) as it:
        yield it


def megabytes_a_second(url: str, connections: int) -> float:
    """Over all connections."""
    command = [ensure("nghttp2-client", "h2load"), "--h1", f"--requests={FETCHES}", f"--clients={connections}", url]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"finished in ([\d.]+)(m?s),", output)
    if not found or f"{FETCHES} succeeded" not in output:
        raise RuntimeError(f"fetching {url} failed:\n{output}")
    return FETCHES * BIG_BYTES / 1e6 / (float(found[1]) / (1000 if found[2] == "ms" else 1))


def main() -> None:
    """Prints the table: medians over the rounds, by turns."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    found: dict[tuple[int, str], list[float]] = {}
    with tempfile.TemporaryDirectory() as base, contextlib.ExitStack() as stack:
        work = Path(base)
        (work / "wheels").mkdir()
        Path(base).chmod(0o755)
        far = stack.enter_context(upstream(work / "wheels", work / "upstream", 2000, 0))
        near = stack.enter_context(headrace(far.url, work / "headrace"))
        place = f"{near.url.removesuffix('simple/')}files/main/big/files/{BIG}"
        (work / "files").mkdir()
        subprocess.run(["curl", "-sSf", "-o", str(work / "files" / "big"), place], check=True)
        other = stack.enter_context(nginx(work / "files", work / "nginx"))
        for _ in range(rounds):
            for connections in CONNECTIONS:
                for name, url in (("nginx", f"{other.url}big"), ("Headrace", place)):
                    found.setdefault((connections, name), []).append(megabytes_a_second(url, connections))
    table = Table("connections", "server", "MB/s", "ratio")
    for (connections, name), rates in found.items():
        middle = statistics.median(rates)
        table.add_row(str(connections), name, f"{middle:,.0f}", f"{middle / statistics.median(found[connections, 'nginx']):.2f}")
    Console(width=100).print(table)
    print(load())


if __name__ == "__main__":
    main()
