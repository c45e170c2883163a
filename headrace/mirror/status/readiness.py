"""Whether requests should come to this mirror: what load balancers and Kubernetes ask."""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path

from aiohttp import web

logger = logging.getLogger(__name__)


class Readiness:
    """Ready while the folder is there and may be written to, until the mirror is told to end. Used in one event loop.

    Args:
        root: the folder of the mirror.
        copy: whether it is one that cannot be written to, and need not.
    """

    def __init__(self, root: Path, copy: bool = False) -> None:
        self._root = root
        self._copy = copy
        self._ending = False

    def routes(self) -> list[web.RouteDef]:
        """`GET /readyz`."""
        return [web.get("/readyz", self._answer)]

    async def drain(self, seconds: float) -> None:
        """Says from now on that it is not ready, and waits so long, in which others learn of it. Requests are still answered."""
        self._ending = True
        if seconds > 0:
            logger.info("not ready any more; requests are answered for %g s", seconds)
            await asyncio.sleep(seconds)

    async def _answer(self, _: web.Request) -> web.StreamResponse:
        reason = "it is about to end" if self._ending else await asyncio.to_thread(self._trouble)
        return web.json_response({"ready": not reason, "reason": reason}, status=503 if reason else 200)

    def _trouble(self) -> str:
        if self._copy:
            return "" if os.access(self._root / "blobs", os.R_OK | os.X_OK) else "its folder cannot be read"
        return "" if os.access(self._root / "partial", os.R_OK | os.W_OK | os.X_OK) else "its folder cannot be written to"
