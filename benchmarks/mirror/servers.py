"""The mirrors that are compared, each in a process of its own before the same upstream."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.interop.environments import clean_environment, ensure_with

ROOT = Path(__file__).resolve().parents[2]
RATE, LATENCY = 20.0, 50.0
"""Of upstream: megabytes a second, and milliseconds."""
START_SECONDS = 120
_DEVPI_USER = "root"
PACKAGES = {
    "devpi": ["devpi-server==6.20.3", "setuptools==80.9.0"],
    "proxpi": ["proxpi==1.3.1", "gunicorn==23.0.0"],
    "simple-repository": ["simple-repository-server==0.10.0"],
}


@dataclass(frozen=True)
class Running:
    """A server: where its Simple API is, and its process."""

    url: str
    process: int

    def resident_mb(self) -> float:
        """The most memory that the process has had, in MB."""
        status = Path(f"/proc/{self.process}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024 / 1e6

    def cpu_seconds(self) -> float:
        """Processor time of the process, in seconds."""
        fields = Path(f"/proc/{self.process}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    """A TCP port that nobody uses."""
    with socket.socket() as each:
        each.bind(("127.0.0.1", 0))
        return int(each.getsockname()[1])


@contextlib.contextmanager
def started(command: list[str], url: str, folder: Path, probe: str = "", **environment: str) -> Iterator[Running]:
    """A server from when it answers on `probe`, whatever it says, until the block ends."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = clean_environment() | {"PYTHONPATH": str(ROOT)} | environment
    with (folder / "log").open("w") as log, subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, env=settings) as process:
        try:
            end = time.monotonic() + START_SECONDS
            while True:
                with contextlib.suppress(urllib.error.HTTPError, OSError), urllib.request.urlopen(probe or url, timeout=5):
                    break
                if process.poll() is not None or time.monotonic() > end:
                    raise RuntimeError(f"{command} does not start:\n{(folder / 'log').read_text()[-2000:]}")
                time.sleep(0.1)
            yield Running(url, process.pid)
        finally:
            process.terminate()
            process.wait(60)


@contextlib.contextmanager
def upstream(wheels: Path, folder: Path, rate: float = RATE, latency: float = LATENCY) -> Iterator[Running]:
    """The index that all mirrors ask."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.mirror.upstream", str(wheels), str(port), str(rate), str(latency)]
    with started(command, f"http://127.0.0.1:{port}/simple/", folder, f"http://127.0.0.1:{port}/sent") as running:
        yield running


@contextlib.contextmanager
def headrace(index: str, folder: Path) -> Iterator[Running]:
    """Headrace."""
    port = free_port()
    command = [sys.executable, "-m", "headrace", "mirror", "serve", f"--root={folder / 'root'}", f"--port={port}"]
    with started(
        [*command, f"--upstream={index}"], f"http://127.0.0.1:{port}/simple/", folder, f"http://127.0.0.1:{port}/livez"
    ) as it:
        yield it


@contextlib.contextmanager
def devpi(index: str, folder: Path) -> Iterator[Running]:
    """devpi-server, whose mirror index is told of the upstream."""
    python, port, data = ensure_with("devpi", PACKAGES["devpi"]), free_port(), folder / "data"
    subprocess.run([python.with_name("devpi-init"), f"--serverdir={data}", "--root-passwd=x"], check=True, capture_output=True)
    place = f"http://127.0.0.1:{port}"
    command = [str(python.with_name("devpi-server")), f"--serverdir={data}", "--host=127.0.0.1", f"--port={port}"]
    mirror = f"{place}/{_DEVPI_USER}/pypi"  # the index that devpi-init makes
    with started([*command, "--enable-core-metadata"], f"{mirror}/+simple/", folder, f"{place}/+status") as running:
        token = _json("POST", f"{place}/+login", {"user": _DEVPI_USER, "password": "x"})["result"]["password"]
        _json("PATCH", mirror, [f"mirror_url={index}"], token)
        yield running


def _json(method: str, url: str, content: object, token: str = "") -> dict[str, dict[str, str]]:
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    if token:
        headers["X-Devpi-Auth"] = base64.b64encode(f"{_DEVPI_USER}:{token}".encode()).decode()
    request = urllib.request.Request(url, json.dumps(content).encode(), headers, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        found: dict[str, dict[str, str]] = json.load(answer)
    return found


@contextlib.contextmanager
def proxpi(index: str, folder: Path) -> Iterator[Running]:
    """proxpi under gunicorn, as its image runs it; it waits for files as long as it takes, rather than send clients away."""
    python, port = ensure_with("proxpi", PACKAGES["proxpi"]), free_port()
    command = [str(python.with_name("gunicorn")), "--preload", "--threads=8", f"--bind=127.0.0.1:{port}", "proxpi.server:app"]
    (folder / "cache").mkdir(parents=True)
    settings = {"PROXPI_INDEX_URL": index, "PROXPI_CACHE_DIR": str(folder / "cache"), "PROXPI_DOWNLOAD_TIMEOUT": "600"}
    with started(command, f"http://127.0.0.1:{port}/index/", folder, f"http://127.0.0.1:{port}/health", **settings) as running:
        yield running


@contextlib.contextmanager
def simple_repository(index: str, folder: Path) -> Iterator[Running]:
    """simple-repository-server, which hands files through without keeping them."""
    python, port = ensure_with("simple-repository", PACKAGES["simple-repository"]), free_port()
    program = str(python.with_name("simple-repository-server"))
    command = [program, "--host=127.0.0.1", f"--port={port}", "--stream-http-resources", index]
    place = f"http://127.0.0.1:{port}"
    with started(command, f"{place}/simple/", folder, f"{place}/simple/big/", HOME=str(folder)) as running:
        yield running


MIRRORS: dict[str, Callable[[str, Path], contextlib.AbstractContextManager[Running]]] = {
    "Headrace": headrace,
    "devpi": devpi,
    "proxpi": proxpi,
    "simple-repository-server": simple_repository,
}


def load() -> str:
    """How busy the machine is, for the reports."""
    return f"load of the machine now: {os.getloadavg()[0]:.0f} on {os.cpu_count()} cores"
