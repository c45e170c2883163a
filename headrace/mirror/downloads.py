"""Fetches files into the store, each once, and streams them to all who ask meanwhile.

client ─┐                 ┌─ task of the digest (one a process) ──▶ upstream
client ─┼─ follow file ───┤     has the store's lock, or waits while another process has it
client ─┘                 └─ goes on when clients go
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

from headrace.core.errors import AbortedError, DataLossError, ResourceExhaustedError, UnavailableError
from headrace.mirror.metrics import MirrorMetrics
from headrace.mirror.upstream.source import FilePart, Source
from headrace.store.blobs import BlobStore
from headrace.store.following import Follower
from headrace.store.index import BlobIndex
from headrace.store.reception import Reception

logger = logging.getLogger(__name__)

_LOOK_SECONDS = 0.05
_TRIES = 5
_PIECE_BYTES = 256 << 10
_SPARE_BYTES = 64 << 20
"""What is left free on the disk."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file.

    Attributes:
        source: has it.
        digest: its sha256, which upstream's page gives.
        url: where it is.
        size: in bytes; None when the page does not say.
    """

    source: Source
    digest: str
    url: str
    size: int | None


@dataclass(slots=True)
class _Fetch:
    """A file that is coming. `moved` is set when more has come, and another event takes its place."""

    task: asyncio.Task[None]
    total: int | None = None
    moved: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self) -> None:
        """Wakes all who wait for more."""
        before, self.moved = self.moved, asyncio.Event()
        before.set()


class Downloads:
    """The files on their way into the store. Used in one event loop.

    Args:
        store: takes them.
        index: is told of them.
        max_file_bytes: of one file.
        metrics: told of what happens.
    """

    def __init__(self, store: BlobStore, index: BlobIndex, max_file_bytes: int, metrics: MirrorMetrics) -> None:
        self._store = store
        self._index = index
        self._max_file_bytes = max_file_bytes
        self._coming: dict[str, _Fetch] = {}
        self._metrics = metrics

    @property
    def coming(self) -> int:
        """How many files are on their way."""
        return len(self._coming)

    async def size(self, wanted: Wanted) -> int:
        """The size of a file; it begins to come when it is not there.

        Raises:
            OpError: it is not there and cannot be fetched.
        """
        path = self._store.path(wanted.digest)
        while True:
            with contextlib.suppress(FileNotFoundError):
                return path.stat().st_size
            if wanted.size is not None:
                return wanted.size
            fetch = self._begin(wanted)
            if fetch.total is not None:
                return fetch.total
            await self._wait(fetch)

    async def whole(self, wanted: Wanted) -> None:
        """Waits until a file is in the store; raises what `stream` does."""
        while wanted.digest not in self._store:
            await asyncio.shield(self._begin(wanted).task)

    async def stream(self, wanted: Wanted, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        """The bytes from `start` to `stop` of a file, as they come.

        Raises:
            NotFoundError: upstream does not have it.
            UnavailableError: upstream does not answer.
            DataLossError, AbortedError: what came was not what it should be. Its last bytes were not given out.
            ResourceExhaustedError: it is too large, or the disk is full.
        """
        with await self._follow(wanted) as follower:
            while start < stop:
                fetch = self._coming.get(wanted.digest)
                moved = fetch.moved if fetch is not None else None
                whole = follower.is_whole
                available = min(await self._available(wanted, follower), stop)
                while start < available:
                    piece = await asyncio.to_thread(follower.read, start, min(_PIECE_BYTES, available - start))
                    start += len(piece)
                    yield piece
                if start < stop:
                    if whole:
                        raise DataLossError(f"{wanted.url} ends at {start} bytes; its page says more")
                    await self._wait(fetch or self._begin(wanted), moved)

    async def close(self) -> None:
        """Ends all that is on its way; the parts stay, to be gone on with."""
        tasks = [fetch.task for fetch in self._coming.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _available(self, wanted: Wanted, follower: Follower) -> int:
        """How much may be given out; where all of it was thrown away, this raises what the fetch ended with."""
        try:
            return follower.available()
        except AbortedError:
            fetch = self._coming.get(wanted.digest)
            if fetch is not None:
                await asyncio.shield(fetch.task)
            raise

    async def _follow(self, wanted: Wanted) -> Follower:
        while True:
            with contextlib.suppress(FileNotFoundError):
                return Follower(self._store, wanted.digest)
            await self._wait(self._begin(wanted))

    async def _wait(self, fetch: _Fetch, moved: asyncio.Event | None = None) -> None:
        """Until more has come, or a short while, since another process may be the one that fetches; raises what ended it."""
        if not fetch.task.done():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for((moved or fetch.moved).wait(), _LOOK_SECONDS)
        if fetch.task.done():
            fetch.task.result()

    def _begin(self, wanted: Wanted) -> _Fetch:
        fetch = self._coming.get(wanted.digest)
        if fetch is None or fetch.task.done():
            fetch = _Fetch(asyncio.create_task(self._run(wanted)))
            self._coming[wanted.digest] = fetch
            fetch.task.add_done_callback(functools.partial(self._ended, wanted.digest, fetch))
        return fetch

    def _ended(self, digest: str, fetch: _Fetch, task: asyncio.Task[None]) -> None:
        if self._coming.get(digest) is fetch:
            del self._coming[digest]
        fetch.tell()
        if not task.cancelled() and task.exception() is not None:
            self._metrics.download("failed")
            logger.warning("a file did not come: %s", task.exception())

    async def _run(self, wanted: Wanted) -> None:
        """Brings a file into the store, or waits until another process has."""
        failures = 0
        while wanted.digest not in self._store:
            reception = await asyncio.to_thread(self._store.receive, wanted.digest)
            if reception is None:
                await asyncio.sleep(_LOOK_SECONDS)
                continue
            with reception:
                before = reception.size
                try:
                    await self._receive(wanted, reception)
                except UnavailableError:
                    failures = 0 if reception.size > before else failures + 1
                    if failures >= _TRIES:
                        raise
                    self._metrics.download("resumed")

    async def _receive(self, wanted: Wanted, reception: Reception) -> None:
        if wanted.size is not None and reception.size >= wanted.size:  # a receiver died between the last byte and the check
            await self._finish(wanted, reception)
            return
        async with wanted.source.file(wanted.url, reception.size) as part:
            if part.offset != reception.size:
                reception.discard()
                return
            self._check_size(wanted, part)
            fetch = self._coming[wanted.digest]
            fetch.total = part.total
            async for piece in part.pieces():
                if reception.size + len(piece) > (self._max_file_bytes if wanted.size is None else wanted.size):
                    reception.discard()
                    raise DataLossError(f"{wanted.url} goes on after {reception.size} bytes; its page says {wanted.size}")
                try:
                    await asyncio.to_thread(reception.write, piece)
                except OSError as error:
                    raise ResourceExhaustedError(f"{wanted.url} cannot be kept: {error}") from None
                fetch.tell()
        if part.total is not None and reception.size < part.total:
            raise UnavailableError(f"{wanted.url} broke off after {reception.size} of {part.total} bytes")
        await self._finish(wanted, reception)

    async def _finish(self, wanted: Wanted, reception: Reception) -> None:
        try:
            path = await asyncio.to_thread(reception.finish)
        except DataLossError as error:
            self._metrics.download("wrong_digest")
            raise DataLossError(f"{wanted.url} is not what its page says: {error.message}") from None
        self._metrics.fetched(reception.size)
        await asyncio.to_thread(self._index.add, wanted.digest, path.stat().st_size)

    def _check_size(self, wanted: Wanted, part: FilePart) -> None:
        if part.total is None:
            return
        if wanted.size is not None and part.total != wanted.size:
            raise DataLossError(f"{wanted.url} has {part.total} bytes; its page says {wanted.size}")
        if part.total > self._max_file_bytes:
            raise ResourceExhaustedError(f"{wanted.url} has {part.total} bytes; at most {self._max_file_bytes} are taken")
        left = self._store.free_bytes() - (part.total - part.offset)
        if left < _SPARE_BYTES:
            raise ResourceExhaustedError(f"the disk has no room for {wanted.url} ({part.total} bytes)")
