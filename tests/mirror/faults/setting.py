"""A mirror before an upstream that lies."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, cast

from prometheus_client.parser import text_string_to_metric_families

from tests.mirror.faults.liar import Liar
from tests.mirror.index_server import IndexServer
from tests.mirror.setting import Setting, mirroring

AT_ONCE = {"fresh_seconds": 0.0, "revalidate_seconds": 0.0}
"""Pages are asked for each time."""


@contextlib.asynccontextmanager
async def before(root: Path, liar: Liar, mirror: dict[str, Any] | None = None, **upstream: Any) -> AsyncIterator[Setting]:
    """A mirror of the liar, which is impatient."""
    settings = {"timeout_seconds": 0.5, **AT_ONCE, **upstream}
    async with mirroring(root, cast(IndexServer, liar), mirror=mirror, **settings) as setting:
        yield setting


def with_liar(work: Callable[[Liar], Awaitable[None]]) -> None:
    """Does something with an upstream that lies."""

    async def run() -> None:
        async with Liar() as liar:
            await work(liar)

    asyncio.run(asyncio.wait_for(run(), 120))


async def events(setting: Setting, name: str) -> dict[str, float]:
    """What a counter of the mirror has counted, by event."""
    text = (await setting.get("metrics")).body.decode()
    families = {family.name: family for family in text_string_to_metric_families(text)}
    return {sample.labels["event"]: sample.value for sample in families[f"headrace_mirror_{name}"].samples}
