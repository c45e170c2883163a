"""Looks at more of a file than its page says: its metadata, its provenance. Once for each file, when it is first asked for."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from headrace.core.errors import InvalidArgumentError, NotFoundError, UnavailableError
from headrace.mirror.downloads import Downloads, Wanted
from headrace.mirror.index.page import Document, metadata_sha256, sha256_of
from headrace.mirror.policy.attestations import check as publisher_check
from headrace.mirror.policy.attestations.verifying import verify
from headrace.mirror.policy.candidates import upload_time
from headrace.mirror.policy.findings import Findings
from headrace.mirror.policy.licences import check as licence_check
from headrace.mirror.policy.licences.declared import declared
from headrace.mirror.private.packages import metadata_of
from headrace.mirror.upstream.source import Source
from headrace.store.blobs import BlobStore

logger = logging.getLogger(__name__)

_MAX_METADATA_BYTES = 4 << 20
_MAX_PROVENANCE_BYTES = 4 << 20
_DOUBT_SECONDS = 600.0
"""For so long an attestation that is not valid is not looked at again: upstream may bring another one."""

_Work = Callable[[Source, str, Document, str], Coroutine[Any, Any, None]]


class Inspector:
    """Finds out about files. Used in one event loop.

    Args:
        findings: keeps what is found.
        downloads: fetches metadata, and files that have none beside them.
        store: has them then.
    """

    def __init__(self, findings: Findings, downloads: Downloads, store: BlobStore) -> None:
        self._findings = findings
        self._downloads = downloads
        self._store = store
        self._kinds: dict[str, _Work] = {licence_check.KIND: self._licence, publisher_check.KIND: self._publisher}
        self._running: dict[tuple[str, str, str], asyncio.Task[None]] = {}

    async def inspect(self, kind: str, source: Source, project: str, file: Document) -> None:
        """Finds out what a rule needs to know of a file. All who ask at the same time wait for one answer.

        Args:
            kind: the rule's.
            source: has the file.
            project: its normal name.
            file: its entry in the project's page.

        Raises:
            OpError: it cannot be found out now.
        """
        digest = sha256_of(file)
        if digest is None:
            raise InvalidArgumentError(f"{file['filename']} has no sha256, so that nothing can be said of it")
        key = (project, digest, kind)
        task = self._running.get(key)
        if task is None:
            task = self._running[key] = asyncio.create_task(self._kinds[kind](source, project, file, digest))
            task.add_done_callback(functools.partial(self._ended, key))
        await asyncio.shield(task)

    async def close(self) -> None:
        """Ends what is at work."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ended(self, key: tuple[str, str, str], task: asyncio.Task[None]) -> None:
        del self._running[key]
        if not task.cancelled():
            task.exception()  # asked for here, since those who waited may be gone

    async def _licence(self, source: Source, project: str, file: Document, digest: str) -> None:
        wanted = metadata_sha256(file)
        if wanted is not None:
            await self._downloads.whole(Wanted(source, wanted, f"{file['url']}.metadata", None))
            data = await asyncio.to_thread(self._read, wanted)
        else:
            size = file.get("size")
            await self._downloads.whole(Wanted(source, digest, file["url"], size if isinstance(size, int) else None))
            data = await asyncio.to_thread(self._read_inside, file["filename"], digest)
        found = declared(data) if data is not None else {"unknown": "its metadata cannot be read"}
        await asyncio.to_thread(self._findings.note, project, digest, licence_check.KIND, found)

    def _read(self, digest: str) -> bytes | None:
        try:
            with self._store.path(digest).open("rb") as file:
                data = file.read(_MAX_METADATA_BYTES + 1)
        except FileNotFoundError:
            raise UnavailableError("the metadata went while it was looked at; ask again") from None
        return data if len(data) <= _MAX_METADATA_BYTES else None

    def _read_inside(self, filename: str, digest: str) -> bytes | None:
        try:
            return metadata_of(filename, self._store.path(digest))
        except InvalidArgumentError as error:
            logger.warning("the licence of %s cannot be told: %s", filename, error.message)
            return None

    async def _publisher(self, source: Source, project: str, file: Document, digest: str) -> None:
        name = file["filename"]
        try:
            body, _ = await source.document(file["provenance"], _MAX_PROVENANCE_BYTES)
        except NotFoundError:
            body = b""
        found = await asyncio.to_thread(verify, body, name, digest)
        if found.publishers:
            first = publisher_check.lasting(found.publishers[0])
            await asyncio.to_thread(self._findings.meet, project, first, name, upload_time(file) or 0.0)
        value = {"publishers": found.publishers, "problem": "; ".join(found.problems[:3])}
        seconds = None if found.publishers else _DOUBT_SECONDS
        await asyncio.to_thread(self._findings.note, project, digest, publisher_check.KIND, value, seconds)
