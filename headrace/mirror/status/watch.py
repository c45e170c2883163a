"""Gathers the state of a mirror from its parts."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from headrace.mirror.downloads import Downloads
from headrace.mirror.status import certificate, check
from headrace.mirror.status.state import State, UpstreamState
from headrace.mirror.upstream.client import Upstream
from headrace.mirror.upstream.wording import shown
from headrace.store.index import BlobIndex


class Watch:
    """Looks at a mirror's parts.

    Args:
        root: the mirror's folder.
        index: of its store.
        downloads: files on their way.
        upstreams: in the order in which they are asked.
        limit_bytes: of the store.
        certificate_file: the mirror's own; None without one.
    """

    def __init__(
        self,
        root: Path,
        index: BlobIndex,
        downloads: Downloads,
        upstreams: Sequence[Upstream],
        limit_bytes: int,
        certificate_file: Path | None = None,
    ) -> None:
        self._root = root
        self._index = index
        self._downloads = downloads
        self._upstreams = tuple(upstreams)
        self._limit = limit_bytes
        self._certificate = certificate_file

    def look(self) -> State:
        """The state now. It reads files, so that it is for a thread; transfers and upstreams only change in the event loop."""
        disk = os.statvfs(self._root)
        return State(
            self._index.usage(),
            self._limit,
            disk.f_bavail * disk.f_frsize,
            disk.f_blocks * disk.f_frsize,
            tuple(_upstream(each) for each in self._upstreams),
            self._downloads.transfers,
            check.read(self._root),
            certificate.ends(self._certificate) if self._certificate is not None else None,
        )


def _upstream(upstream: Upstream) -> UpstreamState:
    breaker = upstream.breaker
    url = shown(upstream.options.url)
    return UpstreamState(upstream.name, url, breaker.is_open, breaker.failures, breaker.failing_seconds, breaker.answered)
