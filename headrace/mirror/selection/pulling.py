"""Brings what requirements resolve to into a mirror: pages, files, their metadata and provenance.

    requirements ──▶ uv, which asks the mirror itself ──▶ versions ──▶ files that fit the targets ──▶ store

What is there already is not fetched again, so a pull that was broken off goes on when it is called again.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from headrace.core.errors import OpError
from headrace.mirror.audit import Caller
from headrace.mirror.downloads import Wanted
from headrace.mirror.index.page import Document, metadata_sha256, sha256_of
from headrace.mirror.offline.provenance import ProvenanceFiles
from headrace.mirror.options import MirrorOptions
from headrace.mirror.pages.cache import Found
from headrace.mirror.selection.choosing import choose, fitting, wanting
from headrace.mirror.selection.lock import Locked
from headrace.mirror.selection.requirements import Request
from headrace.mirror.selection.resolving import Pin, Unresolvable, resolve
from headrace.mirror.selection.targets import Target
from headrace.mirror.server.lookup import offered
from headrace.mirror.server.process import Parts, assembled, listening

OWNER = "pull"
"""Who keeps the files from making room for others."""
_AT_ONCE = 8
_CALLER = Caller(agent="headrace mirror pull")
_LOOK_SECONDS = 0.1
_MOST_REASONS = 5
_MAX_PROVENANCE_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class Selection:
    """What to bring.

    Attributes:
        request: what is asked for.
        targets: where it is for.
        sdists: source archives also where there are wheels.
        prereleases: also versions that are not final.
        build: lets uv build source archives to learn what they need.
        replace: files of earlier pulls may make room for others again, once this one is complete.
    """

    request: Request
    targets: tuple[Target, ...]
    sdists: bool = False
    prereleases: bool = False
    build: bool = False
    replace: bool = False


@dataclass(slots=True)
class Progress:
    """How far a pull is; bytes of files whose pages do not say their size count once they are there."""

    files: int = 0
    files_done: int = 0
    bytes: int = 0
    bytes_done: int = 0


@dataclass(slots=True)
class Report:
    """What a pull did.

    Attributes:
        locked: the versions, and the digests of their files.
        fetched: names of files that came.
        fetched_bytes: their size together.
        reused: names of files that were there.
        refused: why files are not taken, by name.
        failed: why files did not come, by name.
        built: what has to be built where.
        missing: what nothing is there for.
    """

    locked: list[Locked] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)
    fetched_bytes: int = 0
    reused: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    built: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """True when every target can install all of it."""
        return not self.failed and not self.missing


async def pull(options: MirrorOptions, selection: Selection, progress: Callable[[Progress], None]) -> Report:
    """Resolves, and brings everything.

    Args:
        options: of the mirror; its address does not count.
        selection: what to bring.
        progress: is told, some times a second, while files come.

    Raises:
        Unresolvable: no versions fit together; with the policy's reasons where it refuses some.
        OpError: see `resolve`, and PageCache.get.
    """
    async with assembled(options) as parts:
        before = await asyncio.to_thread(parts.index.digests)  # uv fetches metadata through the mirror
        async with listening(parts.app, replace(options, host="127.0.0.1", port=0)) as url:
            work = (selection.request, selection.targets, f"{url}/simple/", selection.prereleases, selection.build)
            try:
                pins = await asyncio.to_thread(resolve, *work)
            except Unresolvable as error:
                raise Unresolvable(await _explained(parts, error), error.projects) from None
        return await _Pull(parts, options, selection, progress, before).run(pins)


async def _explained(parts: Parts, error: Unresolvable) -> str:
    """uv's message, and what the policy says of the projects in it."""
    reasons = []
    for project in error.projects:
        try:
            found = await parts.pages.get(project)
        except OpError as missing:
            reasons.append(missing.message)
            continue
        document = found.page.document or {"files": []}
        verdicts = [verdict for _, verdict in parts.policy.judge.page(project, document, time.time())]
        reasons += sorted({verdict.reason for verdict in verdicts if verdict is not None and verdict.refused})[:_MOST_REASONS]
    return "\n".join([error.message, *(f"refused: {reason}" for reason in reasons)])


@dataclass(frozen=True, slots=True)
class _Item:
    """Something to fetch: a file, or the metadata file beside one."""

    filename: str
    wanted: Wanted


class _Pull:
    """The fetching of what was resolved."""

    def __init__(
        self,
        parts: Parts,
        options: MirrorOptions,
        selection: Selection,
        progress: Callable[[Progress], None],
        before: set[str],
    ) -> None:
        self._parts = parts
        self._selection = selection
        self._tell = progress
        self._contents = selection.request.pinned_contents()
        self._provenance = ProvenanceFiles(options.root / "provenance")
        self._report = Report()
        self._progress = Progress()
        self._coming: set[str] = set()
        self._before = before

    async def run(self, pins: Sequence[Pin]) -> Report:
        """Brings all of it."""
        items: dict[str, _Item] = {}
        documents: dict[str, Found] = {}
        for pin in pins:
            found = await self._parts.pages.get(pin.project)
            for file in await self._choose(pin, found):
                for item in _items(found, file):
                    items.setdefault(item.wanted.digest, item)
                if isinstance(file.get("provenance"), str):
                    documents[file["provenance"]] = found
        index = self._parts.index
        await asyncio.to_thread(index.pin, list(items), OWNER)  # before they come, since a server may make room meanwhile
        await self._fetch(list(items.values()))
        await self._fetch_provenance(documents)
        await asyncio.to_thread(index.release, [digest for digest in items if digest not in self._parts.store], OWNER)
        if self._selection.replace and self._report.complete:
            await asyncio.to_thread(index.repin, list(items), OWNER)
        return self._report

    async def _choose(self, pin: Pin, found: Found) -> list[Document]:
        """The files of a version; the policy is asked about each as it is for clients."""
        targets = wanting(pin, self._selection.targets)
        files = offered(found.page.document or {"files": []})
        fits = await asyncio.to_thread(fitting, files, pin, targets)
        refused = {}
        for each in fits:
            reason = await self._refusal(found, pin.project, each.file)
            if reason is not None:
                refused[each.file["filename"]] = reason
        chosen = choose(fits, refused, targets, self._selection.sdists)
        self._report.refused.update(refused)
        self._report.built += [f"{pin.project} {pin.version} for {target}" for target in chosen.built]
        self._report.missing += [f"{pin.project} {pin.version} for {target}" for target in chosen.missing]
        digests = tuple(digest for file in chosen.files if (digest := sha256_of(file)) is not None)
        self._report.locked.append(Locked(pin, digests))
        return chosen.files

    async def _refusal(self, found: Found, project: str, file: Document) -> str | None:
        digest = sha256_of(file)
        if digest is None:
            return f"{file['filename']} has no sha256 on its page"
        if project in self._contents and digest not in self._contents[project]:
            return f"{file['filename']} is not among the contents that the requirements pin"
        try:
            await self._parts.policy.gate.check(found.source, project, file, _CALLER)
        except OpError as error:
            return error.message
        return None

    async def _fetch(self, items: Sequence[_Item]) -> None:
        self._progress.files = len(items)
        self._progress.bytes = sum(item.wanted.size or 0 for item in items)
        turns = asyncio.Semaphore(_AT_ONCE)
        watching = asyncio.create_task(self._watch())
        try:
            async with asyncio.TaskGroup() as group:
                for item in items:
                    group.create_task(self._bring(item, turns))
        finally:
            watching.cancel()
        self._tell(self._progress)

    async def _bring(self, item: _Item, turns: asyncio.Semaphore) -> None:
        digest = item.wanted.digest
        async with turns:
            if digest not in self._parts.store:
                self._coming.add(digest)
                try:
                    await self._parts.downloads.whole(item.wanted)
                except OpError as error:
                    self._report.failed[item.filename] = error.message
                    return
                finally:
                    self._coming.discard(digest)
            if digest in self._before:
                self._report.reused.append(item.filename)
            else:
                self._report.fetched.append(item.filename)
                self._report.fetched_bytes += self._parts.store.path(digest).stat().st_size
            self._progress.files_done += 1
            self._progress.bytes_done += item.wanted.size or 0

    async def _watch(self) -> None:
        while True:
            coming = await asyncio.to_thread(_sizes, self._parts, tuple(self._coming))
            self._tell(replace(self._progress, bytes_done=self._progress.bytes_done + coming))
            await asyncio.sleep(_LOOK_SECONDS)

    async def _fetch_provenance(self, documents: dict[str, Found]) -> None:
        """Provenance may change, and so is asked for each time; while that fails, what is kept stays."""
        turns = asyncio.Semaphore(_AT_ONCE)

        async def bring(url: str, found: Found) -> None:
            async with turns:
                try:
                    body, kind = await found.source.document(url, _MAX_PROVENANCE_BYTES)
                except OpError as error:
                    if self._provenance.read(url) is None:
                        self._report.failed[url.rpartition("/integrity/")[2]] = error.message
                    return
                await asyncio.to_thread(self._provenance.write, url, body, kind)

        async with asyncio.TaskGroup() as group:
            for url, found in documents.items():
                group.create_task(bring(url, found))


def _items(found: Found, file: Document) -> list[_Item]:
    digest, metadata, size = sha256_of(file), metadata_sha256(file), file.get("size")
    items = []
    if digest is not None:
        wanted = Wanted(found.source, digest, file["url"], size if isinstance(size, int) and size >= 0 else None)
        items.append(_Item(file["filename"], wanted))
    if metadata is not None:
        items.append(_Item(f"{file['filename']}.metadata", Wanted(found.source, metadata, f"{file['url']}.metadata", None)))
    return items


def _sizes(parts: Parts, digests: Sequence[str]) -> int:
    """How many bytes of files on their way are here."""
    size = 0
    for digest in digests:
        with contextlib.suppress(FileNotFoundError):
            size += parts.store.partial_path(digest).stat().st_size
    return size
