"""Requests that run a model, whatever their form: read, queued or run, answered.

Decoding a body of a few kilobytes costs less than handing it to a thread, so a small request for a signature that is
batched stays on the event loop until its batch runs. All others are decoded, run and encoded on the workers' threads.
"""

from __future__ import annotations

import abc
import asyncio
import functools
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar, cast

from headrace.core.errors import OpError
from headrace.serving.batching.batcher import Batcher
from headrace.serving.context import RequestContext, no_value
from headrace.serving.dataplane import Dataplane, Prediction
from headrace.serving.engines.base import DEFAULT_SIGNATURE
from headrace.serving.pending import Pending
from headrace.serving.rest.bodies import inflate
from headrace.serving.rest.paths import Target
from headrace.serving.servable import Handle
from headrace.serving.traces import timeline
from headrace.serving.workers import Workers

SMALL_BYTES = 16 << 10
"""Of requests that are read on the event loop, and of outputs that are written there."""


class Parsed(Protocol):
    """A request that was read."""

    @property
    def signature(self) -> str:
        """The signature that it asks for, "" for the usual one."""


@dataclass(slots=True)
class RunCall:
    """A request that runs a model.

    Attributes:
        encoding: its Content-Encoding.
        context: its circumstances.
        body: as sent, behind `padding` spaces.
        json_length: how many bytes of the body are JSON, as the V2 protocol's header says; "" without it.
        started: in `time.monotonic()` seconds.
        entered: the same in `time.perf_counter()` seconds.
        parsed: what its body says, once somebody has read it.
    """

    target: Target
    encoding: str
    context: RequestContext
    body: bytes = b""
    json_length: str = ""
    padding: int = 0
    started: float = field(default_factory=time.monotonic)
    entered: float = field(default_factory=time.perf_counter)
    parsed: Parsed | None = None


R = TypeVar("R", bound=Parsed)
A = TypeVar("A")
Begun = tuple[Pending[Prediction], Callable[[Prediction], A]]
"""What a request waits for, and what makes its answer of that."""


class Runner(abc.ABC, Generic[R, A]):
    """Answers requests of one form.

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

    async def answer(self, call: RunCall) -> A:
        """The answer to a request.

        Raises:
            OpError: whatever is wrong with the request, or happened to it.
        """
        try:
            begun: Begun[A] | A | None = self.begin(call)
            if begun is None:
                begun = await asyncio.wrap_future(self.begin_on_thread(call))
            if not isinstance(begun, tuple):
                return begun
            pending, write = begun
            prediction = await self._wait(call, pending)
            return write(prediction) if is_small(prediction) else await asyncio.to_thread(write, prediction)
        finally:
            self.leave(call)

    def begin(self, call: RunCall) -> Begun[A] | None:
        """Queues a small request that is batched, on the event loop; None for one that needs `begin_on_thread`.

        Raises:
            OpError: whatever is wrong with the request.
        """
        call.context.first_value = functools.partial(self._peek, call)
        return self._begin_here(call) if len(call.body) <= SMALL_BYTES and not call.encoding else None

    def begin_on_thread(self, call: RunCall) -> Future[Begun[A] | A]:
        """Has a thread begin a request for which `begin` gave None: to the end, unless it is batched.

        Raises:
            UnavailableError: too many requests wait for a thread.
        """
        timeline.begin(call.context.timeline, timeline.THREAD)
        return self._workers.submit(functools.partial(self._on_worker, call))

    def leave(self, call: RunCall) -> None:
        """Lets go of a request that was begun: it and its context would keep each other alive until the next collection."""
        call.context.first_value = no_value

    @abc.abstractmethod
    def _parse(self, call: RunCall, body: bytes) -> R:
        """Reads a body that is inflated."""

    @abc.abstractmethod
    def _first_value(self, request: R, name: str) -> object:
        """The first value of an input of a request, whose form is not checked yet; see `RequestContext.first_value`."""

    @abc.abstractmethod
    def _begin(self, call: RunCall, request: R, handle: Handle) -> Begun[A]:
        """Queues a request that is batched and runs any other."""

    async def _wait(self, call: RunCall, pending: Pending[Prediction]) -> Prediction:
        return await pending

    def _begin_here(self, call: RunCall) -> Begun[A] | None:
        """Queues a request on the event loop; None when it is not batched, or there is no such version."""
        try:
            handle = self._dataplane.acquire(call.target.spec, call.context)
        except OpError:  # the thread that reads the request says so, unless there is more to say about it
            return None
        with handle:
            if not handle.has_batches:
                return None
            request = self._read(call)
            batcher = handle.batcher(request.signature or DEFAULT_SIGNATURE)
            if batcher is None:
                return None
            self._hold(batcher)
            return self._begin(call, request, handle)

    def _read(self, call: RunCall) -> R:
        """What the body says; it is read once."""
        if call.parsed is None:
            timeline.begin(call.context.timeline, timeline.DECODE)
            call.parsed = self._parse(call, inflate(call.body, call.encoding, self._max_body_bytes))
        return cast("R", call.parsed)

    def _peek(self, call: RunCall, name: str) -> object:
        try:
            return self._first_value(self._read(call), name)
        except OpError:  # whoever answers the request says so
            return None

    def _hold(self, batcher: Batcher) -> None:
        """Lets the requests that this turn of the event loop decodes share a batch, rather than the first one run alone."""
        if batcher not in self._held:
            self._held.add(batcher)
            asyncio.get_running_loop().call_soon(self._resume, batcher)
            batcher.hold()

    def _resume(self, batcher: Batcher) -> None:
        self._held.remove(batcher)
        batcher.resume()

    def _on_worker(self, call: RunCall) -> Begun[A] | A:
        """The answer, or for a request that is batched, what it waits for."""
        timeline.end(call.context.timeline, timeline.THREAD)
        request = self._read(call)
        with self._dataplane.acquire(call.target.spec, call.context) as handle:
            pending, write = self._begin(call, request, handle)
        return write(pending.result()) if pending.done else (pending, write)


def is_small(prediction: Prediction) -> bool:
    """True when to write an answer takes less time than to hand it to a thread."""
    return sum(output.nbytes for output in prediction.outputs.values()) <= SMALL_BYTES
