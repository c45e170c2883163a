"""What every call passes through: the queue before the workers, its deadline, its metrics, and the status it ends with."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, NoReturn, TypeAlias

import grpc
from google.protobuf.message import DecodeError

from headrace.core.errors import (
    CancelledError,
    DeadlineExceededError,
    InternalError,
    InvalidArgumentError,
    OpError,
    UnavailableError,
)
from headrace.serving.batching.requests import priority_of
from headrace.serving.context import RequestContext
from headrace.serving.grpc.errors import details, grpc_status
from headrace.serving.grpc.receiving import Receiving
from headrace.serving.metrics import UNKNOWN_MODEL, ServingMetrics
from headrace.serving.models import Models
from headrace.serving.workers import Workers

logger = logging.getLogger(__name__)
_PROTOCOL = "GRPC"
_FOREVER_SECONDS = 1e9
"""gRPC says more than that when there is no deadline."""

Handler: TypeAlias = "grpc.RpcMethodHandler[bytes, bytes]"


class Call:
    """One call while it is answered.

    Args:
        rpc: gRPC's own context of the call.

    Attributes:
        context: its circumstances; the metadata `priority`, such as `u=1`, is its urgency.
        model: the name that the request gives, for the metrics.
    """

    __slots__ = ("_rpc", "context", "model")

    def __init__(self, rpc: Any) -> None:
        self._rpc = rpc
        left = rpc.time_remaining()
        deadline = time.monotonic() + left if left is not None and left < _FOREVER_SECONDS else math.inf
        self.context = RequestContext(deadline, priority_of(self._metadata("priority")), _PROTOCOL, self._metadata)
        self.model = ""

    def check(self) -> None:
        """Raises when nobody waits for the answer any more: the deadline has passed, or the client has gone away."""
        if time.monotonic() >= self.context.deadline:
            raise DeadlineExceededError("the deadline of this request has passed")
        if not self._rpc.is_active():
            raise CancelledError("the client has gone away")

    def _metadata(self, name: str) -> str:
        return next((str(value) for key, value in self._rpc.invocation_metadata() if key == name), "")

    def send_headers(self) -> None:
        """Sends what the answer brings as its initial metadata."""
        if self.context.answer_headers:
            self._rpc.send_initial_metadata(tuple(self.context.answer_headers.items()))


@dataclass(frozen=True, slots=True)
class Method:
    """A method with one request and one response.

    Attributes:
        request: the class of its request.
        answer: makes the response, a message or its bytes; raises OpError.
        api: set for methods that run models: the metrics count them under this name, and they wait for a worker.
        pool: runs the others.
    """

    request: Any
    answer: Callable[[Any, Call], Any]
    api: str = ""
    pool: Executor | None = None


class Dispatcher(grpc.GenericRpcHandler):
    """Finds the method that a call names.

    gRPC's server asks it on the one thread that also queues calls. So it sees how many wait, and nobody else queues between.

    Args:
        methods: by path, such as `/tensorflow.serving.PredictionService/Predict`.
        others: ready handlers by path, for methods that stream.
        workers: run the methods that have an `api`.
        receiving: told when a request is there.
        refusals: answers the calls that find the queue full.
        models: says which names may stand in the metrics.
        metrics: counts calls.
    """

    def __init__(
        self,
        methods: Mapping[str, Method],
        others: Mapping[str, Handler],
        workers: Workers,
        receiving: Receiving,
        refusals: Executor,
        models: Models,
        metrics: ServingMetrics,
    ) -> None:
        self._workers = workers
        self._receiving = receiving
        self._models = models
        self._metrics = metrics
        self._counted = {path for path, method in methods.items() if method.api}
        self._handlers = {path: self._handler(method) for path, method in methods.items()} | dict(others)
        self._refusing = {path: unary(self._refusal(method), refusals) for path, method in methods.items() if method.api}

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Handler | None:
        """The handler of a call; None when there is no such method."""
        path = handler_call_details.method
        if path in self._counted and self._workers.waiting >= self._workers.max_waiting:
            return self._refusing[path]
        return self._handlers.get(path)

    def _handler(self, method: Method) -> Handler:
        def answer(data: bytes, context: Any) -> bytes:
            self._receiving.received()
            return self._answer(method, data, context)

        return unary(answer, method.pool)

    def _refusal(self, method: Method) -> Callable[[bytes, Any], bytes]:
        def refuse(_: bytes, context: Any) -> bytes:
            error = UnavailableError(self._workers.refusal)
            self._metrics.request(UNKNOWN_MODEL, None, method.api, _PROTOCOL, error.code, 0.0)
            abort(context, error)

        return refuse

    def _answer(self, method: Method, data: bytes, context: Any) -> bytes:
        call = Call(context)
        if not method.api:
            response = outcome(method, data, call)
            return _give(context, response)
        started = time.perf_counter()
        self._metrics.in_flight(_PROTOCOL, 1)
        response = outcome(method, data, call)
        self._metrics.in_flight(_PROTOCOL, -1)
        code = response.code if isinstance(response, OpError) else "OK"
        call.send_headers()
        model = call.model if call.model in self._models else UNKNOWN_MODEL
        self._metrics.request(model, call.context.version, method.api, _PROTOCOL, code, time.perf_counter() - started)
        return _give(context, response)


def unary(behavior: Callable[[bytes, Any], bytes], pool: Executor | None) -> Handler:
    """A handler of a method with one request and one response, both as bytes. `pool` runs it in place of the server's own."""
    if pool is not None:
        behavior.experimental_thread_pool = pool  # type: ignore[attr-defined]
    return grpc.unary_unary_rpc_method_handler(behavior)


def abort(context: Any, error: OpError) -> NoReturn:
    """Ends a call with an error; does not return."""
    context.abort(grpc_status(error), details(error))
    raise AssertionError("abort returned")


def _give(context: Any, response: bytes | OpError) -> bytes:
    """The response, or the end of the call with an error."""
    if isinstance(response, OpError):
        abort(context, response)
    return response


def read(kind: Any, data: bytes) -> Any:
    """`data` as a message of class `kind`.

    Raises:
        InvalidArgumentError: the bytes are no such message.
    """
    try:
        return kind.FromString(data)
    except DecodeError:
        raise InvalidArgumentError(f"the request is no serialized {kind.DESCRIPTOR.full_name} ({len(data)} bytes)") from None


def outcome(method: Method, data: bytes, call: Call) -> bytes | OpError:
    """What a call ends with: the serialized response, or what went wrong."""
    try:
        call.check()
        made = method.answer(read(method.request, data), call)
        response: bytes = made if isinstance(made, bytes) else made.SerializeToString()
        call.check()
    except OpError as error:
        return error
    except Exception:  # a fault of ours: its traceback is for the log, not for the client
        logger.exception("answering a call failed")
        return InternalError("the server failed to answer this request; its log says why")
    return response
