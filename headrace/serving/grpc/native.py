"""The front end whose HTTP/2 is done by pygrpc-native, outside the interpreter's lock.

Calls that run models are taken from it in bunches. One that waits for a batch is begun on the thread that takes it and holds none,
so as many share a batch as there are clients. All other calls are handed on, over a Unix socket, to grpcio's server.
"""

from __future__ import annotations

import functools
import logging
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headrace.core.errors import CODES, InternalError, InvalidArgumentError, OpError, ResourceExhaustedError, UnavailableError
from headrace.serving.batching.batcher import Batcher
from headrace.serving.grpc.calls import Answering, Method
from headrace.serving.grpc.errors import details, trailers
from headrace.serving.grpc.options import GrpcOptions
from headrace.serving.workers import Workers

if TYPE_CHECKING:
    from pygrpc_native import NativeGrpcFront
    from pygrpc_native._native import DetailedEvent

logger = logging.getLogger(__name__)

EVENTS = 64
"""Calls taken at once; no batch of theirs runs before the last one is begun."""
SMALL_BYTES = 16 << 10
"""Of requests that are read on the thread that takes them; to hand one on costs more than to read so much."""
_LOOK_SECONDS = 0.02
_SETTINGS = {"keepalive_time_ms": 60_000, "keepalive_timeout_ms": 20_000, "max_metadata_size": 16 << 10}


class _Rpc:
    """A call, with those of grpcio's methods that answering one needs.

    Args:
        metadata: what the client sent along.
        peer: the client's address.
        seconds: until its deadline; None without one.

    Attributes:
        headers: what the answer brings as its initial metadata.
    """

    __slots__ = ("_active", "_deadline", "_ended", "_leave", "_metadata", "_peer", "headers")

    def __init__(self, metadata: Sequence[tuple[str, str | bytes]], peer: str, seconds: float | None) -> None:
        self._metadata = metadata
        self._peer = peer
        self._deadline = None if seconds is None else time.monotonic() + seconds
        self._active = True
        self._ended = False
        self._leave: Callable[[], None] | None = None
        self.headers: Sequence[tuple[str, str | bytes]] = ()

    def time_remaining(self) -> float | None:
        return None if self._deadline is None else max(0.0, self._deadline - time.monotonic())

    def is_active(self) -> bool:
        return self._active

    def invocation_metadata(self) -> Sequence[tuple[str, str | bytes]]:
        return self._metadata

    def peer(self) -> str:
        return self._peer

    def auth_context(self) -> Mapping[str, Sequence[bytes]]:
        """Nothing: there is no TLS here."""
        return {}

    def send_initial_metadata(self, metadata: Sequence[tuple[str, str | bytes]]) -> None:
        self.headers = metadata

    def begun(self, leave: Callable[[], None]) -> None:
        """The call waits now; `leave` is to be called if its client goes away."""
        self._leave = leave
        if not self._active:
            leave()
        if self._ended:  # by another thread, before this one came here
            self._leave = None

    def gone(self) -> None:
        """Its client has gone away, or its time is over."""
        self._active = False
        leave = self._leave
        if leave is not None:
            leave()

    def ended(self) -> None:
        """It is answered. What would call it off is let go: it knows this object, and both would stay until a collection."""
        self._ended = True
        self._leave = None


class _Bunch:
    """Calls that were taken together and are begun one after the other: no batch runs before the last one is queued."""

    def __init__(self) -> None:
        self._held: list[Batcher] = []

    def hold(self, batcher: Batcher) -> None:
        """Has a batcher wait until the end."""
        if batcher not in self._held:
            self._held.append(batcher)
            batcher.hold()

    def end(self) -> None:
        """All are begun."""
        for batcher in self._held:
            batcher.resume()
        self._held.clear()


class NativeFront:
    """Listens on a TCP port, in plain text.

    Args:
        target: the address, such as `127.0.0.1:8500`; port 0 takes a free one.
        methods: by path; those that run models are answered here.
        answering: answers them.
        workers: the threads of requests that do not wait for a batch, and of large ones.
        options: the limit of a request, and whether other processes share the port.

    Attributes:
        port: the port that it listens on.
        behind: where grpcio's server must listen for the other calls.

    Raises:
        InvalidArgumentError: the package is not installed.
        UnavailableError: the address cannot be listened on.
    """

    def __init__(
        self, target: str, methods: Mapping[str, Method], answering: Answering, workers: Workers, options: GrpcOptions
    ) -> None:
        paths = [path for path, method in methods.items() if method.api]
        self._methods = [methods[path] for path in paths]
        self._answering = answering
        self._workers = workers
        self._max_message_bytes = options.max_message_bytes
        self._front = _listen(target, paths, options.shared_port)
        self._calls: dict[int, _Rpc] = {}
        self._deadline = float("inf")
        self._ending = False
        self._folder = Path(tempfile.mkdtemp(prefix="headrace-grpc-"))
        self._thread = threading.Thread(target=self._receive, name="grpc-native", daemon=True)
        self.behind = self._folder / "socket"
        self.port = self._front.bound_port

    def start(self) -> None:
        """Takes calls; grpcio's server listens already."""
        self._front.set_fallback(str(self.behind))
        self._front.start()
        self._thread.start()

    def drain(self, grace: float, others: threading.Event) -> threading.Event:
        """Takes no more calls, and gives those in progress `grace` seconds.

        Args:
            grace: seconds; a further call may shorten it.
            others: says that the server behind has ended its calls.

        Returns:
            Says that all have ended.
        """
        self._deadline = min(self._deadline, time.monotonic() + grace)
        self._ending = True
        ended = threading.Event()
        threading.Thread(target=self._end, args=(others, ended), name="grpc-native-end", daemon=True).start()
        return ended

    def close(self) -> None:
        """Ends the connections and the thread; after `drain`."""
        self._front.close()
        if self._thread.ident is not None:
            self._thread.join()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _end(self, others: threading.Event, ended: threading.Event) -> None:
        while self._calls and time.monotonic() < self._deadline:
            time.sleep(_LOOK_SECONDS)
        others.wait(max(0.0, self._deadline - time.monotonic()))
        self._front.close()
        for rpc in list(self._calls.values()):
            rpc.gone()
        ended.set()

    def _receive(self) -> None:
        try:
            while (events := self._front.recv_batch_details(EVENTS)) is not None:
                bunch = _Bunch() if len(events) > 1 else None
                try:
                    self._take_all(events, bunch.hold if bunch is not None else None)
                finally:
                    if bunch is not None:
                        bunch.end()
        except BaseException:  # the package's panics are no Exceptions; calls that it had taken would wait for ever
            logger.exception("taking gRPC calls failed; the port is closed")
            self._front.close()

    def _take_all(self, events: Sequence[DetailedEvent], hold: Callable[[Batcher], None] | None) -> None:
        for _, number, method, data, _, told in events:
            if data is None or told is None:
                rpc = self._calls.get(number)
                if rpc is not None:
                    rpc.gone()
                continue
            try:
                self._take(number, self._methods[method], data, _Rpc(*told), hold)
            except Exception:  # this thread has the calls of all clients
                logger.exception("taking a call failed")
                self._calls.pop(number, None)
                self._front.fail(number, CODES[InternalError.code], "the server failed to answer this request")

    def _take(self, number: int, method: Method, data: bytes, rpc: _Rpc, hold: Callable[[Batcher], None] | None) -> None:
        """Begins the answer to a call, here or on a worker."""
        self._calls[number] = rpc
        done = functools.partial(self._give, number, rpc)
        if self._ending:
            done(UnavailableError("the server is ending; ask another one"))
        elif len(data) > self._max_message_bytes:
            done(ResourceExhaustedError(f"the request has {len(data)} bytes; at most {self._max_message_bytes} are taken"))
        elif len(data) > SMALL_BYTES or not self._begin(method, data, rpc, done, hold):
            try:
                self._workers.run(functools.partial(self._work, method, data, rpc, done))
            except UnavailableError as error:
                done(self._answering.refuse(method, error))

    def _begin(
        self,
        method: Method,
        data: bytes,
        rpc: _Rpc,
        done: Callable[[bytes | OpError], None],
        hold: Callable[[Batcher], None] | None = None,
    ) -> bool:
        """True when the call waits for a batch, or is answered; false when it needs a thread."""
        leave = self._answering.start(method, data, rpc, done, hold)
        if leave is None:
            return False
        rpc.begun(leave)
        return True

    def _work(self, method: Method, data: bytes, rpc: _Rpc, done: Callable[[bytes | OpError], None]) -> None:
        """What a worker does for a call."""
        if len(data) <= SMALL_BYTES or not self._begin(method, data, rpc, done):
            done(self._answering.answer(method, data, rpc))

    def _give(self, number: int, rpc: _Rpc, response: bytes | OpError) -> None:
        self._calls.pop(number, None)
        rpc.ended()
        if isinstance(response, OpError):
            told = [each for each in trailers(response) if not each[0].startswith("grpc-")]  # it keeps those names to itself
            self._front.fail(number, CODES[response.code], details(response), trailing_metadata=(*rpc.headers, *told))
        elif rpc.headers:
            self._front.respond(number, response, initial_metadata=rpc.headers)
        else:
            self._front.respond(number, response)


def _listen(target: str, paths: Sequence[str], shared: bool) -> NativeGrpcFront:
    try:
        import pygrpc_native  # noqa: PLC0415  there are no wheels of it for some platforms
    except ImportError as error:
        raise InvalidArgumentError(
            f"the native gRPC front end cannot be used ({error}); install it with: pip install 'headrace[serving]'"
        ) from None
    threads = 1 if (os.cpu_count() or 1) < 4 else 2
    settings: dict[str, Any] = {**_SETTINGS, "io_threads": threads, "call_details": True, "reuse_port": shared}
    try:
        return pygrpc_native.NativeGrpcFront(target, [(path, False) for path in paths], **settings)
    except OSError as error:
        raise UnavailableError(f"cannot listen for gRPC on {target}; choose another address or port ({error})") from None
