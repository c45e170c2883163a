"""The one table from errors to HTTP statuses, and the answer that tells of one."""

from __future__ import annotations

from aiohttp import web

from headrace.core import errors

_STATUS = {
    "INVALID_ARGUMENT": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "FAILED_PRECONDITION": 409,
    "RESOURCE_EXHAUSTED": 507,
    "DATA_LOSS": 502,
    "ABORTED": 502,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
_MAX_REASON = 400


def http_status(error: errors.OpError) -> int:
    """The status that tells of an error."""
    return _STATUS.get(error.code, 500)


def response(error: errors.OpError) -> web.Response:
    """The answer that tells of an error: in its body, and in its reason phrase, which pip shows."""
    line = " ".join(error.message.split())
    reason = "".join(each if " " <= each <= "~" else "?" for each in line)[:_MAX_REASON]
    status = http_status(error)
    headers = {"WWW-Authenticate": 'Basic realm="headrace mirror"'} if status == 401 else {}
    return web.Response(text=f"{error.message}\n", status=status, reason=reason, headers=headers)
