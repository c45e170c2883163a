"""The page's files over HTTP, with the headers that let a browser load nothing else."""

from __future__ import annotations

import hashlib
import importlib.resources
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

_PAGE = "index.html"
_TYPES = {"html": "text/html; charset=utf-8", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
HEADERS = {
    "content-security-policy": (
        "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-cache",
}
"""Of every file. Scripts and styles come from this server only, and text never becomes markup (trusted types)."""


def routes() -> list[Route]:
    """`GET /` gives the page, `GET /console/NAME` each file that it needs. They tell nothing of the server."""
    folder = importlib.resources.files(__package__) / "page"
    files = {file.name: file.read_bytes() for file in folder.iterdir()}
    return [
        Route("/" if name == _PAGE else f"/console/{name}", _giver(data, _TYPES[name.rpartition(".")[2]]), methods=["GET"])
        for name, data in sorted(files.items())
    ]


def _giver(data: bytes, kind: str) -> Callable[[Request], Awaitable[Response]]:
    """What answers requests for one file."""
    tag = f'"{hashlib.sha256(data).hexdigest()[:16]}"'

    async def give(request: Request) -> Response:
        headers = {**HEADERS, "etag": tag}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(data, headers=headers, media_type=kind)

    return give
