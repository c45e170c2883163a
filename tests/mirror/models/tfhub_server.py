"""A hub of TF-Hub's protocol, and a mirror before it."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from aiohttp import web

from headrace.mirror.models.published import Published
from headrace.mirror.options import ModelOptions, UpstreamOptions
from headrace.mirror.policy.models import ModelPolicy
from headrace.mirror.policy.rules import Policy
from headrace.modelpack.files import ModelFile
from headrace.store.blobs import BlobStore
from headrace.store.index import open_index
from tests.mirror.index_server import IndexServer
from tests.mirror.setting import Setting, mirroring


@dataclass
class TfHubServer:
    """The hub. Archives are on another path, which it redirects to.

    Attributes:
        url: before handles, once it runs.
        archives: by the path of their handle.
        truncate: sends so many bytes less.
        down: answers 503.
        asked: counts requests by path.
    """

    url: str = ""
    archives: dict[str, bytes] = field(default_factory=dict)
    truncate: int = 0
    down: bool = False
    asked: Counter[str] = field(default_factory=Counter)

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/storage/{path:.+}", self._stored)
        app.router.add_get("/{path:.+}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.asked[request.path] += 1
        path = request.match_info["path"]
        if self.down:
            return web.Response(status=503)
        if path not in self.archives or request.query.get("tf-hub-format") != "compressed":
            return web.Response(status=404)
        return web.Response(status=302, headers={"Location": f"/storage/{path}?signed=1"})

    async def _stored(self, request: web.Request) -> web.StreamResponse:
        content = self.archives[request.match_info["path"]]
        response = web.StreamResponse()
        response.content_length = len(content)
        await response.prepare(request)
        await response.write(content[: len(content) - self.truncate])
        if self.truncate and request.transport is not None:
            request.transport.abort()
            return response
        await response.write_eof()
        return response


@contextlib.asynccontextmanager
async def tfhub_mirroring(
    root: Path,
    hub: TfHubServer,
    policy: ModelPolicy | None = None,
    private: Sequence[str] = (),
    mirror: dict[str, Any] | None = None,
    **models: Any,
) -> AsyncIterator[Setting]:
    """A mirror of a hub; `mirror` and `models` are settings other than the usual ones."""
    found = ModelOptions(tfhub=UpstreamOptions("tfhub", hub.url, timeout_seconds=30.0), **models)
    settings = {"models": found, "private": tuple(private), **(mirror or {})}
    async with IndexServer() as index, mirroring(root, index, Policy(models=policy or ModelPolicy()), settings) as setting:
        yield setting


def with_tfhub(root: Path, work: Callable[[Setting, TfHubServer], Awaitable[None]], **more: Any) -> None:
    """Does something with a mirror of a new hub."""

    async def run() -> None:
        async with TfHubServer() as hub, tfhub_mirroring(root, hub, **more) as setting:
            await work(setting, hub)

    asyncio.run(asyncio.wait_for(run(), 120))


def publish(root: Path, name: str, version: str, files: dict[str, bytes]) -> None:
    """Publishes a model on the mirror at `root`."""
    store, index = BlobStore(root), open_index(root)
    found = []
    for path, content in files.items():
        digest = hashlib.sha256(content).hexdigest()
        store.put(content, digest)
        found.append(ModelFile(path, digest, len(content)))
    Published(root, store, index).publish(name, version, found)
    index.close()
