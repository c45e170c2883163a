"""The time that a request may take."""

from __future__ import annotations

import asyncio
from types import TracebackType

from headrace.core.errors import DeadlineExceededError


class TimeLimit:
    """Ends what takes longer than `seconds` within an `async with` block. A class, not a generator: every request passes here.

    Raises:
        DeadlineExceededError: at the end of the block.
    """

    __slots__ = ("_seconds", "_timeout")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._timeout = asyncio.timeout(seconds)

    async def __aenter__(self) -> None:
        await self._timeout.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            await self._timeout.__aexit__(kind, error, traceback)
        except TimeoutError:
            raise DeadlineExceededError(f"the request took longer than {self._seconds:g} s") from None
