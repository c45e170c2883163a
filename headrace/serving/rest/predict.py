"""Predict requests over REST.

Decoding a body of a few kilobytes costs less than handing it to a thread, so a small request for a signature that is
batched stays on the event loop until its batch runs. All others are decoded, run and encoded on the workers' threads.
"""

from __future__ import annotations

import asyncio
import functools
from dataclasses import dataclass

from headrace.core.errors import InvalidArgumentError, OpError
from headrace.serving.batching.batcher import Batcher
from headrace.serving.dataplane import Dataplane, Prediction
from headrace.serving.engines.base import DEFAULT_SIGNATURE
from headrace.serving.pending import Pending
from headrace.serving.rest import decode, encode
from headrace.serving.rest.bodies import inflate
from headrace.serving.rest.paths import Target
from headrace.serving.workers import Workers

_SMALL_BYTES = 16 << 10

Begun = tuple[Pending[Prediction], decode.Layout]


@dataclass(slots=True)
class RunCall:
    """A request that runs a model.

    Attributes:
        encoding: its Content-Encoding.
        priority: 0, the most urgent, to 7.
        deadline: in `time.monotonic()` seconds.
        body: as sent.
        version: which version it turned out to be about, for the metrics.
    """

    target: Target
    encoding: str
    priority: int
    deadline: float
    body: bytes = b""
    version: int | None = None


class Predictor:
    """Answers predict requests.

    Args:
        dataplane: runs them.
        workers: the threads for what takes time.
        max_body_bytes: of an inflated body.
    """

    def __init__(self, dataplane: Dataplane, workers: Workers, max_body_bytes: int) -> None:
        self._dataplane = dataplane
        self._workers = workers
        self._max_body_bytes = max_body_bytes
        self._held: set[Batcher] = set()

    async def answer(self, call: RunCall) -> bytes:
        """The JSON that answers a request.

        Raises:
            OpError: whatever is wrong with the request, or happened to it.
        """
        document = None
        begun: Begun | bytes | None = None
        if len(call.body) <= _SMALL_BYTES and not call.encoding and self._has_batches(call.target):
            document = decode.parse(call.body)
            begun = self._begin(call, document, batched_only=True)
        if begun is None:
            begun = await asyncio.wrap_future(self._workers.submit(functools.partial(self._on_worker, call, document)))
        if isinstance(begun, bytes):
            return begun
        pending, layout = begun
        prediction = await pending
        if sum(output.nbytes for output in prediction.outputs.values()) <= _SMALL_BYTES:
            return encode.from_arrays(prediction.outputs, layout)
        return await asyncio.to_thread(encode.from_arrays, prediction.outputs, layout)

    def _has_batches(self, target: Target) -> bool:
        try:
            with self._dataplane.models.acquire(target.spec) as handle:
                return handle.has_batches
        except OpError:  # comes again where the request is read
            return False

    def _hold(self, batcher: Batcher) -> None:
        """Lets the requests that this turn of the event loop decodes share a batch, rather than the first one run alone."""
        if batcher not in self._held:
            self._held.add(batcher)
            asyncio.get_running_loop().call_soon(self._resume, batcher)
            batcher.hold()

    def _resume(self, batcher: Batcher) -> None:
        self._held.remove(batcher)
        batcher.resume()

    def _on_worker(self, call: RunCall, document: decode.Document | None) -> Begun | bytes:
        """The answer, or for a request that is batched, what it waits for."""
        if document is None:
            document = decode.parse(inflate(call.body, call.encoding, self._max_body_bytes))
        begun = self._begin(call, document, batched_only=False)
        assert begun is not None
        pending, layout = begun
        return encode.from_arrays(pending.result().outputs, layout) if pending.done else begun

    def _begin(self, call: RunCall, document: decode.Document, batched_only: bool) -> Begun | None:
        """Queues or runs a request; None when it is not batched but only those are wanted."""
        with self._dataplane.models.acquire(call.target.spec) as handle:
            call.version = handle.version
            name = document.signature or DEFAULT_SIGNATURE
            signature = handle.signatures.get(name)
            if signature is None:
                raise InvalidArgumentError(f'Serving signature name: "{name}" not found in signature def')
            if batched_only:
                batcher = handle.batcher(name)
                if batcher is None:
                    return None
                self._hold(batcher)
            inputs, layout = decode.to_arrays(document, signature)
            return self._dataplane.start(handle, name, inputs, deadline=call.deadline, priority=call.priority), layout
