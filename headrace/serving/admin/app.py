"""The application of the admin port: the routes of all rooms, and the REST API beside them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from headrace.core.errors import CancelledError, InternalError, OpError
from headrace.serving.access.gate import Gate
from headrace.serving.admin.admission import AdminAdmission
from headrace.serving.admin.guard import PREFIX, Guard
from headrace.serving.rest.answers import error_answer, json_answer
from headrace.serving.rest.errors import PathNotFoundError


def admin_app(routes: Iterable[BaseRoute], rest: ASGIApp, names: Iterable[str] = (), gate: Gate | None = None) -> ASGIApp:
    """The application.

    Args:
        routes: what rooms contribute; they raise OpError for whatever goes wrong.
        rest: answers all other paths, so that a page served here can ask the models.
        names: host names that requests may give beside `localhost` and plain addresses.
        gate: knows who has the role `admin`; None lets everybody in who reaches the port.
    """

    async def others(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"].startswith(PREFIX):
            await error_answer(PathNotFoundError(f"the admin API has no {scope['path'][:200]}"))(scope, receive, send)
        else:
            await rest(scope, receive, send)

    answers: Any = {OpError: _refused, HTTPException: _not_allowed, ClientDisconnect: _gone, Exception: _failed}
    app = Starlette(routes=list(routes), exception_handlers=answers)
    app.router.default = others
    app.router.redirect_slashes = False
    return Guard(AdminAdmission(app, gate), names)


def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, OpError)
    return error_answer(error)


def _not_allowed(request: Request, error: Exception) -> Response:
    """What Starlette refuses by itself: a method that a path does not have."""
    assert isinstance(error, HTTPException)
    response = json_answer({"error": f"{request.method} {request.url.path}: {error.detail}"}, error.status_code)
    response.headers.update(error.headers or {})
    return response


def _gone(_: Request, __: Exception) -> Response:
    return error_answer(CancelledError("the client has gone away"))


def _failed(_: Request, __: Exception) -> Response:
    """A fault of ours: its traceback, which Starlette raises on, is for the log."""
    return error_answer(InternalError("the server failed to answer this request; its log says why"))
