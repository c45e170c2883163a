"""A client of Hugging Face's protocol, as far as models need one: the mirror's `/hf`, or whatever HF_ENDPOINT names."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

from headrace.core.errors import DataLossError, NotFoundError, PermissionDeniedError
from headrace.hub.transferring import Remote
from headrace.hub.transport import Transport, refused
from headrace.modelpack.files import MAX_FILES

_COMMIT = re.compile(r"[0-9a-f]{40}")
_DIGEST = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_NEXT = re.compile(r'<([^<>]+)>\s*;\s*rel="?next"?')
_MAX_PAGE_BYTES = 16 << 20
_MAX_PAGES = 1000


def is_commit(revision: str) -> bool:
    """True for the id of a commit, which stands for one content."""
    return _COMMIT.fullmatch(revision) is not None


class HuggingFace:
    """A hub.

    Args:
        url: such as `http://127.0.0.1:8466/hf`.
        transport: sends requests.
    """

    def __init__(self, url: str, transport: Transport) -> None:
        self._url = url.rstrip("/")
        self._transport = transport

    def commit(self, repository: str, revision: str) -> str:
        """The id of the commit that a branch, a tag or a commit's id stands for.

        Raises:
            NotFoundError: there is none.
            DataLossError: the answer is not understood.
        """
        found, _ = self._ask(f"{self._url}/api/models/{repository}/revision/{quote(revision, safe='')}", repository)
        commit = found.get("sha") if isinstance(found, dict) else None
        if not isinstance(commit, str) or not is_commit(commit):
            raise DataLossError(
                f"{self._url} says that {repository}@{revision} is the commit {str(commit)[:80]!r}, which can be none"
            )
        return commit

    def files(self, repository: str, commit: str) -> list[Remote]:
        """The files of a commit.

        Raises:
            NotFoundError: there is no such commit.
            DataLossError: the answer is not understood, or has no end.
        """
        found: list[Remote] = []
        url: str | None = f"{self._url}/api/models/{repository}/tree/{commit}?recursive=True&expand=False"
        for _ in range(_MAX_PAGES):
            if url is None:
                return found
            page, following = self._ask(url, repository)
            if not isinstance(page, list):
                raise DataLossError(f"{self._url} lists the files of {repository} as no list")
            found += [self._remote(repository, commit, each) for each in page if not _is_folder(each)]
            if following and urlsplit(urljoin(url, following))[:2] != urlsplit(self._url)[:2]:
                raise PermissionDeniedError(
                    f"{self._url} goes on with the files of {repository} on another server, which is not asked"
                )
            url = urljoin(url, following) if following else None
            if len(found) > MAX_FILES:
                break
        raise DataLossError(f"{self._url} lists more than {MAX_FILES} files of {repository}, or in more than {_MAX_PAGES} parts")

    def _remote(self, repository: str, commit: str, entry: Any) -> Remote:
        known = entry if isinstance(entry, dict) else {}
        large = known.get("lfs")
        content = large if isinstance(large, dict) else known
        path, size, digest = known.get("path"), content.get("size"), content.get("oid")
        if not (isinstance(path, str) and isinstance(size, int) and isinstance(digest, str) and _DIGEST.fullmatch(digest)):
            raise DataLossError(f"{self._url} lists a file of {repository} without path, size or digest: {str(entry)[:200]}")
        return Remote(path, f"{self._url}/{repository}/resolve/{commit}/{quote(path)}", size, digest)

    def _ask(self, url: str, repository: str) -> tuple[Any, str]:
        """A JSON document, and where it goes on; "" where it does not."""
        reply = self._transport.persistently("GET", url, {"Accept": "application/json"}, _MAX_PAGE_BYTES)
        if reply.status == 404:
            raise NotFoundError(
                f"{self._url} has no {repository}, or not this revision: {reply.headers.get('X-Error-Message', '')}"
            )
        if reply.status != 200:
            raise refused(reply, url)
        following = _NEXT.search(reply.headers.get("Link", ""))
        try:
            return json.loads(reply.body), following[1] if following else ""
        except (ValueError, RecursionError) as error:
            raise DataLossError(f"{url} is no JSON: {error}") from None


def _is_folder(entry: Any) -> bool:
    return isinstance(entry, dict) and entry.get("type") == "directory"
