"""A mirror before an index whose faults can be switched on, and requests to it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp

from headrace.mirror.index.page import JSON_TYPE
from headrace.mirror.options import MirrorOptions, UpstreamOptions
from headrace.mirror.policy.rules import Policy
from headrace.mirror.server.process import running
from tests.mirror.index_server import IndexServer


@dataclass(frozen=True)
class Answer:
    """What the mirror sent. `broken` when the connection ended before the body did."""

    status: int
    headers: dict[str, str]
    body: bytes
    reason: str
    broken: bool = False


@dataclass(frozen=True)
class Setting:
    """A mirror that runs."""

    url: str
    index: IndexServer
    session: aiohttp.ClientSession

    async def get(self, path: str, method: str = "GET", **headers: str) -> Answer:
        """One request; `path` is below the mirror's URL, or a relative URL of a page."""
        url = f"{self.url}/{path.removeprefix(self.url).removeprefix('../../').lstrip('/')}"
        named = {key.replace("_", "-"): value for key, value in headers.items()}
        async with self.session.request(method, url, headers=named, allow_redirects=False) as response:
            body, broken = b"", False
            try:
                async for piece in response.content.iter_any():
                    body += piece
            except aiohttp.ClientError:
                broken = True
            found = {key.lower(): value for key, value in response.headers.items()}
            return Answer(response.status, found, body, response.reason or "", broken)

    async def page(self, project: str) -> dict[str, Any]:
        """A project's page as JSON."""
        url = f"{self.url}/simple/{project}/"
        async with self.session.get(url, headers={"Accept": JSON_TYPE}) as response:
            assert response.status == 200, await response.text()
            found: dict[str, Any] = await response.json(content_type=JSON_TYPE)
            return found


@contextlib.asynccontextmanager
async def mirroring(
    root: Path, index: IndexServer, policy: Policy | None = None, mirror: dict[str, Any] | None = None, **upstream: Any
) -> AsyncIterator[Setting]:
    """A mirror of an index that runs; `mirror` and `upstream` are settings other than the usual ones."""
    options = UpstreamOptions("main", index.url, timeout_seconds=30.0)
    settings = MirrorOptions(root, (replace(options, **upstream),), policy or Policy(), port=0, **(mirror or {}))
    async with serving(settings, index) as setting:
        yield setting


@contextlib.asynccontextmanager
async def serving(settings: MirrorOptions, index: IndexServer) -> AsyncIterator[Setting]:
    """A mirror that runs."""
    async with (
        running(settings) as url,
        aiohttp.ClientSession(skip_auto_headers=["Accept-Encoding"], auto_decompress=False) as session,
    ):
        yield Setting(url, index, session)


def with_mirror(root: Path, work: Callable[[Setting], Awaitable[None]], **upstream: Any) -> None:
    """Does something with a mirror of a new index."""

    async def run() -> None:
        async with IndexServer() as index, mirroring(root, index, **upstream) as setting:
            await work(setting)

    asyncio.run(asyncio.wait_for(run(), 120))
