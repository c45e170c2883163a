"""Who sends a request."""

from __future__ import annotations

from aiohttp import web

from headrace.mirror.audit import Caller

_MAX_AGENT = 300


def caller_of(request: web.Request, name: str = "") -> Caller:
    """Who sends a request; `name` is whose token it has, where that is known."""
    return Caller(request.remote or "", request.headers.get("User-Agent", "")[:_MAX_AGENT], name)
