"""Yanks, un-yanks and removes files of private projects, for those who may."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

from aiohttp import web

from headrace.core.errors import InvalidArgumentError, OpError
from headrace.core.log_lines import fields
from headrace.mirror.audit import AuditLog
from headrace.mirror.index.names import normalize
from headrace.mirror.private.index import PrivateIndex
from headrace.mirror.private.uploaders import Uploader
from headrace.mirror.server.access import Access
from headrace.mirror.server.callers import caller_of

logger = logging.getLogger(__name__)

_KEYS = {"project", "version", "file", "reason"}
_MAX_REASON = 1000


class Management:
    """`POST /manage/ACTION` with a JSON object: "project", "version", and perhaps "file" and "reason".

    Args:
        private: the index.
        access: says who may.
        audit: told of changes, and of those that are refused.
    """

    def __init__(self, private: PrivateIndex, access: Access, audit: AuditLog) -> None:
        self._audit = audit
        self._private = private
        self._access = access

    def routes(self) -> list[web.RouteDef]:
        """What it answers."""
        return [web.post("/manage/{action:yank|unyank|remove}", self._answer)]

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        action = request.match_info["action"]
        try:
            uploader = self._access.uploader(request)
        except OpError as error:
            self._audit.record(action, "refused", caller_of(request), reason=error.message)
            raise
        caller = caller_of(request, uploader.name)
        try:
            names, what = await self._do(action, uploader, _asked(await request.read()))
        except OpError as error:
            self._audit.record(action, "refused", caller, reason=error.message)
            raise
        for name in names:
            logger.warning("managed", extra=fields(action=action, by=uploader.name, address=caller.address, file=name, **what))
            await asyncio.to_thread(self._audit.record, action, "done", caller, True, file=name, **what)
        return web.json_response({"action": action, "files": names})

    async def _do(self, action: str, uploader: Uploader, asked: dict[str, str]) -> tuple[list[str], dict[str, str]]:
        """The files that were changed, and what is to be noted of it."""
        project, reason = normalize(asked["project"]), asked["reason"]
        uploader.check(project, "manage")
        chosen = (project, asked["version"], asked["file"])
        if action == "remove":
            names = await asyncio.to_thread(self._private.remove, *chosen)
        else:
            names = await asyncio.to_thread(self._private.yank, *chosen, reason if action == "yank" else None)
        return names, {"project": project, "reason": reason}


def _asked(body: bytes) -> dict[str, str]:
    """The object of a request, with all its keys.

    Raises:
        InvalidArgumentError: it is none.
    """
    try:
        found: Any = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InvalidArgumentError(f"the request is no JSON: {error}") from None
    if not isinstance(found, dict) or not {"project", "version"} <= set(found) <= _KEYS:
        raise InvalidArgumentError('expected a JSON object with "project" and "version", and perhaps "file" and "reason"')
    if not all(isinstance(value, str) for value in found.values()):
        raise InvalidArgumentError("expected texts only in the JSON object")
    if len(found.get("reason", "")) > _MAX_REASON or any(ord(character) < 32 for character in found.get("reason", "")):
        raise InvalidArgumentError(f"a reason is one line of at most {_MAX_REASON} characters")
    return {"file": "", "reason": "", **found}
