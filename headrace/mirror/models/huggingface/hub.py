"""Asks the hub: what a revision is, what files a commit has, and for the files."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from aiohttp import ClientResponse
from yarl import URL

from headrace.core.errors import DataLossError, ResourceExhaustedError
from headrace.mirror.models.huggingface.listing import checked, without_xet
from headrace.mirror.models.huggingface.names import Repository, is_commit
from headrace.mirror.upstream.client import Upstream

_MAX_PAGES = 2000
_MAX_ENTRIES = 500_000


class Hub:
    """One hub.

    Args:
        upstream: asks, and is where files come from; it was made with the refusals of this protocol.
        max_document_bytes: of one document, and of one page of a tree.
    """

    def __init__(self, upstream: Upstream, max_document_bytes: int) -> None:
        self.upstream = upstream
        self._max_bytes = max_document_bytes
        self._base = URL(upstream.options.url.rstrip("/") + "/")

    async def info(self, repository: Repository, revision: str) -> dict[str, Any]:
        """What the hub says of a revision of a repository, with its files.

        Raises:
            HubError: it says no.
            DataLossError: the answer makes no sense.
            UnavailableError, PermissionDeniedError, ResourceExhaustedError: as Upstream.page.
        """
        url = self._url(f"{repository.api_path}/revision/{quote(revision, safe='')}?blobs=true")
        what = f"revision {revision!r} of {repository.files_path}"
        async with self.upstream.small(url, {}) as response:
            document = await self._json(response, what)
        if not isinstance(document, dict) or not isinstance(document.get("sha"), str) or not is_commit(document["sha"]):
            raise DataLossError(f"the hub's answer for {what} names no commit")
        if is_commit(revision) and document["sha"] != revision:
            raise DataLossError(f"the hub's answer for {what} is of commit {document['sha']}")
        if not isinstance(document.get("siblings", []), list):
            raise DataLossError(f"the hub's answer for {what} has no list of files")
        return document

    async def tree(self, repository: Repository, commit: str, folder: str, recursive: bool) -> list[dict[str, Any]]:
        """The files and folders in a folder of a commit, all pages of them; raises as `info` does."""
        place = f"/{quote(folder)}" if folder else ""
        url: URL | None = self._url(f"{repository.api_path}/tree/{commit}{place}?recursive={str(recursive).lower()}&expand=false")
        what = f"the tree of {repository.files_path} at {commit}"
        found: list[dict[str, Any]] = []
        seen = set()
        while url is not None:
            seen.add(url)
            async with self.upstream.small(url, {}) as response:
                items = checked(await self._json(response, what), what)
                url = self._next(response, what)
            found += items
            if url in seen or len(seen) >= _MAX_PAGES or len(found) > _MAX_ENTRIES:
                raise ResourceExhaustedError(f"{what} does not end after {len(seen)} pages with {len(found)} entries")
        return found

    def url(self, repository: Repository, commit: str, path: str) -> str:
        """Where a file is."""
        return str(self._url(f"{repository.files_path}/resolve/{commit}/{quote(path)}"))

    async def _json(self, response: ClientResponse, what: str) -> Any:
        body = await self.upstream.read(response, self._max_bytes, what)
        try:
            return without_xet(json.loads(body))
        except (ValueError, RecursionError) as error:
            raise DataLossError(f"the hub's answer for {what} is no JSON that can be read: {type(error).__name__}") from None

    def _next(self, response: ClientResponse, what: str) -> URL | None:
        """The page after this one; only the hub itself has it."""
        try:
            link = response.links.get("next")
            if link is None:
                return None
            found = URL(str(link["url"]))
        except ValueError as error:
            raise DataLossError(f"the hub's answer for {what} has a Link that is none: {error}") from None
        if found.origin() != self._base.origin() or not found.path.startswith(self._base.path):
            raise DataLossError(f"the next page of {what} is said to be at {found.host}; only the hub itself is asked")
        return found

    def _url(self, path: str) -> URL:
        return URL(f"{self._base}{path}", encoded=True)
