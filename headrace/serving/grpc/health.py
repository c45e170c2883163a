"""grpc.health.v1: is the server alive, and can it predict?"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any

import grpc

from headrace.core.errors import NotFoundError, OpError, ResourceExhaustedError
from headrace.proto.messages import message
from headrace.serving.dataplane import Dataplane
from headrace.serving.grpc import model_service, prediction
from headrace.serving.grpc.calls import Call, Handler, Method, abort, read
from headrace.serving.grpc.v2 import service as inference

SERVICE = "grpc.health.v1.Health"
MAX_WATCHERS = 1000
_LOOK_SECONDS = 0.5
_PREDICTING = (prediction.SERVICE, inference.SERVICE)
_Request = message("grpc.health.v1.HealthCheckRequest")
_Response = message("grpc.health.v1.HealthCheckResponse")
_Status = _Response.ServingStatus


class _Watcher:
    """A Watch call: told its service's status first, then every change."""

    def __init__(self, service: str, send: Callable[[bytes | None], None]) -> None:
        self.service = service
        self._send = send
        self._told: int | None = None

    def tell(self, status: int) -> None:
        """Sends the status unless it was the last one sent."""
        if status != self._told:
            self._told = status
            self._send(_Response(status=status).SerializeToString())

    def end(self) -> None:
        """Ends the call."""
        self._send(None)


class Health:
    """The server as a whole (""), and each service by its full name.

    The services that predict are SERVING while every model has an AVAILABLE version. All are NOT_SERVING once the server drains.

    Args:
        dataplane: says whether it can predict, and whether the server drains.
        control: runs the calls.
    """

    def __init__(self, dataplane: Dataplane, control: Executor) -> None:
        self._dataplane = dataplane
        self._control = control
        self._lock = threading.Lock()
        self._watchers: set[_Watcher] = set()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, name="grpc-health", daemon=True)

    def start(self) -> None:
        """Starts to tell watchers of changes."""
        self._thread.start()

    def end(self) -> None:
        """Tells watchers that nothing is SERVING, and ends their calls; the server drains."""
        with self._lock:
            self._ended.set()
        self._thread.join()
        with self._lock:
            watchers, self._watchers = self._watchers, set()
        for watcher in watchers:
            watcher.tell(self._status(watcher.service))
            watcher.end()

    def methods(self) -> dict[str, Method]:
        """The methods with one response, by path."""
        return {f"/{SERVICE}/Check": Method(_Request, self.check, pool=self._control, open=True)}

    def handlers(self) -> dict[str, Handler]:
        """The handlers of the methods that stream, by path."""

        def watch(data: bytes, context: Any, send: Callable[[bytes | None], None]) -> None:
            try:
                self._watch(read(_Request, data).service, context, send)
            except OpError as error:
                abort(context, error)

        # A watcher keeps no thread: gRPC's server calls `send` whenever there is something to say.
        watch.experimental_non_blocking = True  # type: ignore[attr-defined]
        watch.experimental_thread_pool = self._control  # type: ignore[attr-defined]
        return {f"/{SERVICE}/Watch": grpc.unary_stream_rpc_method_handler(watch)}

    def check(self, request: Any, _: Call) -> Any:
        """The status of a service.

        Raises:
            NotFoundError: there is no such service.
        """
        status = self._status(request.service)
        if status == _Status.Value("SERVICE_UNKNOWN"):
            raise NotFoundError(f"there is no service {request.service!r} here; leave the name empty for the server as a whole")
        return _Response(status=status)

    def _watch(self, service: str, context: Any, send: Callable[[bytes | None], None]) -> None:
        # No status is sent under the lock: sending waits for gRPC's thread, which may wait for the lock in `_forget`.
        watcher = _Watcher(service, send)
        watcher.tell(self._status(service))
        with self._lock:
            if len(self._watchers) >= MAX_WATCHERS:
                raise ResourceExhaustedError(f"{MAX_WATCHERS} clients watch the health already; call Check in place of Watch")
            ending = self._ended.is_set()
            if not ending:
                self._watchers.add(watcher)
        if ending:
            watcher.end()
        elif not context.add_callback(lambda: self._forget(watcher)):
            self._forget(watcher)

    def _forget(self, watcher: _Watcher) -> None:
        with self._lock:
            self._watchers.discard(watcher)

    def _look(self) -> None:
        while not self._ended.wait(_LOOK_SECONDS):
            with self._lock:
                watchers = list(self._watchers)
            for watcher in watchers:
                watcher.tell(self._status(watcher.service))

    def _status(self, service: str) -> int:
        if service not in ("", SERVICE, *_PREDICTING, model_service.SERVICE):
            return int(_Status.Value("SERVICE_UNKNOWN"))
        predicting = service in _PREDICTING
        serving = self._dataplane.ready if predicting else not self._dataplane.draining.is_set()
        return int(_Status.Value("SERVING" if serving else "NOT_SERVING"))
