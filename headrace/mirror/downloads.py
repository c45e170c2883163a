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
import sqlite3
import time
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field

from headrace.core.errors import AbortedError, DataLossError, ResourceExhaustedError, UnavailableError
from headrace.mirror.metrics import MirrorMetrics
from headrace.mirror.segments import in_order
from headrace.mirror.status.state import Transfer
from headrace.mirror.upstream.source import FilePart, NoPartsError, PartedSource, Source
from headrace.mirror.upstream.wording import shown
from headrace.store import digests
from headrace.store.blobs import BlobStore
from headrace.store.following import Follower
from headrace.store.index import BlobIndex, evict
from headrace.store.reception import Reception

logger = logging.getLogger(__name__)

_LOOK_SECONDS = 0.05
_TRIES = 5
"""In a row without the least progress, and so often from the start where upstream cannot send parts."""
_FIRST_WAIT_SECONDS = 0.05
_PROGRESS_BYTES = 64 << 10
_MOST_PARALLEL = 4
"""Files that come over several connections at the same time; this bounds the memory."""
_TELL_BYTES = 1 << 20
"""To wake a hundred clients for each piece that comes would take longer than to send it to them."""
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


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes from `start` to `stop` of a file, which may be read by `follower` until the next span is asked for."""

    follower: Follower
    start: int
    stop: int


@dataclass(slots=True)
class _Fetch:
    """A file that is coming: `size` bytes of it are here. `moved` is set when more has come, and another event takes its place."""

    task: asyncio.Task[None]
    wanted: Wanted
    total: int | None = None
    size: int = 0
    answered: bool = False
    begun: float = field(default_factory=time.monotonic)
    moved: asyncio.Event = field(default_factory=asyncio.Event)
    untold: int = 0

    def came(self, size: int) -> None:
        """Wakes all who wait for more, when it is much; those who wait look now and then by themselves."""
        self.untold += size
        if self.untold >= _TELL_BYTES:
            self.tell()

    def tell(self) -> None:
        """Wakes all who wait for more."""
        self.untold = 0
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
        self._used: dict[str, None] = {}
        self._sound: set[str] = set()
        self._parallel = 0

    @property
    def metrics(self) -> MirrorMetrics:
        """What is told of what happens."""
        return self._metrics

    @property
    def coming(self) -> int:
        """How many files are on their way."""
        return len(self._coming)

    @property
    def transfers(self) -> tuple[Transfer, ...]:
        """The files on their way, the oldest first. May be asked for in another thread."""
        now = time.monotonic()
        return tuple(
            Transfer(
                shown(each.wanted.url),
                each.wanted.source.name,
                each.size,
                each.total if each.wanted.size is None else each.wanted.size,
                now - each.begun,
                not each.answered,
            )
            for each in list(self._coming.values())
        )

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

    def used(self, digest: str) -> None:
        """Notes that a file was given out; `note_uses` writes it down, for many files at once."""
        self._used.pop(digest, None)
        self._used[digest] = None

    def note_uses(self) -> None:
        """Tells the index of the files that were used. May be called in a thread."""
        used, self._used = self._used, {}
        if used:
            self._index.touch(used)

    async def mend(self, wanted: Wanted) -> None:
        """Puts a file aside that does not have its size, after another look at its content; it is fetched anew then."""
        path = self._store.path(wanted.digest)
        with contextlib.suppress(FileNotFoundError):
            if wanted.size in (None, path.stat().st_size) or wanted.digest in self._sound:
                return
            if await asyncio.to_thread(digests.of_file, path) == wanted.digest:
                self._sound.add(wanted.digest)  # it is the page that is wrong about the size
                return
            self._metrics.download("damaged")
            aside = await asyncio.to_thread(self._set_aside, wanted.digest)
            logger.error("a file of the store is damaged and was put aside: %s", aside)

    def _set_aside(self, digest: str) -> str:
        aside = self._store.quarantine(digest)
        self._index.forget(digest)
        return str(aside)

    async def whole(self, wanted: Wanted) -> None:
        """Waits until a file is in the store; raises what `stream` does."""
        while wanted.digest not in self._store:
            await asyncio.shield(self._begin(wanted).task)

    async def stream(self, wanted: Wanted, start: int, stop: int) -> AsyncGenerator[Span, None]:
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
                if start < available:
                    yield Span(follower, start, available)
                    start = available
                if start < stop:
                    if whole:
                        raise DataLossError(f"{shown(wanted.url)} ends at {start} bytes; its page says more")
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
            fetch = _Fetch(asyncio.create_task(self._run(wanted)), wanted)
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
                    failures = 0 if reception.size - before >= _PROGRESS_BYTES else failures + 1
                    if failures >= _TRIES:
                        raise
                    self._metrics.download("resumed")
            if failures:
                await asyncio.sleep(_FIRST_WAIT_SECONDS * 2**failures)

    async def _receive(self, wanted: Wanted, reception: Reception) -> None:
        """Takes in what is missing of a file."""
        if wanted.size is not None and wanted.size > self._max_file_bytes:
            raise ResourceExhaustedError(f"{shown(wanted.url)} has {wanted.size} bytes; at most {self._max_file_bytes} are taken")
        if wanted.size is not None and reception.size >= wanted.size:  # a receiver died between the last byte and the check
            await self._finish(wanted, reception)
        elif not await self._receive_parallel(wanted, reception):
            try:
                await self._receive_rest(wanted, reception, reception.size)
            except NoPartsError:
                await self._receive_rest(wanted, reception, 0)

    async def _receive_rest(self, wanted: Wanted, reception: Reception, offset: int) -> None:
        """Takes in a file from `offset` on. What is here already is left out, so that those who follow it do not notice."""
        async with wanted.source.file(wanted.url, offset) as part:
            if part.offset > reception.size or (part.total is not None and part.total < reception.size):
                reception.discard()
                raise DataLossError(f"{shown(wanted.url)} has no {reception.size} bytes, which are here; they are thrown away")
            await self._check_size(wanted, part)
            self._coming[wanted.digest].total = part.total
            self._coming[wanted.digest].answered = True
            await self._take(wanted, reception, _behind(part.pieces(), reception.size - part.offset))
        if part.total is not None and reception.size < part.total:
            raise UnavailableError(f"{shown(wanted.url)} broke off after {reception.size} of {part.total} bytes")
        await self._finish(wanted, reception)

    async def _receive_parallel(self, wanted: Wanted, reception: Reception) -> bool:
        """Takes in a large file over several connections; False where that is not done."""
        source, size = wanted.source, wanted.size
        if not isinstance(source, PartedSource) or source.connections < 2 or size is None or self._parallel >= _MOST_PARALLEL:
            return False
        if size - reception.size < max(source.parallel_bytes, 1):
            return False
        await self._check_room(wanted, size - reception.size)
        self._parallel += 1
        try:
            async with contextlib.aclosing(in_order(source, wanted.url, reception.size, size)) as pieces:
                await self._take(wanted, reception, pieces)
        except NoPartsError:
            return False
        finally:
            self._parallel -= 1
        self._metrics.download("parallel")
        await self._finish(wanted, reception)
        return True

    async def _take(self, wanted: Wanted, reception: Reception, pieces: AsyncIterator[bytes]) -> None:
        fetch = self._coming[wanted.digest]
        limit = self._max_file_bytes if wanted.size is None else wanted.size
        async for piece in pieces:
            if reception.size + len(piece) > limit:
                reception.discard()
                raise DataLossError(f"{shown(wanted.url)} goes on after {reception.size} bytes; its page says {wanted.size}")
            try:
                await asyncio.to_thread(reception.write, piece)
            except OSError as error:
                raise self._unkept(wanted, reception, error) from None
            fetch.size, fetch.answered = reception.size, True
            fetch.came(len(piece))

    def _unkept(self, wanted: Wanted, reception: Reception, error: OSError) -> ResourceExhaustedError:
        """What to raise when the disk does not take a file. What has come of it goes, so that there is room for others."""
        reception.discard()
        self._metrics.download("not_kept")
        return ResourceExhaustedError(f"{shown(wanted.url)} cannot be kept: {error.strerror}")

    async def _finish(self, wanted: Wanted, reception: Reception) -> None:
        try:
            await asyncio.to_thread(reception.finish)
        except DataLossError as error:
            self._metrics.download("wrong_digest")
            raise DataLossError(f"{shown(wanted.url)} is not what its page says: {error.message}") from None
        except OSError as error:
            raise self._unkept(wanted, reception, error) from None
        fetch = self._coming.get(wanted.digest)
        self._metrics.fetched(reception.size, time.monotonic() - fetch.begun if fetch is not None else 0.0)
        try:
            await asyncio.to_thread(self._index.add, wanted.digest, reception.size)
        except sqlite3.Error as error:  # the file is there; the index finds it when it is read anew
            logger.warning("a file is in the store but not in its index: %s", error)

    async def _check_size(self, wanted: Wanted, part: FilePart) -> None:
        if part.total is None:
            return
        if wanted.size is not None and part.total != wanted.size:
            raise DataLossError(f"{shown(wanted.url)} has {part.total} bytes; its page says {wanted.size}")
        if part.total > self._max_file_bytes:
            raise ResourceExhaustedError(f"{shown(wanted.url)} has {part.total} bytes; at most {self._max_file_bytes} are taken")
        await self._check_room(wanted, part.total - part.offset)

    async def _check_room(self, wanted: Wanted, size: int) -> None:
        """Sees to it that the disk has room; where it does not, the files used longest ago go, however few there are."""
        lacking = size + _SPARE_BYTES - self._store.free_bytes()
        if lacking > 0:
            freed = await asyncio.to_thread(self._make_room, lacking)
            if freed < lacking:
                raise ResourceExhaustedError(f"the disk has no room for {shown(wanted.url)} ({size} bytes more)")
            logger.warning("the disk was full: %d bytes that were used longest ago are gone", freed)

    def _make_room(self, lacking: int) -> int:
        self.note_uses()
        used = self._index.usage().bytes
        return evict(self._store, self._index, used - 1, max(0, used - lacking)) if used else 0


async def _behind(pieces: AsyncIterator[bytes], count: int) -> AsyncIterator[bytes]:
    """Without the first `count` bytes."""
    async for piece in pieces:
        if count < len(piece):
            yield piece[count:]
        count = max(0, count - len(piece))
