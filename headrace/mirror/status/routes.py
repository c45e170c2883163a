"""The status page, and the JSON behind it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import asdict

from aiohttp import web

from headrace.core.errors import InvalidArgumentError
from headrace.mirror.index.names import normalize
from headrace.mirror.metrics import MirrorMetrics
from headrace.mirror.policy.metrics import PolicyMetrics
from headrace.mirror.status.assets import HEADERS, PAGE, Asset, assets
from headrace.mirror.status.search import Search
from headrace.mirror.status.watch import Watch

_MAX_SEARCH = 200
_PRIVATE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


class StatusRoutes:
    """Answers what is asked about the mirror itself.

    Args:
        watch: looks at the mirror.
        metrics: what was counted.
        policy: what was refused.
        search: looks for projects.
        check_read: raises UnauthenticatedError or PermissionDeniedError for a request that may not read what is told here. The
            page's own files tell nothing.
        check_project: the same for what is told of the project with a normal name.
    """

    def __init__(
        self,
        watch: Watch,
        metrics: MirrorMetrics,
        policy: PolicyMetrics,
        search: Search,
        check_read: Callable[[web.Request], None],
        check_project: Callable[[web.Request, str], None],
    ) -> None:
        self._watch = watch
        self._metrics = metrics
        self._policy = policy
        self._search = search
        self._check_read = check_read
        self._check_project = check_project

    def routes(self) -> list[web.RouteDef]:
        """`GET /` is the page; `/status.json` and `/status/search.json` are what it reads."""
        return [
            web.get("/", self._page),
            web.get("/status.json", self._status),
            web.get("/status/search.json", self._find),
            web.get("/status/{name}", self._asset),
        ]

    async def _page(self, request: web.Request) -> web.StreamResponse:
        return _given(request, assets()[PAGE])

    async def _asset(self, request: web.Request) -> web.StreamResponse:
        asset = assets().get(request.match_info["name"])
        if asset is None or request.match_info["name"] == PAGE:
            raise web.HTTPNotFound
        return _given(request, asset)

    async def _status(self, request: web.Request) -> web.StreamResponse:
        self._check_read(request)
        state = asdict(await asyncio.to_thread(self._watch.look))
        oldest = self._metrics.ages.oldest()
        for upstream in state["upstreams"]:
            upstream["oldest_page"] = oldest.get(upstream["name"])
        told = {
            "version": self._metrics.version,
            "started": self._metrics.started,
            "now": time.time(),
            **state,
            "counts": {**self._metrics.counts(), "refused": self._policy.refused_by_rule()},
            "refusals": [asdict(each) for each in self._policy.refusals.last],
        }
        return web.json_response(told, headers=_PRIVATE)

    async def _find(self, request: web.Request) -> web.StreamResponse:
        self._check_read(request)
        text = request.query.get("q", "")[:_MAX_SEARCH]
        with contextlib.suppress(InvalidArgumentError):
            self._check_project(request, normalize(text.strip()))
        return web.json_response(await asyncio.to_thread(self._search.find, text, time.time()), headers=_PRIVATE)


def _given(request: web.Request, asset: Asset) -> web.Response:
    headers = {**HEADERS, "ETag": asset.etag}
    if request.headers.get("If-None-Match") == asset.etag:
        return web.Response(status=304, headers=headers)
    return web.Response(body=asset.data, headers={**headers, "Content-Type": asset.content_type})
