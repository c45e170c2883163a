"""The pages that a mirror has kept of its upstreams, as far as their files are here."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence

from headrace.mirror.index.names import normalize
from headrace.mirror.offline.held import HeldSource, held_page
from headrace.mirror.offline.provenance import ProvenanceFiles
from headrace.mirror.pages.stored import PageFiles, StoredPage
from headrace.mirror.private.index import NAME as PRIVATE
from headrace.store.blobs import BlobStore

_MOST_PROJECTS = 1000
_LOOK_SECONDS = 5.0
_LIST_SECONDS = 60.0


class KeptPages:
    """What `pull`, or use while upstream was there, has brought. See LocalPages.

    Args:
        files: the pages.
        store: the files.
        provenance: documents.
        upstreams: whose pages count, in order; the first that has a project is the only one for it. Without them all do, that
            called `main` first.
        private: also the packages of one's own, which else only the private index gives out.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        files: PageFiles,
        store: BlobStore,
        provenance: ProvenanceFiles,
        upstreams: Sequence[str] = (),
        private: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._files = files
        self._store = store
        self._upstreams = [normalize(name) for name in upstreams]
        self._private = private
        self._sources: dict[str, HeldSource] = {}
        self._provenance = provenance
        self._lock = threading.Lock()
        self._listed: tuple[float, list[str]] | None = None
        self._clock = clock
        self._known: OrderedDict[tuple[str, str], tuple[int, float, StoredPage | None]] = OrderedDict()

    def upstreams(self) -> list[str]:
        """Those whose pages count."""
        found = self._upstreams or sorted(self._files.upstreams(), key=lambda name: (name != "main", name))
        return [name for name in found if self._private or name != PRIVATE]

    def projects(self) -> list[str]:
        """The projects that have files in the store; looked up again after a while."""
        now = self._clock()
        if self._listed is None or now >= self._listed[0] + _LIST_SECONDS:
            names = {project for name in self.upstreams() for project in self._files.projects(name)}
            self._listed = (now, [name for name in sorted(names) if self.find(name) is not None])
        return self._listed[1]

    def may_have(self, project: str) -> bool:
        """Always: it has to be looked up."""
        return True

    def find(self, project: str) -> tuple[HeldSource, StoredPage] | None:
        """The page of a project with the files that are in the store; None when there are none."""
        for name in self.upstreams():
            with self._lock:
                page = self._held(name, project)
                source = self._sources.setdefault(name, HeldSource(name, self._provenance.read))
            if page is not None:
                return source, page
        return None

    def _held(self, upstream: str, project: str) -> StoredPage | None:
        """Which files are in the store is looked up again after a while; the same answer stays the same document."""
        key = (upstream, project)
        modified, now = self._files.modified(*key), self._clock()
        known = self._known.get(key)
        if known is not None and known[0] == modified and now < known[1] + _LOOK_SECONDS:
            return known[2]
        page = self._files.read(*key) if modified else None
        held = held_page(page, self._store, self._provenance.read) if page is not None else None
        if known is not None and held is not None and known[2] is not None and known[2].document == held.document:
            held = known[2]
        self._known[key] = (modified, now, held)
        self._known.move_to_end(key)
        if len(self._known) > _MOST_PROJECTS:
            self._known.popitem(last=False)
        return held
