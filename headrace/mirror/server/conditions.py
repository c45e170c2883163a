"""Whether a client has what it asks for already (RFC 9110, section 13)."""

from __future__ import annotations

from aiohttp import web


def is_known(request: web.Request, etag: str) -> bool:
    """True when `If-None-Match` names `etag`, with its quotes, or anything at all. Weak tags compare as their strong ones."""
    header = ",".join(request.headers.getall("If-None-Match", []))
    given = [each.strip().removeprefix("W/") for each in header.split(",")]
    return etag in given or given == ["*"]
