"""The model server as a process: models, REST and gRPC, signals, start and end."""

from __future__ import annotations

import contextlib
import functools
import logging
import math
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from headrace.console import files as console
from headrace.core.errors import InvalidArgumentError
from headrace.core.log_lines import fields
from headrace.proto.serving import ModelServerConfig
from headrace.serving.access.gate import Gate
from headrace.serving.access.watch import AccessWatcher, read_access
from headrace.serving.admin.app import admin_app
from headrace.serving.admin.options import AdminOptions
from headrace.serving.admin.reloads import note_from_file
from headrace.serving.admin.routes import ModelRoutes
from headrace.serving.admin.served import OneProcess
from headrace.serving.admin.server import AdminServer
from headrace.serving.audit import AuditLog, AuditOptions
from headrace.serving.batching.options import BatchingOptions
from headrace.serving.batching.versions import Batching
from headrace.serving.cache import CacheOptions, ResponseCache
from headrace.serving.configuration import model_list, text
from headrace.serving.configuration.model_list import ModelConfig
from headrace.serving.configuration.watch import ConfigWatcher
from headrace.serving.dataplane import Dataplane
from headrace.serving.engines.base import Engine
from headrace.serving.engines.options import EngineOptions
from headrace.serving.engines.selection import ServingEngine
from headrace.serving.garbage import Settling
from headrace.serving.grpc.options import GrpcOptions
from headrace.serving.grpc.server import GrpcServer
from headrace.serving.lifecycle import LifecycleOptions, ModelLifecycle
from headrace.serving.live import admin as live
from headrace.serving.live.counts import LiveCounts
from headrace.serving.live.recorder import LiveRecorder
from headrace.serving.loads import LoadSlots
from headrace.serving.metrics import ServingMetrics
from headrace.serving.models import Models, ModelsOptions
from headrace.serving.open_files import raise_limit, room_for_connections
from headrace.serving.preparing.helpers import Helpers
from headrace.serving.processes.answering import Answering
from headrace.serving.processes.member import Member
from headrace.serving.reload import ReloadResult
from headrace.serving.request_log.options import RequestLogOptions
from headrace.serving.request_log.writer import RequestLog
from headrace.serving.rest.app import RestApp, RestOptions
from headrace.serving.rest.connections import ConnectionLimits
from headrace.serving.rest.cors import allow_cross_origin
from headrace.serving.rest.listening import HttpServer, bound_socket, http_config, url_of
from headrace.serving.routing.admin import TrafficRoutes
from headrace.serving.routing.options import TrafficOptions
from headrace.serving.routing.start import TrafficService
from headrace.serving.tls import Tls
from headrace.serving.workers import Workers, default_threads

if TYPE_CHECKING:
    from headrace.serving.traces.otlp import Tracer  # needs an extra

logger = logging.getLogger(__name__)

_LEAST_GRACE_SECONDS = 1.0
_LOOK_SECONDS = 0.1
_LOG_CLOSE_SECONDS = 5.0
_TRACE_CLOSE_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """What to serve and how.

    Attributes:
        base_path: holds one numbered directory a version; not used when there is a `config_file`.
        model_name: what requests call the model.
        config_file: a text of a ModelServerConfig, which lists the models.
        config_poll_seconds: wait between two looks at that file; 0 reads it once, at the start.
        allow_unavailable_labels: lets labels that are not in use yet name versions that are not AVAILABLE.
        load_threads: how many versions load at once after the start; 0 is 1. At the start as many load as there are cores.
        saved_model_tags: of a SavedModel with several graphs, those of the one to serve.
        rest_host: the address to listen on.
        rest_port: 0 takes a free one; None is no REST.
        rest_tls: None speaks plain text.
        rest_threads: requests that run at once.
        rest_max_waiting: requests that may wait for a thread; more are answered 503.
        rest_connections: how many connections may be open, and how long clients may take.
        drain_seconds: between the word to end and the end of taking requests; the server says that it is not ready meanwhile.
        grace_seconds: for requests and loads in progress when the server is told to end.
        public_key: a PEM file; only versions that are signed with its key are served.
        expected_digest: only a version with this digest is served.
        batching: how requests share runs; None runs each by itself.
        cache: which answers are kept for requests that come again; None keeps none.
        grpc: addresses and limits of the gRPC front end; None is no gRPC.
        access_file: who may ask what; None lets everybody ask everything.
        admin: the address of the admin API; None is no admin API.
        audit: where events of the audit log go.
        tracer: traces requests; None traces none.
        request_log: where requests are logged; None logs none.
        request_log_rate: the share that is logged of the requests to the model at `base_path`.
        traffic: where rules of which version answers come from.
        engines: what may run the models.
        engine_exceptions: the same for models that have their own options, by name.
        helper_processes: while requests are answered, new versions are prepared in processes of their own.
    """

    base_path: Path | None = None
    model_name: str = "default"
    config_file: Path | None = None
    config_poll_seconds: float = 0.0
    allow_unavailable_labels: bool = False
    load_threads: int = 0
    saved_model_tags: tuple[str, ...] = ("serve",)
    rest_host: str = "127.0.0.1"
    rest_port: int | None = 0
    rest_tls: Tls | None = None
    rest_threads: int = field(default_factory=default_threads)
    rest_max_waiting: int = 1024
    rest_connections: ConnectionLimits = field(default_factory=ConnectionLimits)
    drain_seconds: float = 0.0
    grace_seconds: float = 25.0
    public_key: Path | None = None
    expected_digest: str | None = None
    lifecycle: LifecycleOptions = field(default_factory=LifecycleOptions)
    rest: RestOptions = field(default_factory=RestOptions)
    batching: BatchingOptions | None = None
    cache: CacheOptions | None = None
    grpc: GrpcOptions | None = None
    access_file: Path | None = None
    admin: AdminOptions | None = None
    audit: AuditOptions = field(default_factory=AuditOptions)
    request_log: RequestLogOptions | None = None
    tracer: Tracer | None = None
    request_log_rate: float = 0.0
    traffic: TrafficOptions = field(default_factory=TrafficOptions)
    engines: EngineOptions = field(default_factory=EngineOptions)
    engine_exceptions: Mapping[str, EngineOptions] = field(default_factory=dict)
    helper_processes: bool = True


class ModelServer:
    """Serves models over REST and gRPC until it is told to end.

    Args:
        options: what to serve and how.
        engine: what runs the models; by default what the options say.
        member: where this process is one of several that are one server.
        on_ready: called with the URL of REST once requests are answered; it is empty when there is no REST.

    Attributes:
        models: the models.
        audit: who changed what.
        admin_url: of the admin API once it listens; empty when there is none.
        grpc_address: of the gRPC front end once it listens, such as `127.0.0.1:8500`; empty when there is none.

    Raises:
        OpError: the configuration cannot be read or is refused.
    """

    def __init__(
        self,
        options: ServerOptions,
        engine: Engine | None = None,
        on_ready: Callable[[str], None] = print,
        member: Member | None = None,
    ) -> None:
        self._options = options
        self._member = member
        self._on_ready = on_ready
        self._ending = threading.Event()
        self._listening = threading.Event()
        self._impatient = threading.Event()
        self._deadline = math.inf
        self.audit = AuditLog(options.audit, forward=member.note if member is not None else None)
        self._metrics = ServingMetrics()
        self._metrics.more.extend(self.audit.families())
        self._gate = self._make_gate()
        self._batching = Batching(options.batching, self._metrics.batching) if options.batching is not None else None
        self._engine = engine or self._engine_of(options.engines)
        self._engines = {} if engine else {name: self._engine_of(own) for name, own in options.engine_exceptions.items()}
        self._helpers = Helpers(self._listening.is_set) if options.helper_processes else None
        self._slots = LoadSlots(max(os.cpu_count() or 1, options.load_threads))
        log_directory = options.request_log.directory if options.request_log is not None else None
        models = ModelsOptions(allow_unavailable_labels=options.allow_unavailable_labels, request_log_directory=log_directory)
        self.models = Models((), self._lifecycle, models, self._metrics.reloaded)
        given = member.models if member is not None else None
        config = configuration_of(options) if given is None else given
        self.models.configure(config, in_force=given is not None)
        self._watcher: ConfigWatcher | None = None
        if options.config_file is not None and options.config_poll_seconds > 0 and member is None:
            self._watcher = ConfigWatcher(
                options.config_file, options.config_poll_seconds, config, self._reload_from_file, self._metrics.reloaded
            )
        self._dataplane = Dataplane(self.models, self._metrics, self._cache())
        self._traffic: TrafficService | None = None
        if options.traffic.file is not None or options.admin is not None:
            self._traffic = TrafficService(self._dataplane, options.traffic, self.audit.record, led=member is not None)
            self._metrics.more.extend(self._traffic.traffic.families())
        self._http: HttpServer | None = None
        self.grpc_address = ""
        self.admin_url = ""

    def run(self) -> None:
        """Loads the models, then listens; returns when `end` was called (or SIGTERM or SIGINT came) and all has drained.

        Raises:
            UnavailableError: the address cannot be listened on.
        """
        raise_limit()
        with contextlib.ExitStack() as stack:
            listener, reserved = self._bind(stack)
            stack.enter_context(self._signals())
            if threading.current_thread() is threading.main_thread():  # else the process is somebody else's
                stack.enter_context(Settling(self.models.loads))
            if self._member is not None:
                stack.callback(self._member.leave)
            stack.callback(self.audit.close)
            if self._gate is not None and self._options.access_file is not None:
                audit = self.audit if self._member is None else AuditLog(forward=lambda _: None)  # one of all notes changes
                stack.enter_context(AccessWatcher(self._options.access_file, self._gate, audit))
            stack.enter_context(self._logging_requests())
            stack.enter_context(self._tracing())
            workers = stack.enter_context(self._rest_workers())
            if self._member is None:
                stack.enter_context(self._administered(workers))
            self.models.start()
            if self._watcher is not None:
                self._watcher.start()
            if self._member is not None:
                self._join(self._member, workers)
            try:
                while not (self._ending.is_set() or self.models.wait_settled(0.1) or self.models.some_serve):
                    pass
                self._slots.limit = max(self._options.load_threads, 1)
                if self._member is not None:
                    self._member.wait_for_all(self._ending)
                if not self._ending.is_set():
                    self._serve(listener, reserved, workers)
            finally:
                self._close()
                if self._watcher is not None:
                    self._watcher.stop(0.0)  # a reload in progress ends with the models
                self.models.stop(max(self._deadline - time.monotonic(), _LEAST_GRACE_SECONDS))
        logger.info("ended")

    def end(self) -> None:
        """Ends the server: it is not ready from now on, takes no more requests after the time to drain, and lets `run` return once
        those in progress are answered. Callable from any thread.
        """
        if self._dataplane.draining.is_set():
            return
        self._dataplane.draining.set()
        seconds = self._options.drain_seconds if self._listening.is_set() else 0.0
        if not seconds:
            self._close()
            return
        logger.info("draining", extra=fields(seconds=seconds))
        timer = threading.Timer(seconds, self._close)
        timer.daemon = True
        timer.start()

    def _close(self) -> None:
        """Takes no more requests; those in progress have the grace."""
        self._dataplane.draining.set()
        if not self._ending.is_set():
            self._deadline = time.monotonic() + self._options.grace_seconds
            self._ending.set()
        if self._http is not None:
            self._http.should_exit = True

    def _make_gate(self) -> Gate | None:
        if self._options.access_file is None:
            return None
        gate = Gate(read_access(self._options.access_file), self.audit, shared=self._member is not None)
        self._metrics.more.extend(gate.families())
        return gate

    def _reload_from_file(self, config: Any) -> ReloadResult:
        """Takes the list of models of the file that is watched."""
        result = self.models.reload(config)
        note_from_file(result, self.audit)
        return result

    def _engine_of(self, options: EngineOptions) -> Engine:
        """What runs models with these options."""
        return ServingEngine(options, self._options.public_key, self._options.expected_digest, self._options.saved_model_tags)

    def _lifecycle(self, model: ModelConfig) -> ModelLifecycle:
        """The life of a model that the configuration lists."""
        return ModelLifecycle(
            model.name,
            model.base_path,
            self._engines.get(model.name, self._engine),
            self._options.lifecycle,
            model.policy,
            on_load=self._metrics.loaded,
            on_warm_up=self._metrics.warmed,
            slots=self._slots,
            batching=self._batching,
            helpers=self._helpers,
        )

    def _bind(self, stack: contextlib.ExitStack) -> tuple[socket.socket | None, socket.socket | None]:
        """The sockets of REST, which will listen, and of gRPC, which only keeps the port until gRPC binds its own."""
        options, grpc, member = self._options, self._options.grpc, self._member
        rest_port = options.rest_port if member is None else member.rest_port
        grpc_port = (grpc.port if grpc is not None else None) if member is None else member.grpc_port
        rest, reserved = None, None
        if rest_port is not None:
            rest = stack.enter_context(bound_socket(options.rest_host, rest_port, shared=member is not None))
        if grpc is not None and grpc_port is not None:
            reserved = stack.enter_context(bound_socket(grpc.host, grpc_port, shared=member is not None))
        return rest, reserved

    @contextlib.contextmanager
    def _logging_requests(self) -> Iterator[None]:
        """Logs requests until the `with` block ends."""
        if self._options.request_log is None:
            yield
            return
        key = self._member.secret if self._member is not None else None
        log = RequestLog(self._options.request_log, self.models.logging_of, key)
        log.start()
        self._metrics.more.extend(log.families())
        self._dataplane.listeners.append(log)
        try:
            yield
        finally:
            if not log.close(_LOG_CLOSE_SECONDS):
                logger.error("the request log could not be finished in time; the next server finishes it")

    @contextlib.contextmanager
    def _tracing(self) -> Iterator[None]:
        """Traces requests until the `with` block ends."""
        tracer = self._options.tracer
        if tracer is None:
            yield
            return
        self._dataplane.tracer = tracer.begin
        self._dataplane.listeners.append(tracer.ran)
        self._dataplane.answer_listeners.append(tracer.answered)
        try:
            yield
        finally:
            tracer.close(_TRACE_CLOSE_SECONDS)

    @contextlib.contextmanager
    def _rest_workers(self) -> Iterator[Workers]:
        """The threads that answer requests of the REST API, also of those that come to the admin port."""
        options = self._options
        workers = Workers(options.rest_threads, options.rest_max_waiting, lambda seconds: self._metrics.queued("REST", seconds))
        self._metrics.watch_queue("REST", workers.max_waiting, lambda: workers.waiting)
        try:
            yield workers
        finally:
            workers.stop(_LEAST_GRACE_SECONDS)

    @contextlib.contextmanager
    def _administered(self, workers: Workers) -> Iterator[None]:
        """Answers the admin API until the `with` block ends."""
        options = self._options.admin
        if options is None:
            yield
            return
        recorder = LiveRecorder(LiveCounts(self._metrics))
        served = OneProcess(self.models, self.audit)
        routes = [*ModelRoutes(served, self.audit).routes(), *live.routes(recorder), *console.routes()]
        if self._traffic is not None:
            routes += TrafficRoutes(self._traffic.traffic).routes()
        rest = RestApp(self._dataplane, self._metrics, workers, self._options.rest, self._gate)
        app = admin_app(routes, rest, (options.host, *options.names), self._gate)
        with recorder, AdminServer(app, options) as server:
            self.admin_url = server.url
            yield

    def _join(self, member: Member, workers: Workers) -> None:
        """Becomes one of several processes: what is changed or counted for all goes through the supervisor."""
        traffic = self._traffic.traffic if self._traffic is not None else None
        rest = RestApp(self._dataplane, self._metrics, workers, self._options.rest, self._gate)
        counts = LiveCounts(self._metrics) if self._options.admin is not None else None
        served = OneProcess(self.models, self.audit)
        self.models.everywhere = member.reload
        if traffic is not None:
            self._dataplane.feedback = member.feedback
        page = functools.partial(self._metrics.page, self.models)
        member.join(Answering(self.models, served, page, rest, traffic, counts).answers(), self._gate)
        self._metrics.whole = member.page

    def _serve(self, listener: socket.socket | None, reserved: socket.socket | None, workers: Workers) -> None:
        with self._traffic.at_work() if self._traffic is not None else contextlib.nullcontext(), self._serving_grpc(reserved):
            started = time.monotonic()
            self._listening.set()
            if listener is not None:
                self._serve_rest(listener, workers)
            else:
                self._on_ready("")
                self._ending.wait()
        logger.info("no request is left", extra=fields(served_seconds=round(time.monotonic() - started, 1)))

    def _serve_rest(self, listener: socket.socket, workers: Workers) -> None:
        options = self._options
        app = RestApp(self._dataplane, self._metrics, workers, options.rest, self._gate)
        shared = options.rest.cross_origin or bool(options.rest.origins)
        served = allow_cross_origin(app, options.rest.origins) if shared else app
        limits = replace(options.rest_connections, most=room_for_connections(options.rest_connections.most))
        direct = None if shared else app.direct()  # it knows nothing of other sites' pages
        config = http_config(served, options.rest_tls, limits, options.grace_seconds - _LEAST_GRACE_SECONDS, direct)
        self._http = HttpServer(config, lambda: self._on_ready(url_of(listener, options.rest_tls is not None)))
        self._http.should_exit = self._ending.is_set()
        self._http.run(sockets=[listener])

    def _cache(self) -> ResponseCache | None:
        if self._options.cache is None:
            return None
        cache = ResponseCache(self._options.cache)
        self._metrics.more.extend(cache.families())
        return cache

    @contextlib.contextmanager
    def _serving_grpc(self, reserved: socket.socket | None) -> Iterator[None]:
        """Answers gRPC until the server is to end, then until its calls have ended."""
        options = self._options.grpc
        if options is None:
            yield
            return
        if reserved is not None:
            options = replace(options, port=reserved.getsockname()[1], shared_port=self._member is not None)
            reserved.close()
        server = GrpcServer(self._dataplane, self._metrics, options, self.audit, self._gate)
        draining = threading.Thread(target=self._drain, args=(server,), name="grpc-drain", daemon=True)
        try:
            server.start()
            self.grpc_address = server.address
            draining.start()
            yield
        finally:
            self._close()
            if draining.ident is not None:
                draining.join()
            server.close(_LEAST_GRACE_SECONDS)

    def _drain(self, server: GrpcServer) -> None:
        """Waits for the end, which REST's event loop watches for itself, and ends gRPC's calls."""
        self._ending.wait()
        ended = server.drain(max(self._deadline - time.monotonic() - _LEAST_GRACE_SECONDS, 0.0))
        while not ended.wait(_LOOK_SECONDS) and time.monotonic() < self._deadline:
            if self._impatient.is_set():
                server.drain(0.0)

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
        if not self._dataplane.draining.is_set():
            self.end()
            return
        self._impatient.set()
        if self._http is not None:
            self._http.force_exit = True
        self._close()


def announce(url: str, model: str | None, grpc: str = "") -> None:
    """Prints the one line that says the server is ready.

    Args:
        url: of REST; empty when there is none.
        model: the model; None for all that the configuration lists.
        grpc: the address of gRPC; empty when there is none.
    """
    told = "the models of its configuration" if model is None else f"model {model!r}"
    path = "/v1/models" if model is None else f"/v1/models/{model}"
    places = [f"{url}{path}"] * bool(url) + [f"gRPC {grpc}"] * bool(grpc)
    print(f"Headrace serves {told} on {' and '.join(places)}", flush=True)


def configuration_of(options: ServerOptions) -> Any:
    """The ModelServerConfig that the options name."""
    if options.config_file is not None:
        return text.read(options.config_file, ModelServerConfig)
    if options.base_path is not None:
        return model_list.single(options.model_name, options.base_path, options.request_log_rate)
    raise InvalidArgumentError("no model to serve: expected a base path or a configuration file")
