"""What the mirror has of a project: its files, their ages, what the policy says of each, and which are in the store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from headrace.core.errors import InvalidArgumentError
from headrace.mirror.index.names import normalize
from headrace.mirror.index.page import sha256_of
from headrace.mirror.pages.stored import PageFiles, StoredPage
from headrace.store.blobs import BlobStore

MOST_FILES = 1000
_MOST_NAMES = 20


@dataclass(frozen=True, slots=True)
class Search:
    """Looks into what is kept. Asks no upstream.

    Attributes:
        files: the pages.
        store: the files.
        reasons: says why files of a project's page are not given out, by their names.
    """

    files: PageFiles
    store: BlobStore
    reasons: Callable[[str, dict[str, Any]], dict[str, str]]

    def find(self, text: str, now: float) -> dict[str, Any]:
        """What is kept of the project called `text`, and the names of others that have the text in them; for a thread.

        Args:
            text: as somebody typed it.
            now: in seconds since 1970.
        """
        try:
            project = normalize(text.strip())
        except InvalidArgumentError:
            return {"project": text.strip()[:80], "pages": [], "similar": []}
        upstreams = self.files.upstreams()
        pages = [(each, page) for each in upstreams if (page := self.files.read(each, project)) is not None and page.document]
        similar = sorted({name for each in upstreams for name in self.files.projects(each) if project in name and name != project})
        return {
            "project": project,
            "pages": [self._page(upstream, project, page, now) for upstream, page in pages],
            "similar": sorted(similar, key=len)[:_MOST_NAMES],
        }

    def _page(self, upstream: str, project: str, page: StoredPage, now: float) -> dict[str, Any]:
        document = page.document or {"files": []}
        refused = self.reasons(project, document)
        status = document.get("project-status")
        return {
            "upstream": upstream,
            "age": max(0.0, now - page.checked),
            "serial": page.serial,
            "status": str(status.get("status", "active")) if isinstance(status, dict) else "active",
            "total": len(document["files"]),
            "files": [self._file(file, refused) for file in reversed(document["files"][-MOST_FILES:])],
        }

    def _file(self, file: dict[str, Any], refused: dict[str, str]) -> dict[str, Any]:
        digest = sha256_of(file)
        return {
            "name": file["filename"],
            "size": file.get("size"),
            "uploaded": file.get("upload-time"),
            "yanked": bool(file.get("yanked")),
            "refused": refused.get(file["filename"]),
            "cached": digest is not None and digest in self.store,
        }
