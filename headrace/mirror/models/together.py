"""Work that many ask for at the same time and that is done once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Together(Generic[T]):
    """Tasks by key. All who ask for one while it is at work wait for it, and it goes on when they go. Used in one event loop."""

    def __init__(self) -> None:
        self._tasks: dict[Hashable, asyncio.Task[T]] = {}

    def begin(self, key: Hashable, make: Callable[[], Coroutine[Any, Any, T]]) -> asyncio.Task[T]:
        """The task at work for a key, which begins where there is none."""
        task = self._tasks.get(key)
        if task is None:
            task = self._tasks[key] = asyncio.create_task(make())
            task.add_done_callback(lambda done: self._ended(key, done))
        return task

    async def result(self, key: Hashable, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """What the task for a key ends with."""
        return await asyncio.shield(self.begin(key, make))

    async def close(self) -> None:
        """Ends all of it."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ended(self, key: Hashable, task: asyncio.Task[T]) -> None:
        del self._tasks[key]
        if not task.cancelled():
            task.exception()  # asked for here, since nobody else may
