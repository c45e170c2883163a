"""Upstreams' lists: asked for when they are missing or old, by the same rules as pages."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence

from headrace.core.errors import DataLossError, OpError, ResourceExhaustedError, UnavailableError
from headrace.mirror.metrics import MirrorMetrics
from headrace.mirror.pages.freshness import Freshness, freshness
from headrace.mirror.projects.reading import reader
from headrace.mirror.projects.stored import LinesSink, ListFiles, StoredList
from headrace.mirror.upstream.client import Upstream

logger = logging.getLogger(__name__)

_MAX_BYTES = 512 << 20
_MANY = 1000
"""A list of so many projects does not lose more than half of them at once."""


class ListCache:
    """The lists of all upstreams. Used in one event loop; several processes may share the files.

    Args:
        files: keeps them.
        upstreams: those that are asked.
        metrics: told of what happens.
        clock: seconds since 1970.
    """

    def __init__(
        self, files: ListFiles, upstreams: Sequence[Upstream], metrics: MirrorMetrics, clock: Callable[[], float] = time.time
    ) -> None:
        self.files = files
        self.upstreams = tuple(upstreams)
        self._metrics = metrics
        self._clock = clock
        self._asking: dict[str, asyncio.Task[StoredList]] = {}

    async def get(self, upstream: Upstream) -> StoredList:
        """The list of an upstream.

        Raises:
            UnavailableError: it does not answer, and no list of it is kept that is young enough.
            PermissionDeniedError, ResourceExhaustedError, DataLossError: what it answers cannot be used, and so on.
        """
        known = await asyncio.to_thread(self.files.read, upstream.name)
        if known is None:
            return await self._ask(upstream)
        state = freshness(self._clock() - known.checked, upstream.options)
        if state is Freshness.FRESH:
            return known
        if state is Freshness.STALE:
            self._begin(upstream)
            return known
        try:
            return await self._ask(upstream)
        except OpError as error:
            if state is Freshness.EXPIRED:
                raise UnavailableError(
                    f"the list of projects that is kept is older than {upstream.options.error_seconds:g} s: {error.message}"
                ) from None
            self._metrics.page("stale_if_error")
            logger.warning("an old list of the projects of %s is given out: %s", upstream.name, error.message)
            return known

    def age(self, found: StoredList) -> float:
        """How old a list is, in seconds."""
        return max(0.0, self._clock() - found.checked)

    async def close(self) -> None:
        """Ends what is on its way."""
        tasks = list(self._asking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _ask(self, upstream: Upstream) -> StoredList:
        return await asyncio.shield(self._begin(upstream))

    def _begin(self, upstream: Upstream) -> asyncio.Task[StoredList]:
        """One request for all who ask at the same time."""
        task = self._asking.get(upstream.name)
        if task is None:
            task = self._asking[upstream.name] = asyncio.create_task(self._fetch(upstream))
            task.add_done_callback(lambda done: self._ended(upstream.name, done))
        return task

    def _ended(self, name: str, task: asyncio.Task[StoredList]) -> None:
        del self._asking[name]
        if not task.cancelled() and task.exception() is not None:
            self._metrics.page("upstream_error")

    async def _fetch(self, upstream: Upstream) -> StoredList:
        known = await asyncio.to_thread(self.files.read, upstream.name)
        async with upstream.projects(known.etag if known is not None else "") as answer:
            now = self._clock()
            if answer.status == 304:
                if known is None:
                    raise DataLossError(f"upstream {upstream.name!r} says that its list is the known one, which there is none of")
                fresh = known.at(now)
            elif answer.status == 404:
                fresh = StoredList("", "", None, now, 0)
            else:
                entries, size = reader(answer.content_type), 0
                sink = await asyncio.to_thread(self.files.sink, upstream.name)
                with sink:
                    async for piece in answer.pieces():
                        size += len(piece)
                        if size > _MAX_BYTES:
                            raise ResourceExhaustedError(f"the list of {upstream.name!r} has more than {_MAX_BYTES} bytes")
                        await asyncio.to_thread(lambda part: sink.add(entries.feed(part)), piece)
                    entries.close()
                    self._check(upstream, known, sink)
                    digest = await asyncio.to_thread(sink.finish)
                fresh = StoredList(digest, answer.etag, answer.serial, now, sink.projects)
        await asyncio.to_thread(self.files.write, upstream.name, fresh)
        return fresh

    def _check(self, upstream: Upstream, known: StoredList | None, new: LinesSink) -> None:
        """Raises DataLossError for what comes of a page to log in to, or of an upstream that has lost its data."""
        if new.odd > new.projects:
            raise DataLossError(f"the list of upstream {upstream.name!r} is none: it holds {new.odd} names that are none")
        if new.odd:
            logger.warning("upstream %s lists %d projects whose names are none", upstream.name, new.odd)
        if known is not None and known.projects >= _MANY and new.projects < known.projects / 2:
            message = (
                f"the list of upstream {upstream.name!r} went from {known.projects} projects to {new.projects}; the old one stays"
                f" (remove {new.folder} to take the new one)"
            )
            logger.error("%s", message)
            raise DataLossError(message)
