"""The index that pip on this machine is configured for."""

from __future__ import annotations

import os
import subprocess
import sys

from headrace.core.errors import FailedPreconditionError

_SECONDS = 30.0


def configured_index() -> str:
    """The URL of the Simple API that pip would ask: that of its environment variable, else that of its configuration.

    Raises:
        FailedPreconditionError: none is configured.
    """
    found = os.environ.get("PIP_INDEX_URL", "").strip() or _from_pip()
    if not found:
        raise FailedPreconditionError("pip has no index configured on this machine; name the upstream: --upstream=URL")
    return found


def _from_pip() -> str:
    for command in ([sys.executable, "-m", "pip"], ["pip"]):
        for key in ("install.index-url", "global.index-url"):
            try:
                done = subprocess.run(
                    [*command, "config", "get", key], capture_output=True, text=True, timeout=_SECONDS, check=False
                )
            except (OSError, subprocess.TimeoutExpired):
                break
            if done.returncode == 0:
                return done.stdout.strip()
    return ""
