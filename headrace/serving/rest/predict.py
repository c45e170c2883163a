"""Predict requests over REST.

Decoding a body of a few kilobytes costs less than handing it to a thread, so a small request for a signature that is
batched stays on the event loop until its batch runs. All others are decoded, run and encoded on the workers' threads.
"""

from __future__ import annotations

import asyncio
import functools
import time
from dataclasses import dataclass, field

from headrace.core.errors import InvalidArgumentError, OpError
from headrace.native import library
from headrace.serving.batching.batcher import Batcher
from headrace.serving.dataplane import Dataplane, Prediction
from headrace.serving.engines.base import DEFAULT_SIGNATURE
from headrace.serving.pending import Pending
from headrace.serving.rest import decode, encode
from headrace.serving.rest.bodies import inflate
from headrace.serving.rest.paths import Target
from headrace.serving.servable import Handle
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
        body: as sent, behind `padding` spaces.
        json_length: how many bytes of the body are JSON, as the V2 protocol's header says; "" without it.
        started: in `time.monotonic()` seconds.
        version: which version it turned out to be about, for the metrics.
    """

    target: Target
    encoding: str
    priority: int
    deadline: float
    body: bytes = b""
    json_length: str = ""
    padding: int = 0
    started: float = field(default_factory=time.monotonic)
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
        library.load()  # on a new machine it is compiled first: not under the first request

    async def answer(self, call: RunCall) -> bytes:
        """The JSON that answers a request.

        Raises:
            OpError: whatever is wrong with the request, or happened to it.
        """
        begun: Begun | bytes | None = None
        if len(call.body) <= _SMALL_BYTES and not call.encoding:
            begun = self._begin_here(call)
        if begun is None:
            begun = await asyncio.wrap_future(self._workers.submit(functools.partial(self._on_worker, call)))
        if isinstance(begun, bytes):
            return begun
        pending, layout = begun
        prediction = await pending
        if sum(output.nbytes for output in prediction.outputs.values()) <= _SMALL_BYTES:
            return encode.from_arrays(prediction.outputs, layout)
        return await asyncio.to_thread(encode.from_arrays, prediction.outputs, layout)

    def _begin_here(self, call: RunCall) -> Begun | None:
        """Queues a request on the event loop; None when it is not batched, or there is no such version."""
        try:
            handle = self._dataplane.models.acquire(call.target.spec)
        except OpError:  # the thread that reads the request says so, unless there is more to say about it
            return None
        with handle:
            if not handle.has_batches:
                return None
            document = decode.parse(call.body)
            batcher = handle.batcher(document.signature or DEFAULT_SIGNATURE)
            if batcher is None:
                return None
            self._hold(batcher)
            return self._begin(call, document, handle)

    def _hold(self, batcher: Batcher) -> None:
        """Lets the requests that this turn of the event loop decodes share a batch, rather than the first one run alone."""
        if batcher not in self._held:
            self._held.add(batcher)
            asyncio.get_running_loop().call_soon(self._resume, batcher)
            batcher.hold()

    def _resume(self, batcher: Batcher) -> None:
        self._held.remove(batcher)
        batcher.resume()

    def _on_worker(self, call: RunCall) -> Begun | bytes:
        """The answer, or for a request that is batched, what it waits for."""
        document = decode.parse(inflate(call.body, call.encoding, self._max_body_bytes))
        with self._dataplane.models.acquire(call.target.spec) as handle:
            pending, layout = self._begin(call, document, handle)
        return encode.from_arrays(pending.result().outputs, layout) if pending.done else (pending, layout)

    def _begin(self, call: RunCall, document: decode.Document, handle: Handle) -> Begun:
        """Queues a request that is batched and runs any other."""
        call.version = handle.version
        name = document.signature or DEFAULT_SIGNATURE
        signature = handle.signatures.get(name)
        if signature is None:
            raise InvalidArgumentError(f'Serving signature name: "{name}" not found in signature def')
        inputs, layout = decode.to_arrays(document, signature)
        return self._dataplane.start(handle, name, inputs, deadline=call.deadline, priority=call.priority), layout
