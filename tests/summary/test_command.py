"""The command `headrace tensorboard` where TensorBoard is missing, or a port is taken."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path


def _run(*arguments: str, before: str = "pass") -> subprocess.CompletedProcess[str]:
    script = f"import sys; {before}; from headrace.cli.main import main; main(sys.argv[1:], 'headrace')"
    command = [sys.executable, "-c", script, "tensorboard", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_what_to_install_is_said(tmp_path: Path) -> None:
    done = _run("--logdir", str(tmp_path), before="sys.modules['tensorboard'] = None")
    assert done.returncode == 1
    assert "pip install 'headrace[tensorboard]'" in done.stderr


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = _run("--logdir", str(tmp_path / "missing"), "--port", port)
    assert done.returncode == 1
    assert "no folder" in done.stderr
    assert f"port {port}" in done.stderr
