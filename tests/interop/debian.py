"""Programs that are no Python packages: found on this machine, or installed from Debian's packages where we may."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache

_QUIET = {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}  # at this run level packages start no services


class ProgramUnavailable(Exception):
    """A program is not here and cannot be installed; the message says which package has it."""


@cache
def ensure(package: str, *names: str) -> str:
    """The path of a program.

    Args:
        package: Debian's package that has it.
        names: what the program may be called, best first.

    Raises:
        ProgramUnavailable: there is none, and this is no Debian where we may install packages.
    """
    found = _found(names)
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        for command in (["update"], ["install", "-y", "--no-install-recommends", package]):
            subprocess.run(["apt-get", "-qq", *command], capture_output=True, timeout=900, check=False, env=os.environ | _QUIET)
        found = _found(names)
    if found is None:
        raise ProgramUnavailable(f"no {names[0]} on this machine; install the package {package}, or set HEADRACE_NO_INTEROP=1")
    return found


def _found(names: tuple[str, ...]) -> str | None:
    return next((path for name in names if (path := shutil.which(name))), None)
