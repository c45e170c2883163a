"""What the routes of the admin API share: who asks, and reading bodies."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
from starlette.requests import Request

from headrace.core.errors import DeadlineExceededError, InvalidArgumentError
from headrace.serving.rest.admission import caller_of
from headrace.serving.rest.bodies import read_body

MAX_BODY_BYTES = 8 << 20
_BODY_SECONDS = 30.0


def who(request: Request) -> str:
    """The name of who asks, for the audit log; without one, where the request comes from."""
    return caller_of(request) or f"anonymous@{request.client.host if request.client else 'unknown'}"


async def read_text(request: Request, limit: int = MAX_BODY_BYTES) -> bytes:
    """The body of a request of at most `limit` bytes.

    Raises:
        PayloadTooLargeError: it is longer.
        DeadlineExceededError: it takes longer than 30 s to arrive.
    """
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            return await read_body(request, limit)
    except TimeoutError:
        raise DeadlineExceededError(f"the request's body took longer than {_BODY_SECONDS:g} s to arrive") from None


async def read_json(request: Request, limit: int = MAX_BODY_BYTES) -> Any:
    """The JSON of a request.

    Raises:
        PayloadTooLargeError: the body is over `limit` bytes.
        DeadlineExceededError: it takes longer than 30 s to arrive.
        InvalidArgumentError: it is no JSON.
    """
    try:
        return orjson.loads(await read_text(request, limit))
    except orjson.JSONDecodeError as error:
        raise InvalidArgumentError(f"the request's body is no JSON: {error}") from None


def number(request: Request, name: str, default: int, highest: int) -> int:
    """A number from 1 to `highest` of the query.

    Raises:
        InvalidArgumentError: it is none.
    """
    text = request.query_params.get(name, str(default))
    if not (text.isascii() and text.isdecimal() and 1 <= int(text[:20]) <= highest):
        raise InvalidArgumentError(f"{name} is {text[:40]!r}; expected a number from 1 to {highest}")
    return int(text)
