"""A running `headrace tensorboard`, asked over HTTP as its page asks it."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx


class Board:
    """TensorBoard on a folder.

    Args:
        url: as it was printed.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._client = httpx.Client(base_url=url, timeout=60)

    def get(self, path: str, **parameters: Any) -> Any:
        """What a route below `data/` answers: JSON, or bytes."""
        answer = self._client.get(f"data/{path}", params=parameters or None)
        assert answer.status_code == 200, f"{path} {parameters}: {answer.status_code} {answer.text[:200]}"
        return answer.json() if "json" in answer.headers["content-type"] else answer.content

    def post(self, path: str, body: Any) -> Any:
        """The JSON that a route below `data/` answers to JSON."""
        answer = self._client.post(f"data/{path}", json=body)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text[:200]}"
        return answer.json()

    def wait_for(self, runs: set[str], seconds: float = 60) -> None:
        """Returns when TensorBoard has read these runs, each with the same number of tags twice in a row."""
        end = time.monotonic() + seconds
        before: Any = None
        while time.monotonic() < end:
            found = set(self.get("runs"))
            now = self.get("plugin/scalars/tags"), self.get("plugin/text/tags"), self.get("plugin/images/tags")
            if runs <= found and now == before:
                return
            before = now if runs <= found else None
            time.sleep(0.5)
        raise AssertionError(f"TensorBoard shows {sorted(found)} after {seconds} s; expected {sorted(runs)}")


@contextmanager
def board(folder: Path, *options: str) -> Iterator[Board]:
    """Starts `headrace tensorboard` on a free port of the loopback address, and ends it."""
    command = [sys.executable, "-m", "headrace", "tensorboard", "--logdir", str(folder), "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+/\S*", line)
        if found is None:
            process.kill()
            raise AssertionError(f"no URL: {line!r} {process.stderr.read() if process.stderr else ''}")
        try:
            yield Board(found.group())
        finally:
            process.terminate()
            process.communicate(timeout=60)
    assert process.returncode == 0
