"""Gives out what revisions are, and asks the hub when that is not known or old. A commit stays what it is."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable

from headrace.core.errors import OpError, UnavailableError
from headrace.mirror.metrics import MirrorMetrics
from headrace.mirror.models.huggingface.errors import HubError, HubNotFoundError
from headrace.mirror.models.huggingface.hub import Hub
from headrace.mirror.models.huggingface.kept import Kept, Revision
from headrace.mirror.models.huggingface.names import Repository, is_commit
from headrace.mirror.models.together import Together
from headrace.mirror.pages.freshness import Freshness, freshness

logger = logging.getLogger(__name__)

_MOST = 200


class Revisions:
    """The revisions of the hub's repositories. Used in one event loop; several processes may share the files.

    Args:
        hub: is asked.
        kept: keeps them.
        metrics: told of what happens.
        clock: seconds since 1970.
    """

    def __init__(self, hub: Hub, kept: Kept, metrics: MirrorMetrics, clock: Callable[[], float] = time.time) -> None:
        self._hub = hub
        self._kept = kept
        self._metrics = metrics
        self._clock = clock
        self._known: OrderedDict[tuple[Repository, str], Revision] = OrderedDict()
        self._asking: Together[Revision] = Together()

    async def get(self, repository: Repository, revision: str) -> Revision:
        """A revision that is there.

        Raises:
            HubError: it is not, or the hub does not let the mirror have it.
            UnavailableError: the hub does not answer, and what is kept is too old.
            DataLossError, PermissionDeniedError, ResourceExhaustedError: see Hub.info.
        """
        found = await self._get(repository, revision)
        if found.document is None:
            raise HubNotFoundError(found.message, found.hub_code)
        return found

    def age(self, found: Revision) -> float:
        """How long ago the hub was asked, in seconds."""
        return max(0.0, self._clock() - found.checked)

    async def close(self) -> None:
        """Ends what is at work."""
        await self._asking.close()

    async def _get(self, repository: Repository, revision: str) -> Revision:
        known = await self._recall(repository, revision)
        if known is None:
            self._metrics.model("huggingface", "miss")
            return await self._ask(repository, revision)
        state = self._state(known, revision)
        if state is Freshness.FRESH:
            self._metrics.model("huggingface", "hit")
            return known
        if state is Freshness.STALE:
            self._metrics.model("huggingface", "stale_while_revalidate")
            self._asking.begin((repository, revision), lambda: self._fetch(repository, revision))
            return known
        try:
            return await self._ask(repository, revision)
        except HubError:  # an answer, and not one that an old one is better than
            raise
        except OpError as error:
            if state is Freshness.EXPIRED:
                raise UnavailableError(
                    f"what is known of {repository.files_path} at {revision!r} is older than"
                    f" {self._hub.upstream.options.error_seconds:g} s: {error.message}"
                ) from None
            self._metrics.model("huggingface", "stale_if_error")
            logger.warning("an old revision of %s is given out: %s", repository.files_path, error.message)
            return known

    def _state(self, known: Revision, revision: str) -> Freshness:
        if is_commit(revision) and known.document is not None:
            return Freshness.FRESH
        return freshness(self._clock() - known.checked, self._hub.upstream.options)

    async def _recall(self, repository: Repository, revision: str) -> Revision | None:
        """What is kept; where that in memory is no longer fresh, another process may have written a newer one."""
        key = (repository, revision)
        known = self._known.get(key)
        if known is not None and self._state(known, revision) is Freshness.FRESH:
            self._known.move_to_end(key)
            return known
        found = await asyncio.to_thread(self._kept.revision, *key)
        if found is not None:
            self._remember(repository, revision, found)
        return found

    def _remember(self, repository: Repository, revision: str, found: Revision) -> None:
        self._known[repository, revision] = found
        self._known.move_to_end((repository, revision))
        if len(self._known) > _MOST:
            self._known.popitem(last=False)

    async def _ask(self, repository: Repository, revision: str) -> Revision:
        return await self._asking.result((repository, revision), lambda: self._fetch(repository, revision))

    async def _fetch(self, repository: Repository, revision: str) -> Revision:
        try:
            document = await self._hub.info(repository, revision)
        except HubNotFoundError as error:
            found = Revision(None, error.hub_code, error.message, self._clock())
        except OpError as error:
            self._metrics.model("huggingface", "refused" if isinstance(error, HubError) else "upstream_error")
            raise
        else:
            found = Revision(document, "", "", self._clock())
            if not is_commit(revision):
                await self._keep_commit(repository, found)
        await asyncio.to_thread(self._kept.keep_revision, repository, revision, found)
        self._remember(repository, revision, found)
        return found

    async def _keep_commit(self, repository: Repository, found: Revision) -> None:
        """What a branch is now is known of its commit as well."""
        assert found.document is not None
        commit = found.document["sha"]
        known = await asyncio.to_thread(self._kept.revision, repository, commit)
        if known is None or known.document is None:
            await asyncio.to_thread(self._kept.keep_revision, repository, commit, found)
