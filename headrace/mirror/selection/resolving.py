"""Asks uv for the versions that fit together, on all targets at once.

uv sees one index, the mirror's own on a loopback port, and so only what the policy gives out; its configuration and the
environment's settings do not count.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.markers import Marker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.version import Version

from headrace.core.errors import DeadlineExceededError, FailedPreconditionError, InternalError
from headrace.mirror.index.names import normalize
from headrace.mirror.selection.requirements import Asked, Request
from headrace.mirror.selection.targets import Target, environments

_SECONDS = 1800.0
_REFUSED = re.compile(r"/(?:simple|files/[^/\s]+)/([A-Za-z0-9._-]+)/")
_OURS = re.compile(r"^(UV_|PIP_|VIRTUAL_ENV|CONDA_|PYTHON|(HTTPS?|ALL|NO)_PROXY$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Pin:
    """A version that was chosen, and where it is for."""

    project: str
    version: Version
    marker: Marker | None


class Unresolvable(FailedPreconditionError):
    """No versions fit together.

    Attributes:
        projects: those that an address in uv's message names: they were refused, or are not there.
    """

    def __init__(self, message: str, projects: list[str]) -> None:
        super().__init__(message)
        self.projects = projects


def find_uv() -> str:
    """The `uv` to call: that beside this Python, else that on the PATH.

    Raises:
        FailedPreconditionError: there is none.
    """
    beside = Path(sys.executable).with_name("uv")
    found = str(beside) if beside.exists() else shutil.which("uv")
    if found is None:
        raise FailedPreconditionError("requirements are resolved by uv, which is not here; install it with: pip install uv")
    return found


def resolve(request: Request, targets: Sequence[Target], index_url: str, prereleases: bool, build: bool) -> list[Pin]:
    """The versions that meet the request on all targets.

    Args:
        request: what is asked for.
        targets: where it is for.
        index_url: the Simple API that is asked.
        prereleases: also takes versions that are not final.
        build: also takes versions without wheels for some target, and builds source archives where only that tells what they
            need, which runs code of theirs.

    Raises:
        FailedPreconditionError: there is no uv.
        Unresolvable: no versions fit together; the message is uv's.
        DeadlineExceededError: it takes too long.
    """
    uv = find_uv()
    with tempfile.TemporaryDirectory(prefix="headrace-pull-") as folder:
        place = Path(folder)
        (place / "requirements.in").write_text("".join(f"{_line(asked)}\n" for asked in request.requirements))
        if request.constraints:
            (place / "constraints.in").write_text("".join(f"{_line(asked)}\n" for asked in request.constraints))
        listed = ",\n".join(f'  "{each}"' for each in environments(targets))
        (place / "pyproject.toml").write_text(f"[tool.uv]\nenvironments = [\n{listed},\n]\n")
        (place / "config" / "uv").mkdir(parents=True)
        (place / "config" / "uv" / "uv.toml").write_text("")  # in place of the user's and the system's
        command = [uv, "pip", "compile", "--universal", "--python-version", f"3.{min(t.minor for t in targets)}"]
        command += ["--python", sys.executable, "--default-index", index_url]
        command += ["--constraint", "constraints.in"] if request.constraints else []
        command += ["--cache-dir", str(place / "cache"), "--no-header", "--no-annotate", "--no-progress", "--color", "never"]
        command += [*(["--prerelease", "allow"] if prereleases else []), *([] if build else ["--no-build"]), "requirements.in"]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=_SECONDS, check=False, cwd=place, env=_environment(place)
            )
        except subprocess.TimeoutExpired:
            raise DeadlineExceededError(f"uv has not found versions that fit together in {_SECONDS:g} s") from None
    if done.returncode != 0:
        message = done.stderr.strip().replace(index_url, "the mirror's index/")
        if not build and "wheels" in message:
            message += "\nTo take versions that have to be built, whose build code may run here and now, add --build."
        raise Unresolvable(f"uv finds no versions that fit together:\n{message}", sorted(_names(done.stderr)))
    return [_pin(line) for line in done.stdout.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def _environment(place: Path) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not _OURS.match(key)}
    config = str(place / "config")
    return kept | {
        "XDG_CONFIG_HOME": config,
        "XDG_CONFIG_DIRS": config,
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_HTTP_RETRIES": "0",
        "NO_PROXY": "*",
    }


def _line(asked: Asked) -> str:
    """The requirement as uv reads it; never an option, since it was parsed as one."""
    return str(asked.requirement)


def _names(message: str) -> set[str]:
    return {normalize(name) for name in _REFUSED.findall(message)}


def _pin(line: str) -> Pin:
    try:
        found = Requirement(line)
        (specifier,) = found.specifier
        version = Version(specifier.version)
    except (InvalidRequirement, ValueError) as error:
        raise InternalError(f"uv answered {line[:200]!r}, which is not understood: {error}") from None
    return Pin(normalize(found.name), version, found.marker)
