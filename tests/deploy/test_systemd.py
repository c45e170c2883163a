"""The unit: systemd's own tool reads it, finds it well guarded, and its command line starts a server."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from headrace.cli.systemd import systemd
from headrace.core.errors import InvalidArgumentError
from headrace.deploy.systemd import SystemdOptions, render
from tests.interop import debian
from tests.serving.process import running
from tests.serving.toy import write_version

HIGHEST_EXPOSURE = 2.0
"""Of 10, by systemd's own reckoning: what a server needs is the network, and memory that is written and then run."""
COMMON: dict[str, Any] = {"config_file": "/etc/headrace/models.config", "models_path": "/srv/models"}


def _options(**more: Any) -> SystemdOptions:
    return SystemdOptions(**{"executable": "/bin/sh", **COMMON, **more})


def _analyze(*args: str) -> subprocess.CompletedProcess[str]:
    try:
        program = debian.ensure("systemd", "systemd-analyze")
    except debian.ProgramUnavailable as error:
        pytest.skip(str(error))
    return subprocess.run([program, *args], capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.interop
@pytest.mark.skipif(sys.platform != "linux", reason="systemd is Linux's")
@pytest.mark.parametrize(
    "more", [{}, {"user": "models", "memory": "8G", "devices": True, "flags": ("--a=b c", '--x="%$\\')}], ids=["plain", "all"]
)
def test_systemd_takes_it(more: dict[str, Any], tmp_path: Path) -> None:
    unit = tmp_path / "headrace.service"
    unit.write_text(render(_options(**more)))
    done = _analyze("verify", str(unit))
    assert (done.returncode, done.stderr) == (0, "")
    unit.write_text(unit.read_text().replace("TimeoutStopSec=", "TimeoutStopSecs="))
    assert "TimeoutStopSecs" in _analyze("verify", str(unit)).stderr, "it sees mistakes"


@pytest.mark.interop
@pytest.mark.skipif(sys.platform != "linux", reason="systemd is Linux's")
def test_it_is_well_guarded(tmp_path: Path) -> None:
    unit = tmp_path / "headrace.service"
    unit.write_text(render(_options()))
    done = _analyze("security", "--offline=true", str(unit))
    found = re.search(r"exposure level for headrace\.service: ([0-9.]+)", done.stdout)
    assert found, done.stdout + done.stderr
    assert float(found[1]) <= HIGHEST_EXPOSURE, done.stdout


def test_the_command_line_starts_a_server(tmp_path: Path) -> None:
    write_version(tmp_path / "models" / "m", 1)
    made = CliRunner().invoke(
        systemd,
        [
            "serve",
            "--model=m",
            f"--models_path={tmp_path / 'models'}",
            f"--config_path={tmp_path}",
            f"--out={tmp_path}",
            "--",
            "--enable_batching",
        ],
    )
    assert made.exit_code == 0, made.output
    command = re.search(r"^ExecStart=(.*)$", (tmp_path / "headrace.service").read_text(), re.MULTILINE)
    assert command
    executable, name, *arguments = shlex.split(command[1])
    assert (Path(executable).name, name) == ("headrace", "serve")
    assert "--enable_batching" in arguments
    with running(*arguments) as server:
        assert server.ready().statuses() == {"1": "AVAILABLE"}
        assert server.end() == 0


def test_it_is_killed_only_after_its_grace() -> None:
    text = render(_options(grace_seconds=40))
    assert "--shutdown_grace_seconds=40" in text
    assert "TimeoutStopSec=45" in text


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"executable": "headrace"}, "the executable"),
        ({"config_file": "/a b"}, "the list of models"),
        ({"models_path": "/a/../b"}, "the path of the models"),
        ({"user": "Root\n"}, "the user"),
        ({"memory": "8 G"}, "the memory"),
        ({"grace_seconds": 0}, "shutdown_grace_seconds"),
        ({"flags": ("--model_name=x",)}, "is decided"),
        ({"flags": ("--a=\nUser=root",)}, "is no flag"),
    ],
)
def test_options_that_are_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidArgumentError, match=words):
        _options(**change)
