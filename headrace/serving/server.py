"""The model server as a process: models, REST, signals, start and end."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import uvicorn

from headrace.core.errors import UnavailableError
from headrace.serving.dataplane import Dataplane
from headrace.serving.engines.base import Engine
from headrace.serving.engines.native import NativeEngine
from headrace.serving.lifecycle import LifecycleOptions, ModelLifecycle
from headrace.serving.logs import fields
from headrace.serving.metrics import ServingMetrics
from headrace.serving.models import Models
from headrace.serving.rest.app import RestApp, RestOptions
from headrace.serving.workers import Workers

logger = logging.getLogger(__name__)

_LEAST_GRACE_SECONDS = 1.0


def default_threads() -> int:
    """Four threads a core, as in TensorFlow Serving, but at most 32."""
    return min(4 * (os.cpu_count() or 1), 32)


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """What to serve and how.

    Attributes:
        base_path: holds one numbered directory a version.
        model_name: what requests call the model.
        rest_host: the address to listen on.
        rest_port: 0 takes a free one.
        rest_threads: requests that run at once.
        rest_max_waiting: requests that may wait for a thread; more are answered 503.
        grace_seconds: for requests and loads in progress when the server is told to end.
        public_key: a PEM file; only versions that are signed with its key are served.
        expected_digest: only a version with this digest is served.
    """

    base_path: Path
    model_name: str = "default"
    rest_host: str = "127.0.0.1"
    rest_port: int = 0
    rest_threads: int = field(default_factory=default_threads)
    rest_max_waiting: int = 1024
    grace_seconds: float = 25.0
    public_key: Path | None = None
    expected_digest: str | None = None
    lifecycle: LifecycleOptions = field(default_factory=LifecycleOptions)
    rest: RestOptions = field(default_factory=RestOptions)


class ModelServer:
    """Serves one model over REST until it is told to end.

    Args:
        options: what to serve and how.
        engine: what runs the model; Headrace's own runtime by default.
        on_ready: called with the URL once requests are answered.
    """

    def __init__(self, options: ServerOptions, engine: Engine | None = None, on_ready: Callable[[str], None] = print) -> None:
        self._options = options
        self._on_ready = on_ready
        self._ending = threading.Event()
        self._deadline = math.inf
        self._metrics = ServingMetrics()
        lifecycle = ModelLifecycle(
            options.model_name,
            options.base_path,
            engine or NativeEngine(options.public_key, options.expected_digest),
            options.lifecycle,
            on_load=self._metrics.loaded,
        )
        self.models = Models([lifecycle])
        self._http: _HttpServer | None = None

    def run(self) -> None:
        """Loads the models, then listens; returns when `end` was called (or SIGTERM or SIGINT came) and all has drained.

        Raises:
            UnavailableError: the address cannot be listened on.
        """
        options = self._options
        with _bound_socket(options.rest_host, options.rest_port) as listener, self._signals():
            self.models.start()
            try:
                while not self._ending.is_set() and not self.models.wait_settled(0.1):
                    pass
                if not self._ending.is_set():
                    self._serve(listener)
            finally:
                self.end()
                self.models.stop(max(self._deadline - time.monotonic(), _LEAST_GRACE_SECONDS))
        logger.info("ended")

    def end(self) -> None:
        """Stops accepting requests and lets `run` return once those in progress are answered. Callable from any thread."""
        if not self._ending.is_set():
            self._deadline = time.monotonic() + self._options.grace_seconds
            self._ending.set()
        if self._http is not None:
            self._http.should_exit = True

    def _serve(self, listener: socket.socket) -> None:
        options = self._options
        workers = Workers(options.rest_threads, options.rest_max_waiting, lambda seconds: self._metrics.queued("REST", seconds))
        app = RestApp(Dataplane(self.models, self._metrics), self._metrics, workers, options.rest)
        config = uvicorn.Config(
            app,
            lifespan="off",
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=max(1, round(options.grace_seconds - _LEAST_GRACE_SECONDS)),
        )
        self._http = _HttpServer(config, lambda: self._announce(listener))
        self._http.should_exit = self._ending.is_set()
        started = time.monotonic()
        self._http.run(sockets=[listener])
        logger.info("no request is left", extra=fields(served_seconds=round(time.monotonic() - started, 1)))
        workers.stop(_LEAST_GRACE_SECONDS)

    def _announce(self, listener: socket.socket) -> None:
        host, port = listener.getsockname()[:2]
        self._on_ready(f"http://{f'[{host}]' if ':' in host else host}:{port}")

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """SIGTERM and SIGINT end the server; a second one does not wait for requests in progress."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self._on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        if self._ending.is_set() and self._http is not None:
            self._http.force_exit = True
        self.end()


class _HttpServer(uvicorn.Server):
    """uvicorn, less its signal handling (which would end the process by the signal it got), plus word when it listens."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._tell_ready = on_ready

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves signals to ModelServer."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listens."""
        await super().startup(sockets)
        if self.started:
            self._tell_ready()


def announce(url: str, model: str) -> None:
    """Prints the one line that says the server is ready."""
    print(f"Headrace serves model {model!r} on {url}/v1/models/{model}", flush=True)


def _bound_socket(host: str, port: int) -> socket.socket:
    """A socket bound now, so that a port in use shows before models load; it listens only when they are ready."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise UnavailableError(f"cannot listen on {host}:{port}: {error.strerror}; choose another address or port") from None
    return listener
