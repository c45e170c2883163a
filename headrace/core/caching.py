"""Where compiled things are kept from one process to the next."""

from __future__ import annotations

import hashlib
import os
import platform
import sys
from pathlib import Path

VARIABLE = "HEADRACE_CACHE_DIR"
"""The environment variable that names the folder; empty, "off" or "0" means no cache."""


def default_folder() -> Path:
    """Where the cache stands unless told otherwise: below the user's cache folder."""
    if sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "headrace" / "executables"


def folder(chosen: str | None) -> Path | None:
    """The folder that a setting stands for, None when it switches the cache off.

    Args:
        chosen: what HEADRACE_CACHE_DIR says; None where it is not set.

    Raises:
        RuntimeError: there is no home folder.
    """
    if chosen is not None and chosen.lower() in ("", "off", "0"):
        return None
    return Path(chosen).expanduser() if chosen else default_folder()


def processor() -> str:
    """The kind of processor: its architecture and a digest of what it can do."""
    return f"{platform.machine()}-{hashlib.sha256(_abilities().encode()).hexdigest()[:12]}"


def _abilities() -> str:
    """The line of flags that Linux gives for the first processor; elsewhere the processor's name."""
    try:
        with Path("/proc/cpuinfo").open() as lines:
            found = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    except OSError:
        found = ""
    return found or platform.processor()
