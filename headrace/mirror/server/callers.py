"""Who sends a request."""

from __future__ import annotations

from aiohttp import web

from headrace.mirror.audit import Caller
from headrace.mirror.server.forwarding import Origin

ORIGIN: web.RequestKey[Origin] = web.RequestKey("origin", Origin)
"""Where a request comes from, which is settled before it is answered."""
_MAX_AGENT = 300


def caller_of(request: web.Request, name: str = "") -> Caller:
    """Who sends a request; `name` is whose token it has, where that is known."""
    origin = request.get(ORIGIN)
    address = origin.address if origin is not None else request.remote or ""
    return Caller(address, request.headers.get("User-Agent", "")[:_MAX_AGENT], name)
