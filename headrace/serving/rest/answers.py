"""Answers over HTTP: JSON, and errors in the form that TensorFlow Serving gives them."""

from __future__ import annotations

import logging
from typing import Any

import orjson
from starlette.responses import Response

from headrace.core.errors import InternalError, OpError, UnauthenticatedError
from headrace.serving.access.errors import RateLimitedError
from headrace.serving.rest.errors import PayloadTooLargeError, http_status

logger = logging.getLogger(__name__)


def json_answer(content: Any, status: int = 200) -> Response:
    """An answer with JSON."""
    return Response(orjson.dumps(content), status, media_type="application/json")


def error_answer(error: OpError) -> Response:
    """The answer to a request that failed."""
    message = error.message.encode("utf-8", "replace").decode()  # a request's name for something may hold lone surrogates
    response = json_answer({"error": message}, http_status(error))
    if isinstance(error, UnauthenticatedError):
        response.headers["www-authenticate"] = "Bearer"
    elif isinstance(error, RateLimitedError):
        response.headers["retry-after"] = str(error.retry_after_seconds)
    if isinstance(error, PayloadTooLargeError):
        response.headers["connection"] = "close"  # the rest of the body is not read
    return response


def failed() -> InternalError:
    """What a request is told for which the server failed; called where that is caught, since the log gets what was raised."""
    logger.exception("answering a request failed")
    return InternalError("the server failed to answer this request; its log says why")
