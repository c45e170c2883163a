"""`headrace serve` in a process of its own, and clients that load it."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import httpx

ROOT = Path(__file__).parents[2]
QUICK = ["--file_system_poll_wait_seconds=0.05", "--max_num_load_retries=1", "--load_retry_interval_micros=20000"]
BODY = {"instances": [[1.0, 2.0]]}
READY = (
    r"Headrace serves (?:model 'm'|the models of its configuration) on (?:(https?://127\.0\.0\.1:\d+)/v1/models(?:/m)?)?"
    r"(?: and )?(?:gRPC (\S+))?\n"
)


TOY = "tests.serving.toy_server"


class Server:
    """A running server, of the toy engine or, as the module `headrace`, of the real one.

    `url`, and with `--port` also `grpc`, are set once it said that it is ready.
    """

    def __init__(self, *flags: str, module: str = TOY) -> None:
        command = [sys.executable, "-m", module, "serve"]
        self.process = subprocess.Popen(
            [*command, "--port=0", "--rest_api_port=auto", *QUICK, *flags],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.log: list[str] = []
        assert self.process.stderr is not None
        self._reader = threading.Thread(target=self.log.extend, args=(self.process.stderr,))
        self._reader.start()
        self.url = self.grpc = ""

    def ready(self) -> Server:
        """Waits for the one line on stdout."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        found = re.fullmatch(READY, line)
        assert found, (line, self.log)
        self.url, self.grpc = found[1] or "", found[2] or ""
        return self

    def statuses(self, model: str = "m") -> dict[str, str]:
        content = httpx.get(f"{self.url}/v1/models/{model}").json()
        return {each["version"]: each["state"] for each in content["model_version_status"]}

    def end(self, number: int = signal.SIGTERM) -> int:
        """Sends a signal and waits; returns the exit status."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        code = self.process.wait(60)
        self._reader.join(60)
        return code


@contextlib.contextmanager
def serving(base_path: Path, *flags: str, module: str = TOY) -> Iterator[Server]:
    """A server of one model, `m`."""
    with running(f"--model_base_path={base_path}", "--model_name", "m", *flags, module=module) as server:
        yield server


@contextlib.contextmanager
def running(*flags: str, module: str = TOY) -> Iterator[Server]:
    """A server with these flags."""
    server = Server(*flags, module=module)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.process.kill()
        server.wait()
        for pipe in (server.process.stdout, server.process.stderr):
            assert pipe is not None
            pipe.close()


class Asking:
    """Threads, listed in `_threads`, that ask a server from the beginning of a `with` block until `_stop` is set at its end."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)


class Load(Asking):
    """Clients that ask without a pause, each on one kept connection; `answers` holds status and scale in order."""

    def __init__(self, url: str, clients: int = 4, model: str = "m") -> None:
        self.answers: list[list[tuple[int, Any]]] = [[] for _ in range(clients)]
        self.faults: list[str] = []
        super().__init__()
        self._url = url
        self._path = f"/v1/models/{model}:predict"
        self._threads = [threading.Thread(target=self._ask, args=(answers,)) for answers in self.answers]

    def _ask(self, answers: list[tuple[int, Any]]) -> None:
        with httpx.Client(base_url=self._url) as client:
            while not self._stop.is_set():
                try:
                    response = client.post(self._path, json=BODY)
                except httpx.HTTPError as error:
                    self.faults.append(repr(error))
                    return
                answers.append((response.status_code, response.json().get("predictions")))
