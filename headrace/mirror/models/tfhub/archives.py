"""Brings archives of models into the store: fetched from upstream and looked at, or made of a model that was published here."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import Mapping
from pathlib import Path

from headrace.core.errors import DataLossError, NotFoundError, PermissionDeniedError, ResourceExhaustedError, UnavailableError
from headrace.core.log_lines import fields
from headrace.mirror.metrics import MirrorMetrics
from headrace.mirror.models.archives import inspect, pack
from headrace.mirror.models.locking import lock
from headrace.mirror.models.published import Model
from headrace.mirror.models.tfhub.handles import Handle
from headrace.mirror.models.tfhub.records import FIRST_USE, PINNED, PUBLISHED, Record, Records
from headrace.mirror.models.together import Together
from headrace.mirror.upstream.source import Source
from headrace.store import digests
from headrace.store.blobs import BlobStore
from headrace.store.index import BlobIndex

logger = logging.getLogger(__name__)

_LOOK_SECONDS = 0.05
_TRIES = 3


class Archives:
    """The archives by handle. Used in one event loop; several processes may share the folder.

    Args:
        folder: keeps the records.
        store: takes the archives; on the same file system.
        index: is told of them.
        pins: the sha256 of archives by the path of their handle.
        pinned_only: others are not fetched.
        max_file_bytes: of one archive.
        metrics: told of what happens.
    """

    def __init__(
        self,
        folder: Path,
        store: BlobStore,
        index: BlobIndex,
        pins: Mapping[str, str],
        pinned_only: bool,
        max_file_bytes: int,
        metrics: MirrorMetrics,
    ) -> None:
        self._folder = folder
        self._store = store
        self._index = index
        self._pins = pins
        self._pinned_only = pinned_only
        self._max_file_bytes = max_file_bytes
        self._metrics = metrics
        self._records = Records(folder / "upstream")
        self._made = Records(folder / "published")
        self._coming: Together[Record] = Together()

    async def close(self) -> None:
        """Ends what is at work."""
        await self._coming.close()

    async def of_upstream(self, asked: Handle, source: Source, url: str) -> Record:
        """The archive of a handle, which is fetched where it was never asked for before.

        Raises:
            PermissionDeniedError: it is not pinned, and others are not fetched.
            DataLossError: it is not the pinned one, or no archive that may be given out; it is thrown away.
            ResourceExhaustedError: it is too large, or the disk is full.
            OpError: as Source.file.
        """
        pin = self._pins.get(asked.path)
        known = await asyncio.to_thread(self._records.get, asked)
        if known is not None and pin in (None, known.digest):
            self._metrics.model("tfhub", "hit")
            return known if pin is None else Record(known.digest, known.size, PINNED, known.made)
        if pin is None and self._pinned_only:
            raise PermissionDeniedError(f"{asked.path} has no pinned sha256, and this mirror gives out pinned models only")
        self._metrics.model("tfhub", "miss")
        return await self._coming.result(asked, lambda: self._fetch(asked, source, url, pin))

    async def of_model(self, asked: Handle, model: Model) -> Record:
        """The archive of a model that was published here, which is made where it is not in the store."""
        known = await asyncio.to_thread(self._made.get, asked)
        if known is not None and known.digest in self._store:
            return known
        return await self._coming.result((asked, PUBLISHED), lambda: asyncio.to_thread(self._make, asked, model))

    async def _fetch(self, asked: Handle, source: Source, url: str, pin: str | None) -> Record:
        """Fetches an archive, or waits until another process has."""
        self._folder.joinpath("upstream").mkdir(parents=True, exist_ok=True)
        place = self._records.path(asked)
        while True:
            with lock(place.with_suffix(".lock")) as mine:
                known = await asyncio.to_thread(self._records.get, asked)
                if known is not None and pin in (None, known.digest):
                    return known
                if mine:
                    return await self._receive(asked, source, url, pin, place.with_suffix(".part"))
            await asyncio.sleep(_LOOK_SECONDS)

    async def _receive(self, asked: Handle, source: Source, url: str, pin: str | None, work: Path) -> Record:
        began = time.monotonic()
        try:
            for left in reversed(range(_TRIES)):
                try:
                    digest, size = await self._once(source, url, work)
                    break
                except UnavailableError:
                    if not left:
                        raise
                    self._metrics.download("resumed")
            if pin not in (None, digest):
                raise DataLossError(f"the archive of {asked.path} has the sha256 {digest}; it is pinned to {pin}")
            await asyncio.to_thread(inspect, work, f"the archive of {asked.path}")
            record = Record(digest, size, FIRST_USE if pin is None else PINNED, time.time())
            await asyncio.to_thread(self._keep, asked, record, work)
        except DataLossError:
            self._metrics.download("wrong_digest")
            raise
        finally:
            work.unlink(missing_ok=True)
        self._metrics.fetched(size, time.monotonic() - began)
        logger.info("a model came for the first time", extra=fields(handle=asked.path, sha256=digest, trust=record.trust))
        return record

    async def _once(self, source: Source, url: str, work: Path) -> tuple[str, int]:
        """Writes the archive; its sha256 and size."""
        state, size = hashlib.sha256(), 0
        with await asyncio.to_thread(work.open, "wb") as file:
            async with source.file(url, 0) as part:
                async for piece in part.pieces():
                    size += len(piece)
                    if size > self._max_file_bytes:
                        raise ResourceExhaustedError(f"the archive has more than {self._max_file_bytes} bytes")
                    state.update(piece)
                    try:
                        await asyncio.to_thread(file.write, piece)
                    except OSError as error:
                        raise ResourceExhaustedError(f"the archive cannot be kept: {error}") from None
                if part.total is not None and size < part.total:
                    raise UnavailableError(f"the archive broke off after {size} of {part.total} bytes")
        return state.hexdigest(), size

    def _keep(self, asked: Handle, record: Record, work: Path) -> None:
        self._store.adopt(work, record.digest)
        self._index.add(record.digest, record.size or 0)
        self._records.put(asked, record)

    def _make(self, asked: Handle, model: Model) -> Record:
        self._folder.joinpath("published").mkdir(parents=True, exist_ok=True)
        place = self._made.path(asked)
        while True:
            with lock(place.with_suffix(".lock")) as mine:
                known = self._made.get(asked)
                if known is not None and known.digest in self._store:
                    return known
                if mine:
                    work = place.with_suffix(".part")
                    try:
                        return self._packed(asked, model, work)
                    finally:
                        work.unlink(missing_ok=True)
            time.sleep(_LOOK_SECONDS)

    def _packed(self, asked: Handle, model: Model, work: Path) -> Record:
        try:
            pack(work, [(file.path, self._store.path(file.digest)) for file in model.files])
        except FileNotFoundError as error:
            raise NotFoundError(f"{model.name}:{model.version} lacks a file in the store: {error}") from None
        except OSError as error:
            raise ResourceExhaustedError(f"the archive of {asked.path} cannot be made: {error}") from None
        record = Record(digests.of_file(work), work.stat().st_size, PUBLISHED, time.time())
        self._store.adopt(work, record.digest)
        self._index.add(record.digest, record.size or 0)
        self._made.put(asked, record)
        return record
