"""A real headless browser: Chromium, found on this machine or installed from Debian's package."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")


class BrowserUnavailable(Exception):
    """No browser is here and none can be installed; the message says why."""


@cache
def ensure() -> str:
    """The path of a Chromium.

    Raises:
        BrowserUnavailable: there is none, and this is no Debian where we may install packages.
    """
    found = _found()
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        for command in (["update"], ["install", "-y", "--no-install-recommends", "chromium"]):
            subprocess.run(["apt-get", "-qq", *command], capture_output=True, timeout=900, check=False)
        found = _found()
    if found is None:
        raise BrowserUnavailable("no Chromium on this machine; install the package chromium, or set HEADRACE_NO_INTEROP=1")
    return found


def _found() -> str | None:
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def run(*options: str) -> str:
    """What a headless Chromium prints with these options."""
    command = [ensure(), "--headless", "--disable-gpu", "--virtual-time-budget=5000", *options]
    if os.geteuid() == 0:
        command.insert(1, "--no-sandbox")  # Chromium's sandbox refuses to run as root
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
