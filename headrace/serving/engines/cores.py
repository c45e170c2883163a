"""How many threads an engine may use."""

from __future__ import annotations

import os


def available() -> int:
    """The cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def share(streams: int) -> int:
    """The cores of one of several runs at once, at least one."""
    return max(available() // streams, 1)
