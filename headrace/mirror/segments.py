"""Brings a large file over several connections, and gives its bytes out in order.

connection 1 ──▶ segment 1 ──▶ given out as it comes
connection 2 ──▶ segment 2 ──┐
connection 3 ──▶ segment 3 ──┴ wait in memory for their turn; when a segment has been given out, the next one is begun

What is written is always the beginning of the file. So its size says how much is there, also after `kill -9`; its digest is
computed and readers follow as with one connection. What waits in memory, a few segments, is all that a crash loses.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator

from headrace.core.errors import DataLossError, UnavailableError
from headrace.mirror.upstream.source import PartedSource

_TRIES = 5
_FIRST_WAIT_SECONDS = 0.1


class _Segment:
    """The bytes from `start` to `stop`, which a task of its own brings."""

    def __init__(self, source: PartedSource, url: str, start: int, stop: int, total: int) -> None:
        self._source = source
        self._url = url
        self._next = start
        self._stop = stop
        self._total = total
        self._waiting: deque[bytes] = deque()
        self._moved = asyncio.Event()
        self.task = asyncio.create_task(self._run())
        self.task.add_done_callback(lambda _: self._moved.set())

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """The bytes, as they come; raises what ended them."""
        while True:
            while self._waiting:
                yield self._waiting.popleft()
            if self.task.done():
                self.task.result()
                if not self._waiting:
                    return
            else:
                self._moved.clear()
                await self._moved.wait()

    async def _run(self) -> None:
        failures = 0
        while self._next < self._stop:
            before = self._next
            try:
                await self._bring()
            except UnavailableError:
                failures = failures + 1 if self._next == before else 1
                if failures >= _TRIES:
                    raise
                await asyncio.sleep(_FIRST_WAIT_SECONDS * 2**failures)

    async def _bring(self) -> None:
        async with self._source.part(self._url, self._next, self._stop) as part:
            if part.total not in (None, self._total):
                raise DataLossError(f"{self._url} has {part.total} bytes; its page says {self._total}")
            async for piece in part.pieces():
                taken = piece[: self._stop - self._next]
                self._next += len(taken)
                self._waiting.append(taken)
                self._moved.set()
                if self._next == self._stop:
                    return
        raise UnavailableError(f"{self._url} broke off at byte {self._next}")


async def in_order(source: PartedSource, url: str, start: int, total: int) -> AsyncGenerator[bytes, None]:
    """The bytes of a file from `start` on. One connection begins; the others join once it has shown that parts are sent.

    Args:
        source: has the file.
        url: where it is.
        start: the first byte.
        total: the size of the file.

    Raises:
        NoPartsError: whole files only are sent, from now on.
        OpError: as Source.file; DataLossError also when parts are of a file of another size.
    """
    coming: deque[_Segment] = deque()
    following = start

    def begin(count: int) -> None:
        nonlocal following
        while following < total and len(coming) < count:
            stop = min(total, following + source.segment_bytes)
            coming.append(_Segment(source, url, following, stop, total))
            following = stop

    try:
        begin(1)
        while coming:
            async for piece in coming[0].pieces():
                begin(source.connections)
                yield piece
            coming.popleft()
            begin(source.connections)
    finally:
        for segment in coming:
            segment.task.cancel()
        await asyncio.gather(*(segment.task for segment in coming), return_exceptions=True)
