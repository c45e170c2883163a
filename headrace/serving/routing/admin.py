"""The routes of the admin API about traffic rules."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from headrace.core.errors import InvalidArgumentError
from headrace.serving.admin.requests import read_json, who
from headrace.serving.rest.answers import error_answer, json_answer
from headrace.serving.routing.governor import ChangedError, Governor
from headrace.serving.routing.rules import MAX_BYTES

_PRECONDITION_FAILED = 412


class TrafficRoutes:
    """Shows and replaces rules, reports on variants, and takes them out of the traffic.

    Args:
        traffic: the rules at work.
    """

    def __init__(self, traffic: Governor) -> None:
        self._traffic = traffic

    def routes(self) -> list[Route]:
        """The routes."""
        return [
            Route("/admin/v1/traffic", self.show, methods=["GET"]),
            Route("/admin/v1/traffic", self.replace, methods=["PUT"]),
            Route("/admin/v1/traffic/{model:path}/report", self.report, methods=["GET"]),
            Route("/admin/v1/traffic/{model:path}:rollback", self.rollback, methods=["POST"]),
            Route("/admin/v1/traffic/{model:path}:resume", self.resume, methods=["POST"]),
        ]

    async def show(self, _: Request) -> Response:
        """The rules in force; the header ETag tells them from others."""
        return self._rules()

    async def replace(self, request: Request) -> Response:
        """Replaces all rules, with `If-Match` only those that its ETag names."""
        document = await read_json(request, MAX_BYTES)
        expected = request.headers.get("if-match")
        try:
            await asyncio.to_thread(self._traffic.replace, document, who(request), None if expected == "*" else expected)
        except ChangedError as error:
            response = error_answer(error)
            response.status_code = _PRECONDITION_FAILED
            return response
        return self._rules()

    async def report(self, request: Request) -> Response:
        """What the variants of a model did."""
        return json_answer(await asyncio.to_thread(self._traffic.report, request.path_params["model"]))

    async def rollback(self, request: Request) -> Response:
        """Takes a variant, the watched one where none is named, out of the traffic; answers the report."""
        document = await _optional_json(request)
        variant = document.get("variant", "")
        if document.keys() - {"variant"} or not isinstance(variant, str):
            raise InvalidArgumentError('the request is expected to be {"variant": NAME}, or empty')
        model = request.path_params["model"]
        return json_answer(await asyncio.to_thread(self._traffic.rollback, model, variant, who(request)))

    async def resume(self, request: Request) -> Response:
        """Gives the variants that were taken out their shares again; answers the report."""
        if await _optional_json(request):
            raise InvalidArgumentError("the request is expected to be empty")
        return json_answer(await asyncio.to_thread(self._traffic.resume, request.path_params["model"], who(request)))

    def _rules(self) -> Response:
        document, etag = self._traffic.current()
        response = json_answer(document)
        response.headers["etag"] = etag
        return response


async def _optional_json(request: Request) -> dict[str, Any]:
    """The object of a request, which may have no body."""
    if request.headers.get("content-length", "0") == "0" and "transfer-encoding" not in request.headers:
        return {}
    document = await read_json(request, MAX_BYTES)
    if not isinstance(document, dict):
        raise InvalidArgumentError("the request's body is no JSON object")
    return document
