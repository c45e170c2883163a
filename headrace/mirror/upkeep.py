"""What keeps a mirror's folder in order: room for new files, and nothing left over from processes that were killed."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

from headrace.mirror.downloads import Downloads
from headrace.store.blobs import BlobStore
from headrace.store.index import BlobIndex, evict

logger = logging.getLogger(__name__)

_SECONDS = 60.0
_DAY_SECONDS = 86400.0
_PARTS_SECONDS = 7 * _DAY_SECONDS
_LEFT_OVER = ("pages/*/.*.partial", "published/*/.*.partial", "uploads/upload-*")
"""Files on their way, which a process that was killed cannot remove any more."""


class Upkeep:
    """Looks after a mirror's folder; several processes may do so for the same one.

    Args:
        root: the folder.
        store: of files, in it.
        index: of the store.
        downloads: knows which files were used.
        high: when the store is larger, in bytes, what was used longest ago makes room.
        low: until it is this large.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        root: Path,
        store: BlobStore,
        index: BlobIndex,
        downloads: Downloads,
        high: int,
        low: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._root = root
        self._store = store
        self._index = index
        self._downloads = downloads
        self._high = high
        self._low = low
        self._clock = clock

    async def run(self) -> None:
        """Until it is cancelled. A fault is logged, and the next round tries again. A folder that is read-only needs none of it."""
        if self._store.read_only:
            return
        await self._try(self.tidy)
        while True:
            await self._try(self.make_room)
            await asyncio.sleep(_SECONDS)

    async def end(self) -> None:
        """Before the index is closed."""
        await self._try(self._downloads.note_uses)

    def tidy(self) -> None:
        """After a start: the index is made to agree with the folder, and what nobody goes on with goes."""
        lacking, gone = self._index.rebuild()
        if lacking or gone:
            logger.warning("the index of the store did not agree with it: %d files added, %d removed", lacking, gone)
        freed = self._store.forget_parts(_PARTS_SECONDS, self._clock())
        if freed:
            logger.info("%d bytes of files that nobody has gone on with for a week are gone", freed)
        for pattern in _LEFT_OVER:
            for path in self._root.glob(pattern):
                if self._clock() - path.stat().st_mtime > _DAY_SECONDS:
                    path.unlink(missing_ok=True)

    def make_room(self) -> None:
        """Notes which files were used, and then lets those go that were used longest ago, when there are too many."""
        self._downloads.note_uses()
        freed = evict(self._store, self._index, self._high, self._low)
        if freed:
            logger.info("made room: %d bytes that were used longest ago are gone", freed)

    async def _try(self, work: Callable[[], None]) -> None:
        try:
            await asyncio.to_thread(work)
        except (OSError, sqlite3.Error) as error:
            logger.error("the folder %s cannot be looked after: %s", self._root, error)
