"""Inference requests."""

from __future__ import annotations

import asyncio
import functools
import time

from starlette.responses import Response

from headrace.core.errors import DeadlineExceededError
from headrace.serving.dataplane import Prediction
from headrace.serving.pending import Pending
from headrace.serving.rest.runner import Begun, RunCall, Runner
from headrace.serving.rest.v2.request import JsonInferRequest, parse
from headrace.serving.rest.v2.response import answer
from headrace.serving.servable import Handle
from headrace.serving.v2.infer import begin, first_value


class Inferrer(Runner[JsonInferRequest, Response]):
    """Answers inference requests, with JSON and binary data."""

    def _parse(self, call: RunCall, body: bytes) -> JsonInferRequest:
        return parse(body, call.json_length, call.padding)

    def _first_value(self, request: JsonInferRequest, name: str) -> object:
        return first_value(request, name)

    def _begin(self, call: RunCall, request: JsonInferRequest, handle: Handle) -> Begun[Response]:
        pending = begin(self._dataplane, handle, request, call.context, call.started)
        return pending, functools.partial(answer, handle.model, request)

    async def _wait(self, call: RunCall, pending: Pending[Prediction]) -> Prediction:
        """Waits no longer than the request's own timeout, which may be shorter than the server's."""
        try:
            async with asyncio.timeout(max(0.0, call.context.deadline - time.monotonic())):
                return await pending
        except TimeoutError:
            raise DeadlineExceededError("the time for this request ran out before the model had run") from None
