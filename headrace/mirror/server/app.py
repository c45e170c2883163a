"""The mirror's routes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from aiohttp import web

from headrace.core.errors import InternalError, NotFoundError, OpError
from headrace.core.exposition import CONTENT_TYPE
from headrace.mirror.downloads import Downloads, Wanted
from headrace.mirror.index import names, negotiation
from headrace.mirror.index.page import Document, metadata_sha256, sha256_of
from headrace.mirror.metrics import MirrorMetrics
from headrace.mirror.pages.cache import Found, PageCache
from headrace.mirror.policy.enforcement import Enforcement
from headrace.mirror.server import errors
from headrace.mirror.server.callers import caller_of
from headrace.mirror.server.files import FileSender
from headrace.mirror.server.lookup import FileLookup, offered
from headrace.mirror.server.simple import Renderer
from headrace.mirror.server.uploads import Uploads
from headrace.store.blobs import BlobStore

logger = logging.getLogger(__name__)

_METADATA = ".metadata"
_KINDS = {
    "simple": "page",
    "files": "file",
    "provenance": "provenance",
    "legacy": "upload",
    "v2": "oci",
    "status": "status",
    "status.json": "status",
    "metrics": "status",
    "livez": "status",
    "readyz": "status",
    "": "status",
    "hf": "huggingface",
    "tfhub": "tfhub",
}
"""What metrics call requests, by the first part of their path."""
_MAX_PROVENANCE_BYTES = 16 << 20
_JSON = ("application/json", "application/vnd.pypi.integrity.v1+json")
"""What a provenance is; other types are of no use to clients, and a browser might run them."""


class Room(Protocol):
    """A part of the mirror that answers requests."""

    def routes(self) -> list[web.RouteDef]:
        """What it answers."""


class MirrorApp:
    """Answers HTTP requests.

    Args:
        pages: the projects' pages.
        store: the files.
        downloads: fetches files that are missing.
        policy: says what is given out.
        uploads: takes packages of one's own; None takes none.
        metrics: told of every answer.
        metrics_page: makes the page that Prometheus reads.
        rooms: what has routes of its own.
    """

    def __init__(
        self,
        pages: PageCache,
        store: BlobStore,
        downloads: Downloads,
        policy: Enforcement,
        uploads: Uploads | None,
        metrics: MirrorMetrics,
        metrics_page: Callable[[], str],
        rooms: Sequence[Room] = (),
    ) -> None:
        self._rooms = tuple(rooms)
        self._metrics = metrics
        self._metrics_page = metrics_page
        self._pages = pages
        self._files = FileSender(store, downloads)
        self._gate = policy.gate
        self._uploads = uploads
        self._renderer = Renderer(policy.judge)
        self._lookup = FileLookup()

    def build(self) -> web.Application:
        """The application."""
        app = web.Application(middlewares=[self._counted, _errors], client_max_size=1 << 20)
        if self._uploads is not None:
            app.router.add_post("/legacy/", self._uploads.answer)
        app.router.add_get("/metrics", self._read_metrics)
        app.router.add_get("/livez", _live)
        app.router.add_get("/simple/{project}", self._slash)
        app.router.add_get("/simple/{project}/", self._page)
        app.router.add_get("/files/{upstream}/{project}/{path:.+}", self._file)
        app.router.add_get("/provenance/{upstream}/{project}/{filename}", self._provenance)
        for room in self._rooms:
            app.router.add_routes(room.routes())
        return app

    @web.middleware
    async def _counted(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        kind = _KINDS.get(request.path.lstrip("/").partition("/")[0], "other")
        try:
            response = await handler(request)
        except web.HTTPException as error:
            self._metrics.answered(kind, error.status)
            raise
        self._metrics.answered(kind, response.status)
        return response

    async def _read_metrics(self, _: web.Request) -> web.StreamResponse:
        page = await asyncio.to_thread(self._metrics_page)
        return web.Response(body=page.encode(), headers={"Content-Type": CONTENT_TYPE})

    async def _slash(self, request: web.Request) -> web.StreamResponse:
        project = names.normalize(request.match_info["project"])
        return web.Response(status=301, headers={"Location": f"./{project}/"})

    async def _page(self, request: web.Request) -> web.StreamResponse:
        asked = request.match_info["project"]
        project = names.normalize(asked)
        if project != asked:
            return web.Response(status=301, headers={"Location": f"../{project}/"})
        media_type = negotiation.choose(", ".join(request.headers.getall("Accept", [])))
        if media_type is None:
            return web.Response(status=406, text="no form of the page suits the request's Accept header\n")
        found = await self._pages.get(project)
        page = await self._renderer.page(project, found, media_type)
        zipped = "gzip" in request.headers.get("Accept-Encoding", "").lower()
        etag = f'"{page.etag}{"-gzip" if zipped else ""}"'
        headers = {
            "Content-Type": media_type if "html" not in media_type else f"{media_type}; charset=utf-8",
            "ETag": etag,
            "Vary": "Accept, Accept-Encoding",
            "Cache-Control": "no-cache",
            "X-Headrace-Staleness": f"{found.age:.0f}",
            "X-Headrace-Upstream": found.source.name,
        }
        if found.page.serial is not None:
            headers["X-PyPI-Last-Serial"] = str(found.page.serial)
        if etag in [each.strip() for each in request.headers.get("If-None-Match", "").split(",")]:
            return web.Response(status=304, headers=headers)
        if zipped:
            headers["Content-Encoding"] = "gzip"
        return web.Response(body=page.compressed if zipped else page.body, headers=headers)

    async def _file(self, request: web.Request) -> web.StreamResponse:
        project, found = await self._project(request)
        path = request.match_info["path"]
        file = self._lookup.find(project, found, path)
        digest = sha256_of(file) if file is not None else None
        if file is not None and digest is not None:
            await self._gate.check(found.source, project, file, caller_of(request))
            return await self._files.answer(request, Wanted(found.source, digest, file["url"], _size(file)), file["filename"])
        file = self._lookup.find(project, found, path.removesuffix(_METADATA)) if path.endswith(_METADATA) else None
        digest = metadata_sha256(file) if file is not None else None
        if file is not None and digest is not None:
            await self._gate.check(found.source, project, file, caller_of(request))
            wanted = Wanted(found.source, digest, file["url"] + _METADATA, None)
            return await self._files.answer(request, wanted, file["filename"] + _METADATA)
        raise NotFoundError(f"project {project} has no file {path.rpartition('/')[2]!r}; it may have been removed upstream")

    async def _provenance(self, request: web.Request) -> web.StreamResponse:
        project, found = await self._project(request)
        filename = request.match_info["filename"]
        for file in offered(found.page.document or {"files": []}):
            if file["filename"] == filename and isinstance(file.get("provenance"), str):
                body, kind = await found.source.document(file["provenance"], _MAX_PROVENANCE_BYTES)
                shown = kind if kind.partition(";")[0].strip().lower() in _JSON else "application/octet-stream"
                return web.Response(body=body, headers={"Content-Type": shown, "X-Content-Type-Options": "nosniff"})
        raise NotFoundError(f"project {project} has no provenance for {filename!r}")

    async def _project(self, request: web.Request) -> tuple[str, Found]:
        """The project that a path names, if it is still this upstream's."""
        project = names.normalize(request.match_info["project"])
        found = await self._pages.get(project)
        if found.source.name != request.match_info["upstream"]:
            raise NotFoundError(f"project {project} comes from upstream {found.source.name!r}, not from this one")
        return project, found


def _size(file: Document) -> int | None:
    size = file.get("size")
    return size if isinstance(size, int) and size >= 0 else None


async def _live(_: web.Request) -> web.StreamResponse:
    return web.json_response({"live": True})


@web.middleware
async def _errors(request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> web.StreamResponse:
    try:
        return await handler(request)
    except OpError as error:
        return errors.response(error)
    except (web.HTTPException, asyncio.CancelledError, ConnectionError):
        raise
    except Exception:
        logger.exception("answering %s failed", request.path)
        return errors.response(InternalError("the mirror failed to answer this request; its log says why"))
