"""A model server in a process of its own, and clients that load it and count what comes back."""

from __future__ import annotations

import http.client
import json
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from headrace.core.errors import DeadlineExceededError, UnavailableError

START_SECONDS = 90
STOP_SECONDS = 40


class ServerProcess:
    """`headrace serve` on a free loopback port, stopped by SIGTERM at the end."""

    def __init__(self, name: str, base_path: Path, log: Path) -> None:
        self.name = name
        self._log = log
        self._base_path = base_path
        self.port = 0
        self.exit_code: int | None = None

    def __enter__(self) -> ServerProcess:
        flags = [f"--model_name={self.name}", f"--model_base_path={self._base_path}", "--port=0", "--rest_api_port=auto"]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "headrace", "serve", *flags, "--file_system_poll_wait_seconds=0.5"], stdout=log, stderr=log
            )
        try:
            self._wait_until_ready()
        except BaseException:
            self._process.kill()
            self._process.wait()
            raise
        return self

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            text = self._log.read_text(errors="replace")
            if self._process.poll() is not None:
                raise UnavailableError(f"the model server ended with code {self._process.returncode}:\n{text[-2000:]}")
            found = re.search(r"http://127\.0\.0\.1:(\d+)", text)
            if found:
                self.port = int(found[1])
                return
            time.sleep(0.05)
        raise DeadlineExceededError(f"the model server was not ready within {START_SECONDS} s; its log is {self._log}")

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self.exit_code = self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self.exit_code = self._process.wait()

    def wait_for_version(self, version: int, seconds: float = 60) -> None:
        """Returns once `version` is AVAILABLE and no other version is.

        Raises:
            DeadlineExceededError: that did not happen in time.
        """
        client = Client(self.port, self.name)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            states = {int(s["version"]): s["state"] for s in client.status()["model_version_status"]}
            if [v for v, state in states.items() if state == "AVAILABLE"] == [version]:
                return
            time.sleep(0.05)
        raise DeadlineExceededError(f"version {version} was not alone in service within {seconds} s")


class Client:
    """A REST client over one kept connection."""

    def __init__(self, port: int, name: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self._path = f"/v1/models/{name}"

    def predict(self, body: bytes) -> Any:
        """The predictions for an encoded request.

        Raises:
            UnavailableError: the answer is not 200.
        """
        return self._call("POST", self._path + ":predict", body)["predictions"]

    def status(self) -> Any:
        """The versions and their states."""
        return self._call("GET", self._path)

    def _call(self, method: str, path: str, body: bytes | None = None) -> Any:
        self._connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
        response = self._connection.getresponse()
        content = response.read()
        if response.status != 200:
            raise UnavailableError(f"{method} {path} answered {response.status}: {content[:300].decode(errors='replace')}")
        return json.loads(content)


def encode(images: np.ndarray[Any, Any]) -> bytes:
    """A predict request in row format."""
    return json.dumps({"instances": np.round(images.astype(np.float64), 6).tolist()}).encode()


class LoadGenerator:
    """Clients that send predict requests one after another until told to stop.

    Attributes:
        sent, failed: requests so far.
        latencies: seconds a request.
        failures: the first few failures as text.
    """

    def __init__(self, port: int, name: str, bodies: Sequence[bytes], clients: int = 2) -> None:
        self._bodies = bodies
        self._target = port, name
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run, args=(i,), daemon=True) for i in range(clients)]
        self.sent = 0
        self.failed = 0
        self.latencies: list[float] = []
        self.failures: list[str] = []

    def __enter__(self) -> LoadGenerator:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)

    def _run(self, offset: int) -> None:
        client = Client(*self._target)
        position = offset
        while not self._stop.is_set():
            start = time.perf_counter()
            try:
                client.predict(self._bodies[position % len(self._bodies)])
                failure = ""
            except (OSError, http.client.HTTPException, UnavailableError, ValueError) as error:
                failure = f"{type(error).__name__}: {error}"
                client = Client(*self._target)
            seconds = time.perf_counter() - start
            position += 1
            with self._lock:
                self.sent += 1
                self.latencies.append(seconds)
                if failure:
                    self.failed += 1
                    self.failures = [*self.failures, failure][:5]

    def percentile(self, share: float) -> float:
        """The latency, in milliseconds, that `share` percent of the requests stay under."""
        return float(np.percentile(self.latencies, share)) * 1000 if self.latencies else float("nan")
