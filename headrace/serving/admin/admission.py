"""Lets those callers use the admin API that have the role for it."""

from __future__ import annotations

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from headrace.core.errors import OpError
from headrace.serving.access.callers import ADMIN
from headrace.serving.access.gate import Gate
from headrace.serving.admin.guard import PREFIX
from headrace.serving.rest.admission import Admission
from headrace.serving.rest.answers import error_answer


class AdminAdmission:
    """Asks for the role `admin` under /admin/. Other paths are the REST API's, which has rules of its own, or a page's.

    Args:
        app: the application.
        gate: knows callers; None lets everybody in.
    """

    def __init__(self, app: ASGIApp, gate: Gate | None) -> None:
        self._app = app
        self._admission = Admission(gate)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request (ASGI)."""
        if scope["path"].startswith(PREFIX):
            request = Request(scope, receive)
            try:
                self._admission.admit(request).check_role(ADMIN)
            except OpError as error:
                self._admission.refused(request, error)
                await error_answer(error)(scope, receive, send)
                return
        await self._app(scope, receive, send)
