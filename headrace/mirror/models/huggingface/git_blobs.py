"""Small files, of which the hub gives git's sha1 only. They are fetched whole, checked, and from then on known by their sha256.

oids/ab/abcd...      the sha256 of the content that git calls abcd...
oids/ab/abcd....part what has come of it so far, locked by the one process that fetches it
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from pathlib import Path
from typing import BinaryIO

from headrace.core import durable
from headrace.core.errors import DataLossError, ResourceExhaustedError, UnavailableError
from headrace.mirror.metrics import MirrorMetrics
from headrace.mirror.models.huggingface.listing import Entry
from headrace.mirror.models.locking import lock
from headrace.mirror.models.together import Together
from headrace.mirror.upstream.source import Source
from headrace.store.blobs import BlobStore
from headrace.store.index import BlobIndex

_LOOK_SECONDS = 0.05
_TRIES = 3
_DIGITS = 64


class GitBlobs:
    """The small files by git's name of their content. Used in one event loop; several processes may share the folder.

    Args:
        folder: remembers their sha256.
        store: takes their content; on the same file system.
        index: is told of them.
        max_file_bytes: of one file.
        metrics: told of what happens.
    """

    def __init__(self, folder: Path, store: BlobStore, index: BlobIndex, max_file_bytes: int, metrics: MirrorMetrics) -> None:
        self._folder = folder
        self._store = store
        self._index = index
        self._max_file_bytes = max_file_bytes
        self._metrics = metrics
        self._coming: Together[str] = Together()

    async def sha256(self, source: Source, url: str, entry: Entry) -> str:
        """The sha256 of a small file, which is fetched where it is not known.

        Raises:
            DataLossError: what came is not what git's name says; it is thrown away.
            UnavailableError: upstream does not answer.
            ResourceExhaustedError: the file is too large, or the disk is full.
            OpError: as Source.file.
        """
        known = await asyncio.to_thread(self._known, entry.oid)
        return known or await self._coming.result(entry.oid, lambda: self._fetch(source, url, entry))

    async def close(self) -> None:
        """Ends what is at work."""
        await self._coming.close()

    def _path(self, oid: str) -> Path:
        return self._folder / oid[:2] / oid

    def _known(self, oid: str) -> str | None:
        try:
            text = self._path(oid).read_text().strip()
        except OSError:
            return None
        return text if len(text) == _DIGITS else None

    async def _fetch(self, source: Source, url: str, entry: Entry) -> str:
        """Fetches a file, or waits until another process has."""
        if entry.size > self._max_file_bytes:
            raise ResourceExhaustedError(f"{url} has {entry.size} bytes; at most {self._max_file_bytes} are taken")
        path = self._path(entry.oid)
        await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True)
        while True:
            with lock(path.with_name(f"{path.name}.lock")) as mine:
                known = await asyncio.to_thread(self._known, entry.oid)
                if known is not None:
                    return known
                if mine:
                    return await self._receive(source, url, entry, path.with_name(f"{path.name}.part"))
            await asyncio.sleep(_LOOK_SECONDS)

    async def _receive(self, source: Source, url: str, entry: Entry, work: Path) -> str:
        began = time.monotonic()
        try:
            for left in reversed(range(_TRIES)):
                try:
                    digest = await self._once(source, url, entry, work)
                    break
                except UnavailableError:
                    if not left:
                        raise
                    self._metrics.download("resumed")
            await asyncio.to_thread(self._store.adopt, work, digest)
            await asyncio.to_thread(self._index.add, digest, entry.size)
            await asyncio.to_thread(durable.write, self._path(entry.oid), digest.encode())
        except DataLossError:
            self._metrics.download("wrong_digest")
            raise
        finally:
            work.unlink(missing_ok=True)
        self._metrics.fetched(entry.size, time.monotonic() - began)
        return digest

    async def _once(self, source: Source, url: str, entry: Entry, work: Path) -> str:
        """Writes the file; its sha256 once its sha1 is right."""
        git, sha256, size = hashlib.sha1(b"blob %d\0" % entry.size, usedforsecurity=False), hashlib.sha256(), 0
        with await asyncio.to_thread(work.open, "wb") as file:
            async with source.file(url, 0) as part:
                async for piece in part.pieces():
                    size += len(piece)
                    if size > entry.size:
                        raise DataLossError(f"{url} goes on after {entry.size} bytes, which is its size in the tree")
                    git.update(piece)
                    sha256.update(piece)
                    try:
                        await asyncio.to_thread(_write, file, piece)
                    except OSError as error:
                        raise ResourceExhaustedError(f"{url} cannot be kept: {error}") from None
                if part.total is not None and size < min(part.total, entry.size):
                    raise UnavailableError(f"{url} broke off after {size} of {entry.size} bytes")
        if git.hexdigest() != entry.oid:
            raise DataLossError(f"{url} is not what the tree says: its git id is {git.hexdigest()}, not {entry.oid}")
        return sha256.hexdigest()


def _write(file: BinaryIO, data: bytes) -> None:
    """Writes and flushes, so that a full disk shows here."""
    file.write(data)
    file.flush()
