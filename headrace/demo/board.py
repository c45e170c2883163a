"""TensorBoard in a process of its own."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

from headrace.core.errors import UnavailableError

START_SECONDS = 60


class Board:
    """`headrace tensorboard` on a free loopback port, ended with the context.

    Attributes:
        url: where it is.
    """

    def __init__(self, logs: Path, output: Path) -> None:
        self._logs = logs
        self._output = output
        self.url = ""

    def __enter__(self) -> Board:
        command = [sys.executable, "-m", "headrace", "tensorboard", "--logdir", str(self._logs), "--port", "0"]
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(command, stdout=output, stderr=output)
        deadline = time.monotonic() + START_SECONDS
        while not self.url and time.monotonic() < deadline and self._process.poll() is None:
            _, _, rest = self._output.read_text(errors="replace").partition(" at http")
            self.url = f"http{rest.split()[0]}" if rest.split() else ""
            time.sleep(0.05)
        if not self.url:
            self._process.kill()
            self._process.wait()
            raise UnavailableError(f"TensorBoard did not start:\n{self._output.read_text(errors='replace')[-2000:]}")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
