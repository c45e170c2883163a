"""Pages that are here and that nobody is asked about."""

from __future__ import annotations

from typing import Protocol

from headrace.mirror.pages.stored import StoredPage
from headrace.mirror.upstream.source import Source


class LocalPages(Protocol):
    """Projects whose pages and files are here."""

    def projects(self) -> list[str]:
        """The projects that are here, by their normal names, in order."""

    def may_have(self, project: str) -> bool:
        """False when it is known, without reading anything, that a project is not here: spares most requests a thread."""

    def find(self, project: str) -> tuple[Source, StoredPage] | None:
        """The page of a project by its normal name, and where its files are from; None when it is not here."""
