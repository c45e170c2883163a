"""Keeps other sites' pages, opened in an operator's browser, from using the admin API."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from headrace.core.errors import OpError, PermissionDeniedError
from headrace.serving.rest.answers import error_answer
from headrace.serving.rest.errors import UnsupportedMediaTypeError

PREFIX = "/admin/"
"""Of the paths of the admin API itself."""
CONTENT_TYPES = ("application/json", "text/plain")
"""Of requests that change something."""
_READING = ("GET", "HEAD")
_HEADERS = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cross-origin-resource-policy": "same-origin",
}


class Guard:
    """Checks the headers by which a browser tells where a request comes from, before the application sees the request.

    A page of another site can have a browser send requests here, and one whose name was made to point here (DNS rebinding) can
    read the answers too. So the Host must be a plain address, `localhost` or a name that was given; an Origin, where there is
    one, must be that Host; and what changes something comes as JSON or plain text, never as a form.

    Args:
        app: the application.
        names: host names that requests may give.
    """

    def __init__(self, app: ASGIApp, names: Iterable[str]) -> None:
        self._app = app
        self._names = {"localhost", *(name.lower() for name in names)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request (ASGI)."""

        async def give(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            self._check(scope["method"], scope["path"], Headers(scope=scope))
        except OpError as error:
            await error_answer(error)(scope, receive, give)
            return
        await self._app(scope, receive, give)

    def _check(self, method: str, path: str, headers: Headers) -> None:
        host = headers.get("host", "")
        if not self._is_ours(_split(host)):
            raise PermissionDeniedError(
                f"the Host of this request is {host[:100]!r}; expected an address, localhost, or a name given by --admin_host or"
                " --admin_allowed_host"
            )
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
            raise PermissionDeniedError(f"a page of {origin[:100]!r} sent this request; only this server's own page may")
        if path.startswith(PREFIX) and method not in _READING:
            kind = headers.get("content-type", "").partition(";")[0].strip().lower()
            if kind not in CONTENT_TYPES:
                raise UnsupportedMediaTypeError(f"the Content-Type is {kind[:100]!r}; expected {' or '.join(CONTENT_TYPES)}")

    def _is_ours(self, name: str) -> bool:
        if name in self._names:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True  # nobody can make a name point here and still be called by an address


def _split(host: str) -> str:
    """The name of a Host header, without the port."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
