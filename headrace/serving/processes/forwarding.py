"""Requests of the REST API that come to the admin port of several processes: one of the workers answers each."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from headrace.core.errors import OpError, ResourceExhaustedError
from headrace.serving.admin.requests import read_text
from headrace.serving.rest.admission import CERTIFICATE_NAMES
from headrace.serving.rest.answers import error_answer

MAX_BODY_BYTES = 32 << 20
"""Of a request or an answer. The ports of clients have no such limit."""


class Forwarded:
    """An application that has every request answered elsewhere.

    Args:
        ask: has `answer` called with a text in one of the workers; raises OpError.
    """

    def __init__(self, ask: Callable[[str], Awaitable[str]]) -> None:
        self._ask = ask

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request (ASGI)."""
        request = Request(scope, receive)
        try:
            body = await read_text(request, MAX_BODY_BYTES)
            told = json.loads(await self._ask(json.dumps(_told(request, body))))
        except ClientDisconnect:
            return
        except OpError as error:
            await error_answer(error)(scope, receive, send)
            return
        response = Response(base64.b64decode(told["body"]), told["status"])
        response.raw_headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in told["headers"]]
        await response(scope, receive, send)


async def answer(app: ASGIApp, text: str) -> str:
    """What an application answers to a request that `Forwarded` took.

    Raises:
        ResourceExhaustedError: the answer is longer than may be passed on.
    """
    told = json.loads(text)
    scope = told["scope"]
    scope["raw_path"] = scope["raw_path"].encode("latin-1")
    scope["query_string"] = scope["query_string"].encode("latin-1")
    scope["headers"] = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in scope["headers"]]
    scope["state"] = {CERTIFICATE_NAMES: tuple(told["certificate_names"])}
    messages: list[Message] = [{"type": "http.request", "body": base64.b64decode(told["body"]), "more_body": False}]
    found: dict[str, Any] = {"status": 500, "headers": []}
    parts: list[bytes] = []

    async def receive() -> Message:
        if messages:
            return messages.pop()
        await asyncio.Event().wait()  # the client stays until it has its answer
        raise AssertionError

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            found["status"] = message["status"]
            found["headers"] = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in message["headers"]]
        else:
            parts.append(bytes(message.get("body", b"")))

    await app(scope, receive, send)
    if sum(map(len, parts)) > MAX_BODY_BYTES:
        raise ResourceExhaustedError(
            f"the answer is longer than the admin port passes on, {MAX_BODY_BYTES} bytes; ask the REST port"
        )
    return json.dumps(found | {"body": base64.b64encode(b"".join(parts)).decode()})


def _told(request: Request, body: bytes) -> dict[str, Any]:
    scope = request.scope
    kept: dict[str, Any] = {name: scope[name] for name in ("type", "asgi", "http_version", "method", "scheme", "path", "root_path")}
    kept |= {name: list(scope[name]) if scope.get(name) else None for name in ("client", "server")}
    kept["raw_path"] = scope["raw_path"].decode("latin-1")
    kept["query_string"] = scope["query_string"].decode("latin-1")
    kept["headers"] = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
    return {
        "scope": kept,
        "certificate_names": list(scope.get("state", {}).get(CERTIFICATE_NAMES, ())),
        "body": base64.b64encode(body).decode(),
    }
