"""Finds the file that a path of the mirror names."""

from __future__ import annotations

from collections import OrderedDict
from urllib.parse import unquote, urlsplit

from headrace.mirror.index.page import Document
from headrace.mirror.pages.cache import Found

_MOST_PROJECTS = 1000


class FileLookup:
    """The files of projects by path, made once for each page that they are listed on. Used in one event loop."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str], tuple[Document, dict[str, Document]]] = OrderedDict()

    def find(self, project: str, found: Found, path: str) -> Document | None:
        """The entry of the file at `path`; None when the project offers no such file."""
        document = found.page.document
        if document is None:
            return None
        key = (found.source.name, project)
        kept = self._kept.get(key)
        if kept is None or kept[0] is not document:
            kept = self._kept[key] = (document, {file_path(file): file for file in offered(document)})
            if len(self._kept) > _MOST_PROJECTS:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return kept[1].get(path)


def offered(document: Document) -> list[Document]:
    """The files that a project offers: none while it is quarantined (PEP 792)."""
    status = document.get("project-status")
    if isinstance(status, dict) and status.get("status") == "quarantined":
        return []
    files: list[Document] = document["files"]
    return files


def file_path(file: Document) -> str:
    """The path of a file upstream, which the mirror keeps behind a prefix of its own; that of a lock file stays good for long."""
    return unquote(urlsplit(file["url"]).path).lstrip("/")
