"""How many files and connections this process may have open."""

from __future__ import annotations

import contextlib
import sys

_MOST = 1 << 16
"""More is not asked for: macOS allows no more by default, and some programs close every possible file when they start."""

_KEPT = 256
"""For models, logs and gRPC."""


def raise_limit() -> None:
    """Lets this process open as many files as its hard limit allows, at most 65536. A limit that is higher stays."""
    if sys.platform == "win32":  # it has no such limit
        return
    import resource  # noqa: PLC0415  only POSIX has it

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST if hard == resource.RLIM_INFINITY else min(_MOST, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(ValueError, OSError):  # then the system has another limit, and the one at hand stays
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def room_for_connections(wanted: int) -> int:
    """`wanted`, or how many connections can be open at once where that is less."""
    if sys.platform == "win32":
        return wanted
    import resource  # noqa: PLC0415

    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return wanted if soft == resource.RLIM_INFINITY else min(wanted, max(soft - _KEPT, soft // 2))
