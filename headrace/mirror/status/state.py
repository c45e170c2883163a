"""What is to be known of a mirror at one moment; Prometheus' page and the status page both show it."""

from __future__ import annotations

from dataclasses import dataclass

from headrace.mirror.status.check import Check
from headrace.store.index import Usage


@dataclass(frozen=True, slots=True)
class UpstreamState:
    """An upstream.

    Attributes:
        name: of the upstream.
        url: without a password that may stand in it.
        is_open: it failed, and is not asked for a while.
        failures: in a row, up to now.
        failing_seconds: since the first of them; 0 without one.
        answered: when it last did, in seconds since 1970; None when it has not since the start.
    """

    name: str
    url: str
    is_open: bool
    failures: int
    failing_seconds: float
    answered: float | None


@dataclass(frozen=True, slots=True)
class Transfer:
    """A file on its way from upstream to this process.

    Attributes:
        url: of the file, without a query.
        upstream: the name of what it comes from.
        bytes: that have come.
        total: bytes of the whole file; None when nobody knows.
        seconds: since it began.
        waiting: for the first word of upstream, or for another process that has the file.
    """

    url: str
    upstream: str
    bytes: int
    total: int | None
    seconds: float
    waiting: bool


@dataclass(frozen=True, slots=True)
class State:
    """All of it.

    Attributes:
        usage: of the store.
        limit_bytes: of the store; above it room is made.
        disk_free, disk_total: bytes of the file system that the store is on.
        upstreams: in the order in which they are asked.
        transfers: the oldest first.
        check: what the last `headrace mirror fsck` found; None without one.
        certificate_ends: when the mirror's own certificate is no longer good, in seconds since 1970; None without one.
    """

    usage: Usage
    limit_bytes: int
    disk_free: int
    disk_total: int
    upstreams: tuple[UpstreamState, ...]
    transfers: tuple[Transfer, ...]
    check: Check | None
    certificate_ends: float | None
