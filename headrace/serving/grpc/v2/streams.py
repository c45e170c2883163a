"""Calls that stay open for many requests, each answered in order.

A stream has a thread of its own, which waits for the next request, since gRPC's server offers no other way to read one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from typing import Any

import grpc

from headrace.core.errors import DeadlineExceededError, OpError, ResourceExhaustedError, UnavailableError
from headrace.serving.grpc.calls import Handler, abort
from headrace.serving.grpc.errors import grpc_status

_LOOK_SECONDS = 0.5

Send = Callable[[bytes | None], None]
"""Sends a response, waiting until it is on its way; None ends the call."""

Answer = Callable[[bytes, Any], bytes]
"""Makes the response to a request, of its bytes and gRPC's context of the call; raises nothing."""


class _Stream:
    """One call, and its thread while `run` runs."""

    def __init__(self, requests: Iterator[bytes], context: Any, send: Send) -> None:
        self._requests = requests
        self._context = context
        self._send = send
        self._lock = threading.Lock()
        self._busy = self._ended = False
        self._ending: OpError | None = None
        self._used = time.monotonic()

    def run(self, answer: Answer) -> None:
        """Answers requests until the client has no more, or goes away, or `end` was called."""
        try:
            for data in self._requests:
                if not self._begin():
                    return
                self._send(answer(data, self._context))
                if self._pause():
                    return
        except grpc.RpcError:  # the client has gone away
            self._ended = True
        self.end(None)

    def idle_since(self, moment: float) -> bool:
        """True when no request was at work after `moment`, in `time.monotonic()` seconds."""
        with self._lock:
            return not (self._busy or self._ended) and self._used < moment

    def end(self, reason: OpError | None) -> None:
        """Ends the call after the request at work, if there is one; with an error when there is a reason."""
        with self._lock:
            self._ending = reason
            if self._busy or self._ended:
                return
            self._ended = True
        if reason is not None:
            self._context.set_code(grpc_status(reason))
            self._context.set_details(reason.message)
        self._send(None)

    def _begin(self) -> bool:
        with self._lock:
            self._busy = not self._ended
            return self._busy

    def _pause(self) -> bool:
        """A request is answered; true when it was the last one."""
        with self._lock:
            self._busy, self._used = False, time.monotonic()
        if self._ending is not None:
            self.end(self._ending)
        return self._ended


class Streams:
    """All open streams.

    Args:
        control: runs the first step of each call.
        limit: how many may be open; more are refused.
        idle_seconds: after so long without a request a stream is ended.
    """

    def __init__(self, control: Executor, limit: int, idle_seconds: float) -> None:
        self._control = control
        self._limit = limit
        self._idle_seconds = idle_seconds
        self._lock = threading.Lock()
        self._open: set[_Stream] = set()
        self._draining = threading.Event()
        self._thread = threading.Thread(target=self._look, name="grpc-streams", daemon=True)

    def start(self) -> None:
        """Starts to end idle streams."""
        self._thread.start()

    def drain(self) -> None:
        """Takes no more streams; those that are open end after the request at work."""
        with self._lock:
            self._draining.set()
            streams = list(self._open)
        for stream in streams:
            stream.end(UnavailableError("the server is ending; open a stream to another one"))

    def handler(self, answer: Answer, refusal_of: Callable[[Any], OpError | None]) -> Handler:
        """The handler of a method whose requests and responses both stream.

        Args:
            answer: makes each response.
            refusal_of: why a call is not let in, of gRPC's context of it.
        """

        def open_stream(requests: Iterator[bytes], context: Any, send: Send) -> None:
            stream = _Stream(requests, context, send)
            unwelcome = refusal_of(context)
            if unwelcome is not None:
                abort(context, unwelcome)
            with self._lock:
                if self._draining.is_set():
                    refusal: OpError | None = UnavailableError("the server is ending; ask another one")
                elif len(self._open) >= self._limit:
                    refusal = ResourceExhaustedError(f"{self._limit} streams are open, as many as this server lets be; try later")
                else:
                    refusal = None
                    self._open.add(stream)
            if refusal is not None:
                abort(context, refusal)
            threading.Thread(target=self._run, args=(stream, answer), name="grpc-stream", daemon=True).start()

        # The call goes on after `open_stream` returned: `send` ends it.
        open_stream.experimental_non_blocking = True  # type: ignore[attr-defined]
        open_stream.experimental_thread_pool = self._control  # type: ignore[attr-defined]
        return grpc.stream_stream_rpc_method_handler(open_stream)

    def _run(self, stream: _Stream, answer: Answer) -> None:
        try:
            stream.run(answer)
        finally:
            with self._lock:
                self._open.discard(stream)

    def _look(self) -> None:
        while not self._draining.wait(_LOOK_SECONDS):
            moment = time.monotonic() - self._idle_seconds
            with self._lock:
                idle = [stream for stream in self._open if stream.idle_since(moment)]
            for stream in idle:
                stream.end(DeadlineExceededError(f"no request came for {self._idle_seconds:g} s; open the stream again"))
