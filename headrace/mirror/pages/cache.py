"""Gives out projects' pages, and asks upstream for them when they are missing or old."""

from __future__ import annotations

import asyncio
import fnmatch
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from headrace.core.errors import DataLossError, NotFoundError, OpError, UnavailableError
from headrace.mirror.index import page
from headrace.mirror.metrics import MirrorMetrics
from headrace.mirror.pages.changes import keep_contents
from headrace.mirror.pages.freshness import Freshness, freshness
from headrace.mirror.pages.local import LocalPages
from headrace.mirror.pages.stored import PageFiles, StoredPage
from headrace.mirror.private.index import PrivateIndex
from headrace.mirror.upstream.client import Upstream
from headrace.mirror.upstream.source import Source

logger = logging.getLogger(__name__)

_MAX_KNOWN = 2000


@dataclass(frozen=True, slots=True)
class Found:
    """A project's page.

    Attributes:
        source: where it is from.
        page: it. Its document is not None.
        age: seconds since upstream was last asked about it.
    """

    source: Source
    page: StoredPage
    age: float


@dataclass(slots=True)
class _Known:
    """A page in memory, and when its file was written."""

    page: StoredPage
    modified: int


class PageCache:
    """The pages of all upstreams. Used in one event loop; several processes may share the files.

    Args:
        files: keeps them.
        upstreams: those to be asked, in order. The first one that has a project is the only one for it: a project of the same
            name further on is another one.
        private: the mirror's own index, whose names are looked for nowhere else; None when there is none.
        local: pages that are here, in order; upstreams are asked for other projects only.
        max_page_bytes: of one page.
        metrics: told of what happens.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        files: PageFiles,
        upstreams: Sequence[Upstream],
        private: PrivateIndex | None,
        local: Sequence[LocalPages],
        max_page_bytes: int,
        metrics: MirrorMetrics,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._files = files
        self._upstreams = list(upstreams)
        self._private = private
        self._local = list(local)
        self._max_page_bytes = max_page_bytes
        self._clock = clock
        self._known: dict[tuple[str, str], _Known] = {}
        self._asking: dict[tuple[str, str], asyncio.Task[StoredPage]] = {}
        self._metrics = metrics

    async def get(self, project: str) -> Found:
        """The page of a project by its normal name.

        Raises:
            NotFoundError: no upstream has it.
            UnavailableError: an upstream that may have it does not answer, and no page of it is kept that is young enough.
            PermissionDeniedError, ResourceExhaustedError, DataLossError: see Upstream.page and page.parse.
        """
        if self._private is not None and self._private.owns(project):
            return Found(self._private, await asyncio.to_thread(self._private.page, project), 0.0)
        for local in self._local:
            here = await asyncio.to_thread(local.find, project) if local.may_have(project) else None
            if here is not None:
                return Found(*here, max(0.0, self._clock() - here[1].checked))
        for upstream in self._upstreams:
            if not any(fnmatch.fnmatchcase(project, pattern) for pattern in upstream.options.projects):
                continue
            found = await self._of(upstream, project)
            if found.document is not None:
                age = max(0.0, self._clock() - found.checked)
                self._metrics.given(upstream.options.name, age)
                return Found(upstream, found, age)
        if not self._upstreams:
            raise NotFoundError(f"nothing of the project {project!r} is here, and this mirror asks nobody; bring it with a bundle")
        raise NotFoundError(f"no upstream has a project {project!r}")

    async def _of(self, upstream: Upstream, project: str) -> StoredPage:
        known = await self._recall(upstream, project)
        if known is None:
            self._metrics.page("miss")
            return await self._ask(upstream, project)
        state = freshness(self._clock() - known.checked, upstream.options)
        if state is Freshness.FRESH:
            self._metrics.page("hit")
            return known
        if state is Freshness.STALE:
            self._metrics.page("stale_while_revalidate")
            self._begin(upstream, project)
            return known
        try:
            return await self._ask(upstream, project)
        except OpError as error:
            if state is Freshness.EXPIRED:
                raise UnavailableError(
                    f"the page of {project} that is kept is older than {upstream.options.error_seconds:g} s: {error.message}"
                ) from None
            self._metrics.page("stale_if_error")
            logger.warning("an old page of %s is given out: %s", project, error.message)
            return known

    async def _recall(self, upstream: Upstream, project: str) -> StoredPage | None:
        """The page that is kept, which another process may have written."""
        key = (upstream.options.name, project)
        known = self._known.get(key)
        if known is not None and freshness(self._clock() - known.page.checked, upstream.options) is Freshness.FRESH:
            return known.page
        modified = self._files.modified(*key)
        if known is None or known.modified != modified:
            found = await asyncio.to_thread(self._files.read, *key)
            if found is None:
                self._known.pop(key, None)
                return None
            self._remember(key, found, modified)
        return self._known[key].page

    def _remember(self, key: tuple[str, str], found: StoredPage, modified: int) -> None:
        self._known.pop(key, None)
        if len(self._known) >= _MAX_KNOWN:
            del self._known[next(iter(self._known))]
        self._known[key] = _Known(found, modified)

    async def _ask(self, upstream: Upstream, project: str) -> StoredPage:
        """What upstream says now. All who ask at the same time wait for one answer, which comes even if they go."""
        return await asyncio.shield(self._begin(upstream, project))

    def _begin(self, upstream: Upstream, project: str) -> asyncio.Task[StoredPage]:
        key = (upstream.options.name, project)
        task = self._asking.get(key)
        if task is None:
            task = self._asking[key] = asyncio.create_task(self._fetch(upstream, project))
            task.add_done_callback(lambda done: self._ended(key, done))
        return task

    def _ended(self, key: tuple[str, str], task: asyncio.Task[StoredPage]) -> None:
        del self._asking[key]
        if not task.cancelled() and task.exception() is not None:  # asked for here, since nobody else may
            self._metrics.page("upstream_error")

    async def _fetch(self, upstream: Upstream, project: str) -> StoredPage:
        key = (upstream.options.name, project)
        known = await asyncio.to_thread(self._files.read, *key)
        answer = await upstream.page(project, known.etag if known is not None else "", self._max_page_bytes)
        now = self._clock()
        if answer.status == 304:
            if known is None:
                raise DataLossError(f"upstream {key[0]!r} says that the page of {project} is the known one, which there is none of")
            fresh = known.at(now)
        elif answer.status == 404:
            fresh = StoredPage(None, "", None, now, now)
        elif known is not None and self._goes_back(upstream, known, answer.serial):
            self._metrics.page("serial_went_back")
            logger.error(
                "upstream %s went back from serial %s of %s to %s; the later page stays",
                key[0],
                known.serial,
                project,
                answer.serial,
            )
            fresh = known.at(now)
        else:
            document = await asyncio.to_thread(page.parse, answer.body, answer.content_type, answer.url, project)
            for _ in keep_contents(known.document if known is not None else None, document):
                self._metrics.page("file_changed")
            fresh = StoredPage(document, answer.etag, answer.serial, now, now)
        try:
            await asyncio.to_thread(self._files.write, *key, fresh)
        except OSError as error:  # what upstream says can be given out even if the disk is full
            self._metrics.page("not_kept")
            logger.error("the page of %s cannot be kept: %s", project, error)
        self._remember(key, fresh, self._files.modified(*key))
        return fresh

    def _goes_back(self, upstream: Upstream, known: StoredPage, answered: int | None) -> bool:
        """True for an earlier serial than the known one. After a while it is taken nevertheless: upstream may have begun anew."""
        if known.serial is None or answered is None or answered >= known.serial:
            return False
        return 0 <= self._clock() - known.fetched <= upstream.options.error_seconds
