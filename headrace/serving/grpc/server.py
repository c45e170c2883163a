"""The gRPC server: its ports, its threads, its start and its end."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterator

import grpc

from headrace.core.errors import UnavailableError
from headrace.core.log_lines import fields
from headrace.serving.access.gate import Gate
from headrace.serving.audit import AuditLog
from headrace.serving.dataplane import Dataplane
from headrace.serving.grpc import health, model_service, prediction, reflection
from headrace.serving.grpc.calls import Answering, Dispatcher, Handler, Method
from headrace.serving.grpc.native import NativeFront
from headrace.serving.grpc.options import GrpcOptions
from headrace.serving.grpc.receiving import Receiving, WatchedPool, WorkerPool
from headrace.serving.grpc.v2 import service as inference
from headrace.serving.grpc.v2.streams import Streams
from headrace.serving.metrics import ServingMetrics
from headrace.serving.tls import Tls
from headrace.serving.workers import Workers

logger = logging.getLogger(__name__)

_CONTROL_THREADS = 2
_REFLECTION_THREADS = 2
_CONTROL_CALLS = 256
"""Calls beside those that run models; above this gRPC itself refuses."""

_CHANNEL: dict[str, int | str] = {
    "grpc.max_send_message_length": -1,
    "grpc.server_handshake_timeout_ms": 20_000,
    "grpc.keepalive_time_ms": 60_000,  # a client that is gone without a word gives back its threads
    "grpc.keepalive_timeout_ms": 20_000,
    "grpc.http2.min_ping_interval_without_data_ms": 10_000,
    "grpc.max_metadata_size": 16 << 10,
}


class GrpcServer:
    """Answers TensorFlow Serving's gRPC services from a data plane.

    Args:
        dataplane: runs the models.
        metrics: counts calls.
        options: addresses and limits.
        audit: told of reloads.
        gate: knows callers; None lets everybody in.
    """

    def __init__(
        self,
        dataplane: Dataplane,
        metrics: ServingMetrics,
        options: GrpcOptions,
        audit: AuditLog | None = None,
        gate: Gate | None = None,
    ) -> None:
        self._options = options
        self._dataplane = dataplane
        self._audit = audit or AuditLog()
        self._workers = Workers(options.threads, options.max_waiting, lambda seconds: metrics.queued("GRPC", seconds), "grpc")
        metrics.watch_queue("GRPC", options.max_waiting, lambda: self._workers.waiting)
        self._receiving = Receiving(options.receive_seconds)
        self._control = WatchedPool(_CONTROL_THREADS, "grpc-control", self._receiving)
        self._reloading = WatchedPool(1, "grpc-reload", self._receiving)
        self._reflecting = WatchedPool(_REFLECTION_THREADS, "grpc-reflection", self._receiving)
        self._health = health.Health(dataplane, self._control)
        self._inference = inference.InferenceService(dataplane, self._control)
        self._streams = Streams(self._control, options.max_streams, options.stream_idle_seconds)
        self._answering = Answering(dataplane, metrics, gate)
        self._methods, streams = self._offer(dataplane, metrics)
        dispatcher = Dispatcher(self._methods, streams, self._workers, self._receiving, self._control, self._answering)
        self._native: NativeFront | None = None
        self._server = grpc.server(
            WorkerPool(self._workers, self._receiving),  # type: ignore[arg-type]
            handlers=[dispatcher],
            options=_channel_options(options),
            maximum_concurrent_rpcs=options.threads + options.max_waiting + _CONTROL_CALLS,
        )
        self.port: int | None = None
        """The TCP port, once started."""
        self.address = ""
        """Where clients find it, once started."""

    def start(self) -> None:
        """Listens.

        Raises:
            UnavailableError: an address cannot be listened on.
        """
        options = self._options
        if options.socket_path is not None:
            self.address = f"unix:{options.socket_path.absolute()}"
            with _listening(self.address):
                self._server.add_insecure_port(self.address)
        if options.port is not None:
            host = f"[{options.host}]" if ":" in options.host else options.host
            with _listening(f"{host}:{options.port}"):
                self.port = self._open(f"{host}:{options.port}")
            self.address = f"{host}:{self.port}"
        self._server.start()
        if self._native is not None:
            self._native.start()
        self._health.start()
        self._streams.start()
        self._receiving.start()
        chosen = {"front_end": "native" if options.native else "grpcio", "because": options.front_end_reason}
        logger.info("listening for gRPC", extra=fields(address=self.address, tls=options.tls is not None, **chosen))

    def _open(self, address: str) -> int:
        options, tls = self._options, self._options.tls
        if options.native:
            self._native = NativeFront(address, self._methods, self._answering, self._workers, options)
            self._server.add_insecure_port(f"unix:{self._native.behind}")
            return self._native.port
        return self._server.add_insecure_port(address) if tls is None else self._server.add_secure_port(address, _credentials(tls))

    def drain(self, grace: float) -> threading.Event:
        """Takes no more calls. Those in progress have `grace` seconds, then they are cancelled; the event says all have ended.

        May be called again with a shorter grace.
        """
        self._dataplane.draining.set()
        self._health.end()
        self._streams.drain()
        ended = self._server.stop(grace)
        return ended if self._native is None else self._native.drain(grace, ended)

    def close(self, timeout: float) -> None:
        """Ends the threads, waiting `timeout` seconds for those of the workers; after `drain`."""
        if self._native is not None:
            self._native.close()
        self._receiving.stop()
        self._workers.stop(timeout)
        for pool in (self._control, self._reloading, self._reflecting):
            pool.shutdown(wait=False, cancel_futures=True)

    def _offer(self, dataplane: Dataplane, metrics: ServingMetrics) -> tuple[dict[str, Method], dict[str, Handler]]:
        """The methods by path, and the handlers of those that stream."""
        services = [prediction.SERVICE, model_service.SERVICE, inference.SERVICE, *reflection.SERVICES]
        methods = prediction.PredictionService(dataplane, self._options, self._control).methods()
        methods |= model_service.ModelService(
            dataplane.models, metrics, self._control, self._reloading, self._audit, self._options.allow_reload
        ).methods()
        methods |= self._inference.methods()
        streams: dict[str, Handler] = {}
        if self._options.health:
            services.append(health.SERVICE)
            methods |= self._health.methods()
            streams |= self._health.handlers()
        streams |= reflection.handlers(services, self._reflecting, self._answering.refusal)
        streams[inference.STREAM] = self._streams.handler(
            lambda data, rpc: self._inference.in_stream(self._answering, data, rpc), self._answering.refusal
        )
        return methods, streams


def _channel_options(options: GrpcOptions) -> list[tuple[str, int | str]]:
    settings = _CHANNEL | {
        "grpc.max_receive_message_length": options.max_message_bytes,
        "grpc.so_reuseport": int(options.shared_port),
    }
    return list((settings | dict(options.channel_arguments)).items())


def _credentials(tls: Tls) -> grpc.ServerCredentials:
    """What a secure port is opened with."""
    return grpc.ssl_server_credentials(
        [(tls.key, tls.certificate)],
        root_certificates=tls.client_authority or None,
        require_client_auth=tls.verify_clients,
    )


@contextlib.contextmanager
def _listening(address: str) -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:  # the only error that gRPC has for this
        raise UnavailableError(f"cannot listen for gRPC on {address}; choose another address or port ({error})") from None
