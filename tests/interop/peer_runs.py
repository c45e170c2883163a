"""Runs of the scripts in `peers/` under a peer's Python: arguments in, one JSON document on standard output."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from tests.interop.environments import clean_environment, folder, tail

PEERS = Path(__file__).parent / "peers"
"""The scripts."""


class PeerFailed(RuntimeError):
    """A script ended with an error, or printed no JSON, under a peer's Python."""


def run_peer(python: Path, script: str, *args: object, timeout: float = 300.0) -> Any:
    """Runs a script of `peers/` and returns the JSON document that is the last line of its standard output.

    Args:
        python: a peer's Python, from the fixture `tensorflow_python` or `openvino_python`.
        script: the file's name in `peers/`.
        args: passed as strings.
        timeout: seconds.

    Raises:
        PeerFailed: it ended with an error, ran past the time, or printed no JSON; the message has its last words.
    """
    with tempfile.TemporaryDirectory() as empty:
        try:
            done = _run(python, [str(PEERS / script), *map(str, args)], empty, timeout)
        except subprocess.TimeoutExpired:
            raise PeerFailed(f"{script} under {python} ran past {timeout} s") from None
    if done.returncode != 0:
        raise PeerFailed(f"{script} under {python} ended with {done.returncode}:\n{tail(done.stderr or done.stdout)}")
    lines = done.stdout.strip().splitlines()
    try:
        return json.loads(lines[-1] if lines else "")
    except ValueError:
        raise PeerFailed(f"{script} under {python} printed no JSON as its last line:\n{tail(done.stdout)}") from None


def run_module(python: Path, module: str, *args: object, timeout: float = 500.0) -> str:
    """Runs a module of the tests, as `python -m module` does in the repository, and returns its standard output.

    Args:
        python: a peer's Python.
        module: its full name.
        args: passed as strings.
        timeout: seconds.

    Raises:
        PeerFailed: it ended with an error; the message has its last words.
    """
    done = _run(python, ["-m", module, *map(str, args)], str(Path(__file__).parents[2]), timeout)
    if done.returncode != 0:
        raise PeerFailed(f"{module} under {python} ended with {done.returncode}:\n{tail(done.stderr or done.stdout)}")
    return done.stdout


def _run(python: Path, command: list[str], cwd: str, timeout: float) -> subprocess.CompletedProcess[str]:
    """Runs a script, or -m and a module, with arguments; under TensorFlow, whose import takes long, in a fork of one with it."""
    environment = clean_environment()
    if python == folder("tensorflow") / "bin" / "python":
        return _with_tensorflow(python).run(command, cwd, environment, timeout)
    return subprocess.run(
        [str(python), *command], capture_output=True, text=True, timeout=timeout, cwd=cwd, env=environment, check=False
    )


@cache
def _with_tensorflow(python: Path) -> Forks:
    return Forks(python, "tensorflow", "keras")


class Forks:
    """Runs scripts in processes forked from one, of peers/forks.py, that has imported modules; it ends with this process.

    Args:
        python: the peer's Python.
        modules: what is imported; they may not start threads. What they read from the environment on import they read once: a
            script that sets such a variable itself needs a process of its own.
    """

    def __init__(self, python: Path, *modules: str) -> None:
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - as long as the process
        command = [str(python), str(Path(__file__).parent / "peers" / "forks.py"), *modules]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=self._errors, text=True, env=clean_environment())
        self._one_at_a_time = threading.Lock()
        atexit.register(self.close)

    def run(self, command: list[str], cwd: str, env: Mapping[str, str], timeout: float) -> subprocess.CompletedProcess[str]:
        """What `subprocess.run` makes of a script and its arguments.

        Raises:
            subprocess.TimeoutExpired: it ran past the time, in seconds, and was killed.
        """
        with self._one_at_a_time, tempfile.TemporaryDirectory() as written:
            output, errors = Path(written, "output"), Path(written, "errors")
            request = {"command": command, "folder": cwd, "environment": dict(env), "output": str(output), "errors": str(errors)}
            code = self._ask(json.dumps(request), timeout, command)
            return subprocess.CompletedProcess(command, code, output.read_text(), errors.read_text())

    def close(self) -> None:
        """Ends the process."""
        self._process.communicate()
        self._errors.close()
        atexit.unregister(self.close)

    def _ask(self, request: str, timeout: float, command: list[str]) -> int:
        """The exit status of the process that runs what is asked for."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # then it has ended, and what it said is told
            print(request, file=self._process.stdin, flush=True)
        child = self._number()
        expired = threading.Event()

        def end() -> None:
            expired.set()
            os.kill(child, signal.SIGKILL)

        timer = threading.Timer(timeout, end)
        timer.start()
        try:
            code = self._number()
        finally:
            timer.cancel()
        if expired.is_set():
            raise subprocess.TimeoutExpired(command, timeout)
        return code

    def _number(self) -> int:
        """What the process says next."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._errors.seek(0)
            raise RuntimeError(f"the process of peers/forks.py ended with {self._process.wait()}:\n{tail(self._errors.read())}")
        return int(line)
