"""Pages on disk: one JSON file for each project of each upstream, replaced in one step."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from headrace.core import durable
from headrace.mirror.index.names import normalize


@dataclass(frozen=True, slots=True)
class StoredPage:
    """What upstream said of a project.

    Attributes:
        document: PEP 691's, with upstream's URLs; None for a project that is not there.
        etag: to be sent when asking again; "" without one.
        serial: counts the changes of the project upstream; None without one.
        fetched: when the document came, in seconds since 1970.
        checked: when upstream last said that it is still this one.
    """

    document: dict[str, Any] | None
    etag: str
    serial: int | None
    fetched: float
    checked: float

    def at(self, now: float) -> StoredPage:
        """The same page, which upstream has confirmed just now."""
        return replace(self, checked=now)


class PageFiles:
    """The folder of the pages."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, upstream: str, project: str) -> StoredPage | None:
        """The page that is kept; None when there is none, or a damaged one, which will be fetched anew."""
        try:
            return StoredPage(**json.loads(self._path(upstream, project).read_bytes()))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def write(self, upstream: str, project: str, page: StoredPage) -> None:
        """Keeps a page."""
        path = self._path(upstream, project)
        path.parent.mkdir(parents=True, exist_ok=True)
        durable.write(path, json.dumps(asdict(page), separators=(",", ":"), ensure_ascii=False).encode())

    def upstreams(self) -> list[str]:
        """The upstreams of which pages are kept."""
        return sorted(path.name for path in self._folder.glob("*") if path.is_dir())

    def modified(self, upstream: str, project: str) -> int:
        """Changes when another process has written the page; 0 when there is none."""
        try:
            return self._path(upstream, project).stat().st_mtime_ns
        except FileNotFoundError:
            return 0

    def _path(self, upstream: str, project: str) -> Path:
        return self._folder / normalize(upstream) / f"{normalize(project)}.json"
