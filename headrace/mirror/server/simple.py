"""Projects' pages in the forms that clients ask for, kept ready to be sent."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

from headrace.mirror.index import render
from headrace.mirror.index.packing import pack
from headrace.mirror.index.page import JSON_TYPE, Document
from headrace.mirror.pages.cache import Found
from headrace.mirror.policy.judge import Judge, Stamp
from headrace.mirror.policy.view import view
from headrace.mirror.server.lookup import file_path, offered

_MAX_BYTES = 256 << 20


@dataclass(frozen=True, slots=True)
class RenderedPage:
    """A page in one form, packed in one coding. `etag` is that of the page before it was packed, without quotes."""

    body: bytes
    etag: str


@dataclass(frozen=True, slots=True)
class _Kept:
    """A page that was made of a document; good from `since` to `until`, for clocks are put back, too, and while the stamp holds."""

    document: Document
    stamp: Stamp
    page: RenderedPage
    since: float
    until: float


class Renderer:
    """Makes pages, and keeps the last ones. Used in one event loop.

    Args:
        judge: says what is listed.
        clock: seconds since 1970.
    """

    def __init__(self, judge: Judge, clock: Callable[[], float] = time.time) -> None:
        self._judge = judge
        self._clock = clock
        self._kept: OrderedDict[tuple[str, ...], _Kept] = OrderedDict()
        self._bytes = 0

    async def page(self, project: str, found: Found, media_type: str, coding: str, base: str) -> RenderedPage:
        """The page of a project in the form `media_type`, packed in `coding`, for clients who know the mirror by the URL `base`."""
        key = (found.source.name, project, media_type, coding, base)
        kept = self._kept.get(key)
        now, stamp = self._clock(), self._judge.stamp(project)
        document = found.page.document
        if kept is not None and kept.document is document and kept.stamp == stamp and kept.since <= now < kept.until:
            self._kept.move_to_end(key)
            return kept.page
        assert document is not None
        seen = await asyncio.to_thread(view, self._judge, project, document, now)
        made = await asyncio.to_thread(_render, seen.document, found.source.name, project, media_type, coding, base)
        self._keep(key, _Kept(document, stamp, made, now, seen.until))
        return made

    def _keep(self, key: tuple[str, ...], kept: _Kept) -> None:
        before = self._kept.pop(key, None)
        if before is not None:
            self._bytes -= len(before.page.body)
        self._kept[key] = kept
        self._bytes += len(kept.page.body)
        while self._bytes > _MAX_BYTES and len(self._kept) > 1:
            _, oldest = self._kept.popitem(last=False)
            self._bytes -= len(oldest.page.body)


def _render(document: Document, upstream: str, project: str, media_type: str, coding: str, base: str) -> RenderedPage:
    def file_url(file: Document) -> str:
        return f"../../files/{upstream}/{project}/{quote(file_path(file))}"

    def provenance_url(file: Document) -> str:
        return f"{base or '../..'}/provenance/{upstream}/{project}/{quote(file['filename'])}"  # PEP 740 wants whole URLs

    page = render.document({**document, "files": offered(document)}, file_url, provenance_url)
    body = render.to_json(page) if media_type == JSON_TYPE else render.to_html(page)
    return RenderedPage(pack(body, coding), hashlib.sha256(body).hexdigest()[:32])
