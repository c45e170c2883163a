"""Pages on disk: one JSON file for each project of each upstream, replaced in one step, with the sha256 of what is in it."""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from headrace.core import durable
from headrace.mirror.index.names import normalize

logger = logging.getLogger(__name__)


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


_HEAD, _MIDDLE, _END = b'{"sha256":"', b'","page":', b"}"


class PageFiles:
    """The folder of the pages."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, upstream: str, project: str) -> StoredPage | None:
        """The page that is kept; None when there is none, or a damaged one, which will be fetched anew."""
        try:
            return StoredPage(**json.loads(_checked(self._path(upstream, project).read_bytes())))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError, RecursionError) as error:
            logger.error("the page of %s that is kept of %s is damaged: %s", project, upstream, error)
            return None

    def write(self, upstream: str, project: str, page: StoredPage) -> None:
        """Keeps a page."""
        path = self._path(upstream, project)
        path.parent.mkdir(parents=True, exist_ok=True)
        values = {each.name: getattr(page, each.name) for each in fields(page)}
        body = json.dumps(values, separators=(",", ":"), ensure_ascii=False).encode()
        durable.write(path, b"".join((_HEAD, hashlib.sha256(body).hexdigest().encode(), _MIDDLE, body, _END)))

    def upstreams(self) -> list[str]:
        """The upstreams of which pages are kept."""
        return sorted(path.name for path in self._folder.glob("*") if path.is_dir())

    def projects(self, upstream: str) -> list[str]:
        """The projects of which a page of this upstream is kept, among them some that it does not have."""
        return sorted(path.stem for path in (self._folder / normalize(upstream)).glob("[a-z0-9]*.json"))

    def modified(self, upstream: str, project: str) -> int:
        """Changes when another process has written the page; 0 when there is none."""
        try:
            return self._path(upstream, project).stat().st_mtime_ns
        except FileNotFoundError:
            return 0

    def _path(self, upstream: str, project: str) -> Path:
        return self._folder / normalize(upstream) / f"{normalize(project)}.json"


def _checked(data: bytes) -> bytes:
    """The page in a file.

    Raises:
        ValueError: it is not what was written.
    """
    start = len(_HEAD) + 64 + len(_MIDDLE)
    body = data[start : -len(_END)]
    if data[:start] != b"".join((_HEAD, hashlib.sha256(body).hexdigest().encode(), _MIDDLE)) or not data.endswith(_END):
        raise ValueError("its content does not have its sha256")
    return body
