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
from headrace.mirror.index import names
from headrace.mirror.index.page import Document, metadata_sha256, sha256_of
from headrace.mirror.metrics import MirrorMetrics
from headrace.mirror.pages.cache import Found, PageCache
from headrace.mirror.policy.enforcement import Enforcement
from headrace.mirror.server import errors
from headrace.mirror.server.access import Access
from headrace.mirror.server.callers import ORIGIN, caller_of
from headrace.mirror.server.conditions import is_known
from headrace.mirror.server.files import KIND, FileSender
from headrace.mirror.server.lookup import FileLookup, offered
from headrace.mirror.server.negotiated import media_type_of, page_headers
from headrace.mirror.server.simple import Renderer
from headrace.store.blobs import BlobStore

logger = logging.getLogger(__name__)

_METADATA = ".metadata"
_KINDS = {
    "simple": "page",
    "files": "file",
    "provenance": "provenance",
    "legacy": "upload",
    "manage": "manage",
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
_GONE = 499
"""Counted for a client that went away before it had its answer."""
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
        access: says who may read private projects.
        rooms: what has routes of its own.
        metrics: told of every answer.
        metrics_page: makes the page that Prometheus reads.
    """

    def __init__(
        self,
        pages: PageCache,
        store: BlobStore,
        downloads: Downloads,
        policy: Enforcement,
        access: Access,
        rooms: Sequence[Room],
        metrics: MirrorMetrics,
        metrics_page: Callable[[], str],
    ) -> None:
        self._metrics = metrics
        self._metrics_page = metrics_page
        self._pages = pages
        self._files = FileSender(store, downloads)
        self._gate = policy.gate
        self._access = access
        self._rooms = tuple(rooms)
        self._renderer = Renderer(policy.judge)
        self._lookup = FileLookup()
        self._prefix = ""

    def routes(self) -> list[web.RouteDef]:
        """What it answers itself."""
        return [
            web.get("/metrics", self._read_metrics),
            web.get("/livez", _live),
            web.get("/simple/{project}", self._slash),
            web.get("/simple/{project}/", self._page),
            web.get("/files/{upstream}/{project}/{path:.+}", self._file),
            web.get("/provenance/{upstream}/{project}/{filename}", self._provenance),
        ]

    def build(self, prefix: str = "") -> web.Application:
        """The application.

        Args:
            prefix: its routes are there with this before their paths, too, such as "/mirror": a proxy may leave it, or take it off.
        """
        app = web.Application(middlewares=[self._counted, _errors, self._guarded], client_max_size=1 << 20)
        for room in (self, *self._rooms):
            for route in room.routes():
                for before in dict.fromkeys(("", prefix)):
                    app.add_routes([web.RouteDef(route.method, before + route.path, route.handler, route.kwargs)])
        self._prefix = prefix
        return app

    @web.middleware
    async def _counted(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        kind = _KINDS.get(request.path.removeprefix(self._prefix).lstrip("/").partition("/")[0], "other")
        request[KIND] = kind
        request[ORIGIN] = self._access.proxies.origin(request)
        try:
            response = await handler(request)
        except web.HTTPException as error:
            self._metrics.answered(kind, error.status)
            raise
        self._metrics.answered(kind, response.status)
        return response

    @web.middleware
    async def _guarded(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        self._access.check_transport(request)
        return await handler(request)

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
        media_type, coding = media_type_of(request)
        self._access.check_read(request, project)
        found = await self._pages.get(project)
        base = self._access.proxies.base(request)
        page = await self._renderer.page(project, found, media_type, coding, base)
        headers = page_headers(media_type, coding, page.etag, found.age, self._access.is_protected(project))
        headers["X-Headrace-Upstream"] = found.source.name
        if found.page.serial is not None:
            headers["X-PyPI-Last-Serial"] = str(found.page.serial)
        if is_known(request, headers["ETag"]):
            return web.Response(status=304, headers=headers)
        return web.Response(body=page.body, headers=headers)

    async def _file(self, request: web.Request) -> web.StreamResponse:
        project, found = await self._project(request)
        path = request.match_info["path"]
        file = self._lookup.find(project, found, path)
        digest = sha256_of(file) if file is not None else None
        if file is not None and digest is not None:
            await self._gate.check(found.source, project, file, caller_of(request, self._access.name_of(request)))
            wanted = Wanted(found.source, digest, file["url"], _size(file))
            return await self._files.answer(request, wanted, file["filename"], self._access.file_headers(project))
        file = self._lookup.find(project, found, path.removesuffix(_METADATA)) if path.endswith(_METADATA) else None
        digest = metadata_sha256(file) if file is not None else None
        if file is not None and digest is not None:
            await self._gate.check(found.source, project, file, caller_of(request, self._access.name_of(request)))
            wanted = Wanted(found.source, digest, file["url"] + _METADATA, None)
            return await self._files.answer(request, wanted, file["filename"] + _METADATA, self._access.file_headers(project))
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
        self._access.check_read(request, project)
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
    except (web.HTTPException, asyncio.CancelledError):
        raise
    except ConnectionError:
        return web.Response(status=_GONE)
    except Exception:
        logger.exception("answering %s failed", request.path)
        return errors.response(InternalError("the mirror failed to answer this request; its log says why"))
