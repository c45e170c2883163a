"""A mirror before a hub of Hugging Face's protocol."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from headrace.mirror.options import ModelOptions, UpstreamOptions
from headrace.mirror.policy.models import ModelPolicy
from headrace.mirror.policy.rules import Policy
from tests.mirror.index_server import IndexServer
from tests.mirror.models.hub_server import HubServer
from tests.mirror.setting import Answer, Setting, mirroring


@dataclass(frozen=True)
class HubSetting:
    """A mirror that runs, and its hub."""

    mirror: Setting
    hub: HubServer

    @property
    def endpoint(self) -> str:
        """What HF_ENDPOINT is set to."""
        return f"{self.mirror.url}/hf"

    async def get(self, path: str, method: str = "GET", **headers: str) -> Answer:
        """One request; `path` is below the endpoint."""
        return await self.mirror.get(f"hf/{path}", method, **headers)


@contextlib.asynccontextmanager
async def hub_mirroring(
    root: Path, hub: HubServer, policy: ModelPolicy | None = None, token: str = "", offline: bool = False, **upstream: Any
) -> AsyncIterator[HubSetting]:
    """A mirror of a hub; `upstream` are settings other than the usual ones."""
    options = replace(UpstreamOptions("huggingface", hub.url, timeout_seconds=30.0), **upstream)
    models = ModelOptions(options, token)
    rules = Policy(models=policy or ModelPolicy())
    async with IndexServer() as index, mirroring(root, index, rules, {"models": models, "offline": offline}) as setting:
        yield HubSetting(setting, hub)


def with_hub(root: Path, work: Callable[[HubSetting], Awaitable[None]], **more: Any) -> None:
    """Does something with a mirror of a new hub."""

    async def run() -> None:
        async with HubServer() as hub, hub_mirroring(root, hub, **more) as setting:
            await work(setting)

    asyncio.run(asyncio.wait_for(run(), 120))
