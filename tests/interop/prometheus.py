"""The real Prometheus and its tool, from Debian's package."""

from __future__ import annotations

import contextlib
import math
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from tests.interop import debian

READY_SECONDS = 60.0


def promtool(*args: object, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """What Prometheus' tool says; its exit status is the caller's to look at.

    Raises:
        ProgramUnavailable: it is not here and cannot be installed.
    """
    command = [debian.ensure("prometheus", "promtool"), *map(str, args)]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=120, check=False)


class Prometheus:
    """A running Prometheus."""

    def __init__(self, url: str) -> None:
        self._client = httpx.Client(base_url=url, timeout=60)

    def get(self, path: str, **parameters: str) -> Any:
        """The `data` of an answer of its API."""
        content = self._client.get(f"/api/v1/{path}", params=parameters).json()
        assert content["status"] == "success", (parameters, content)
        return content["data"]

    def values(self, query: str) -> list[float]:
        """The values that a query gives now, those that are no numbers left out."""
        found = self.get("query", query=query)["result"]
        return [value for each in found if math.isfinite(value := float(each["value"][1]))]

    @property
    def ready(self) -> bool:
        """True once it answers queries."""
        try:
            return self._client.get("/-/ready").status_code == 200
        except httpx.TransportError:
            return False

    def close(self) -> None:
        """Gives the connection back."""
        self._client.close()


@contextlib.contextmanager
def running(config: Path, folder: Path) -> Iterator[Prometheus]:
    """A Prometheus with this configuration, which keeps its data in `folder`.

    Raises:
        ProgramUnavailable: it is not here and cannot be installed.
    """
    program = debian.ensure("prometheus", "prometheus")
    with socket.create_server(("127.0.0.1", 0)) as free:  # Prometheus does not tell which port it took
        address = f"127.0.0.1:{free.getsockname()[1]}"
    log = folder / "prometheus.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [program, f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}", f"--web.listen-address={address}"],
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    server = Prometheus(f"http://{address}")
    try:
        deadline = time.monotonic() + READY_SECONDS
        while not server.ready:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        yield server
    finally:
        server.close()
        process.terminate()
        process.wait(60)
