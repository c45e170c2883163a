"""Clients of every kind behind the methods of `Client`."""

from __future__ import annotations

import asyncio
from typing import Any, Self

from headrace.client import AsyncClient, Client


class Blocking:
    """An AsyncClient whose coroutines are run to their ends, on one event loop."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._runner = asyncio.Runner()
        self._client = AsyncClient(*arguments, **options)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.run(self._client.close())
        self._runner.close()

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            async def run() -> Any:
                return await getattr(self._client, name)(*arguments, **options)

            return self._runner.run(run())

        return call


KINDS: dict[str, Any] = {"sync": Client, "async": Blocking}
