"""Errors in the form of the OCI distribution specification."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from headrace.core.errors import OpError
from headrace.mirror.server.errors import http_status

_CODES = {
    400: "UNSUPPORTED",
    401: "UNAUTHORIZED",
    403: "DENIED",
    404: "NAME_UNKNOWN",
    409: "DENIED",
    413: "SIZE_INVALID",
    416: "BLOB_UPLOAD_INVALID",
    429: "TOOMANYREQUESTS",
}


class OciError(Exception):
    """A request cannot be answered, with the code that the specification has for that.

    Args:
        code: such as `BLOB_UNKNOWN`.
        status: of HTTP.
        message: for people.
        headers: of the answer.
    """

    def __init__(self, code: str, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.message = message
        self.headers = dict(headers or {})


def response(error: OciError | OpError) -> web.Response:
    """The answer that tells of an error."""
    if isinstance(error, OpError):
        status = http_status(error)
        error = OciError(_CODES.get(status, "UNKNOWN"), status, error.message)
    if error.status == 401:
        error.headers["WWW-Authenticate"] = 'Basic realm="headrace", charset="UTF-8"'
    body = {"errors": [{"code": error.code, "message": error.message, "detail": None}]}
    return web.json_response(body, status=error.status, headers=error.headers)
