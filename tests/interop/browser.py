"""A real headless browser: Chromium, found on this machine or installed from Debian's package."""

from __future__ import annotations

import os
import subprocess

from tests.interop import debian

BrowserUnavailable = debian.ProgramUnavailable
"""No browser is here and none can be installed; the message says why."""


def ensure() -> str:
    """The path of a Chromium.

    Raises:
        BrowserUnavailable: there is none, and this is no Debian where we may install packages.
    """
    return debian.ensure("chromium", "chromium", "chromium-browser", "google-chrome", "chrome")


def run(*options: str) -> str:
    """What a headless Chromium prints with these options."""
    command = [ensure(), "--headless", "--disable-gpu", "--virtual-time-budget=5000", *options]
    if os.geteuid() == 0:
        command.insert(1, "--no-sandbox")  # Chromium's sandbox refuses to run as root
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
