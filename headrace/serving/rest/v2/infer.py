"""Inference requests, decoded, run and encoded on the workers' threads."""

from __future__ import annotations

import asyncio
import functools
import time

from starlette.responses import Response

from headrace.core.errors import DeadlineExceededError
from headrace.serving.dataplane import Dataplane, Prediction
from headrace.serving.pending import Pending
from headrace.serving.rest.bodies import inflate
from headrace.serving.rest.predict import RunCall
from headrace.serving.rest.v2.request import InferRequest, parse
from headrace.serving.rest.v2.response import answer
from headrace.serving.workers import Workers

Begun = tuple[Pending[Prediction], InferRequest]


class Inferrer:
    """Answers inference requests.

    Args:
        dataplane: runs them.
        workers: the threads for what takes time.
        max_body_bytes: of an inflated body.
    """

    def __init__(self, dataplane: Dataplane, workers: Workers, max_body_bytes: int) -> None:
        self._dataplane = dataplane
        self._workers = workers
        self._max_body_bytes = max_body_bytes

    async def answer(self, call: RunCall) -> Response:
        """The answer to a request.

        Raises:
            OpError: whatever is wrong with the request, or happened to it.
        """
        begun = await asyncio.wrap_future(self._workers.submit(functools.partial(self._on_worker, call)))
        if isinstance(begun, Response):
            return begun
        pending, request = begun
        try:
            async with asyncio.timeout(max(0.0, call.deadline - time.monotonic())):
                prediction = await pending
        except TimeoutError:
            raise DeadlineExceededError("the time for this request ran out before the model had run") from None
        return await asyncio.to_thread(answer, call.target.spec.name, request, prediction)

    def _on_worker(self, call: RunCall) -> Begun | Response:
        """The answer, or for a request that is batched, what it waits for."""
        request = parse(inflate(call.body, call.encoding, self._max_body_bytes), call.json_length, call.padding)
        call.deadline = min(call.deadline, call.started + request.timeout_seconds)
        priority = call.priority if request.priority is None else request.priority
        with self._dataplane.models.acquire(call.target.spec) as handle:
            call.version = handle.version
            pending = self._dataplane.start(
                handle, request.signature, request.inputs, request.outputs, "Infer", call.deadline, priority
            )
        return answer(handle.model, request, pending.result()) if pending.done else (pending, request)
