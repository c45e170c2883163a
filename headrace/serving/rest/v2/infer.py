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
from headrace.serving.rest.v2.request import InferRequest, parse
from headrace.serving.rest.v2.response import answer
from headrace.serving.servable import Handle


class Inferrer(Runner[InferRequest, Response]):
    """Answers inference requests, with JSON and binary data."""

    def _parse(self, call: RunCall, body: bytes) -> InferRequest:
        return parse(body, call.json_length, call.padding)

    def _begin(self, call: RunCall, request: InferRequest, handle: Handle) -> Begun[Response]:
        context = call.context
        context.deadline = min(context.deadline, call.started + request.timeout_seconds)
        if request.priority is not None:
            context.priority = request.priority
        pending = self._dataplane.start(handle, request.signature, request.inputs, request.outputs, "Infer", context)
        return pending, functools.partial(answer, handle.model, request)

    async def _wait(self, call: RunCall, pending: Pending[Prediction]) -> Prediction:
        """Waits no longer than the request's own timeout, which may be shorter than the server's."""
        try:
            async with asyncio.timeout(max(0.0, call.context.deadline - time.monotonic())):
                return await pending
        except TimeoutError:
            raise DeadlineExceededError("the time for this request ran out before the model had run") from None
