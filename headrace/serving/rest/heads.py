"""Classify and regress requests over REST, decoded, run and encoded on the workers' threads."""

from __future__ import annotations

import asyncio
import functools

from headrace.serving.dataplane import Dataplane
from headrace.serving.examples import first_value
from headrace.serving.heads import CLASSIFY, REGRESS, Head, Result
from headrace.serving.inference import Answer, start_head
from headrace.serving.pending import Pending
from headrace.serving.rest import decode, examples
from headrace.serving.rest.bodies import inflate
from headrace.serving.rest.runner import RunCall
from headrace.serving.workers import Workers

METHODS = {"classify": CLASSIFY, "regress": REGRESS}
"""The method of each action of a path."""


class HeadRunner:
    """Answers classify and regress requests.

    Args:
        dataplane: runs them.
        workers: the threads for what takes time.
        max_body_bytes: of an inflated body.
    """

    def __init__(self, dataplane: Dataplane, workers: Workers, max_body_bytes: int) -> None:
        self._dataplane = dataplane
        self._workers = workers
        self._max_body_bytes = max_body_bytes

    async def answer(self, call: RunCall) -> bytes:
        """The JSON that answers a request.

        Raises:
            OpError: whatever is wrong with the request, or happened to it.
        """
        begun = await asyncio.wrap_future(self._workers.submit(functools.partial(self._on_worker, call)))
        if isinstance(begun, bytes):
            return begun
        found = await begun
        return await asyncio.to_thread(examples.from_result, found.result)

    def _on_worker(self, call: RunCall) -> Pending[Answer[Result]] | bytes:
        """The answer, or for a request that is batched, what it waits for."""
        document = decode.parse(inflate(call.body, call.encoding, self._max_body_bytes))
        found, shared = examples.to_examples(document, call.target.action)
        call.context.first_value = functools.partial(first_value, found[0], shared)
        with self._dataplane.acquire(call.target.spec, call.context) as handle:
            head = Head(METHODS[call.target.action], document.signature)
            pending = start_head(self._dataplane, handle, head, found, shared, call.context)
            return examples.from_result(pending.result().result) if pending.done else pending
