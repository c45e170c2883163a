"""What every call passes through: the queue before the workers, its deadline, its metrics, and the status it ends with."""

from __future__ import annotations

import contextlib
import functools
import logging
import math
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, NoReturn, ParamSpec, TypeAlias, TypeVar

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
from headrace.serving.access.certificates import names_of_context
from headrace.serving.access.errors import RateLimitedError
from headrace.serving.access.gate import Gate
from headrace.serving.access.policy import Credentials
from headrace.serving.batching.batcher import Batcher
from headrace.serving.batching.requests import DEFAULT_PRIORITY, priority_of
from headrace.serving.context import RequestContext
from headrace.serving.dataplane import Dataplane
from headrace.serving.grpc.errors import details, grpc_status, trailers
from headrace.serving.grpc.peers import address_of
from headrace.serving.grpc.receiving import Receiving
from headrace.serving.metrics import UNKNOWN_MODEL, ServingMetrics
from headrace.serving.pending import Pending
from headrace.serving.traces import timeline
from headrace.serving.workers import Workers

logger = logging.getLogger(__name__)
_PROTOCOL = "GRPC"
_FOREVER_SECONDS = 1e9
"""gRPC says more than that when there is no deadline."""

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R", bound="bytes | OpError")
Handler: TypeAlias = "grpc.RpcMethodHandler[bytes, bytes]"


class Call:
    """One call while it is answered.

    Args:
        rpc: gRPC's own context of the call.
        hold: see below.

    Attributes:
        context: its circumstances; the metadata `priority`, such as `u=1`, is its urgency.
        model: the name that the request gives, for the metrics.
        hold: to be told of the batcher that the request is about to be queued at.
    """

    __slots__ = ("_metadata", "_rpc", "context", "hold", "model")

    def __init__(self, rpc: Any, hold: Callable[[Batcher], None] | None = None) -> None:
        self._rpc = rpc
        self.hold = hold
        left = rpc.time_remaining()
        deadline = time.monotonic() + left if left is not None and left < _FOREVER_SECONDS else math.inf
        metadata = dict(reversed(rpc.invocation_metadata()))  # of a name that is there twice the first counts
        self._metadata = functools.partial(_metadata, metadata)
        priority = priority_of(self._metadata("priority")) if "priority" in metadata else DEFAULT_PRIORITY
        self.context = RequestContext(deadline, priority, _PROTOCOL, self._metadata)
        self.model = ""

    def check(self) -> None:
        """Raises when nobody waits for the answer any more: the deadline has passed, or the client has gone away."""
        if time.monotonic() >= self.context.deadline:
            raise DeadlineExceededError("the deadline of this request has passed")
        if not self._rpc.is_active():
            raise CancelledError("the client has gone away")

    @property
    def who(self) -> str:
        """The caller's name, for the audit log; without one, where the call comes from."""
        return self.context.caller or f"anonymous@{address_of(self._rpc.peer())}"

    def credentials(self) -> Credentials:
        """What the call shows of who sends it."""
        names = names_of_context(self._rpc.auth_context())
        return Credentials(self._metadata("authorization"), names, address_of(self._rpc.peer()))

    def send_headers(self) -> None:
        """Sends what the answer brings as its initial metadata."""
        if self.context.answer_headers:
            self._rpc.send_initial_metadata(tuple(self.context.answer_headers.items()))


def _metadata(metadata: Mapping[str, str | bytes], name: str) -> str:
    return str(metadata.get(name, ""))


@dataclass(frozen=True, slots=True)
class Method:
    """A method with one request and one response.

    Attributes:
        request: the class of its request; None gives `answer` the bytes as they came.
        answer: makes the response, a message or its bytes; raises OpError.
        api: set for methods that run models: the metrics count them under this name, and they wait for a worker.
        pool: runs the others.
        streamed: its answers are messages of a stream, which bring no headers of their own.
        role: which a caller needs beside what the request's model asks for.
        open: answers everybody.
        start: begins a response that need not be waited for on a thread; gives None for a request that needs one. Raises OpError.
    """

    request: Any
    answer: Callable[[Any, Call], Any]
    api: str = ""
    pool: Executor | None = None
    streamed: bool = False
    role: str = ""
    open: bool = False
    start: Callable[[Any, Call], Pending[bytes] | None] | None = None


class Answering:
    """Answers calls, whichever front end they came in by: checked, and counted where they run models.

    Args:
        dataplane: told of every call that runs a model.
        metrics: counts those in progress, and those that are refused.
        gate: knows callers; None lets everybody in.
    """

    def __init__(self, dataplane: Dataplane, metrics: ServingMetrics, gate: Gate | None = None) -> None:
        self._gate = gate
        self._dataplane = dataplane
        self._metrics = metrics

    def answer(self, method: Method, data: bytes, rpc: Any) -> bytes | OpError:
        """The serialized response, or what went wrong. Takes as long as the model does."""
        call = Call(rpc)
        if not method.api:
            return self._noted(call, self._outcome(method, data, call))
        self._trace(call)
        started = self._enter()
        return self._leave(method, call, started, self._outcome(method, data, call))

    def start(
        self,
        method: Method,
        data: bytes,
        rpc: Any,
        done: Callable[[bytes | OpError], None],
        hold: Callable[[Batcher], None] | None = None,
    ) -> Callable[[], None] | None:
        """Begins an answer; `done` is told it, on whichever thread it is made. `hold` is told where the request will be queued.

        Returns:
            What is to be called if the client goes away. None: nothing was begun, since this request needs `answer`, and a thread.
        """
        if method.start is None:
            return None
        started = time.perf_counter()
        call = Call(rpc, hold)
        self._trace(call)
        begun = _guarded(self._begin, method, data, call)
        if begun is None:
            return None
        self._metrics.in_flight(_PROTOCOL, 1)
        if isinstance(begun, OpError):
            done(self._leave(method, call, started, begun))
            return _nothing
        self._count(call, data)
        begun.when_done(functools.partial(self._end, method, call, started, begun, done))
        return begun.cancel

    def _begin(self, method: Method, data: bytes, call: Call) -> Pending[bytes] | None:
        self._admit(method, call, data, look=True)  # if nothing is begun, `answer` admits it again
        assert method.start is not None
        return _checked(call, method.start, read(method.request, data))

    def _end(
        self, method: Method, call: Call, started: float, pending: Pending[bytes], done: Callable[[bytes | OpError], None]
    ) -> None:
        done(self._leave(method, call, started, _guarded(pending.result)))

    def refuse(self, method: Method, error: OpError) -> OpError:
        """Counts a call that is not answered."""
        self._metrics.request(UNKNOWN_MODEL, None, method.api, _PROTOCOL, error.code, 0.0)
        return error

    def refusal(self, rpc: Any, method: Method | None = None) -> OpError | None:
        """Why a call is not let in, whatever its request; None for one that is, which counts against its caller's limit."""
        call = Call(rpc)
        made = _guarded(self._admit, method, call, b"")
        return self._noted(call, made) if isinstance(made, OpError) else None

    def turns_away(self, metadata: Any) -> bool:
        """True when a call's token alone says that it will not be let in, so that its request need not be received."""
        if self._gate is None:
            return False
        token = next((str(value) for key, value in metadata or () if key == "authorization"), "")
        if not token:
            return False
        try:
            self._gate.admit(Credentials(token), _PROTOCOL, look=True)
        except OpError:
            return True
        return False

    def _admit(self, method: Method | None, call: Call, data: bytes, look: bool = False) -> None:
        """Lets a call in, and notes who sends it; see Gate.admit."""
        if self._gate is None or (method is not None and method.open):
            return
        credentials = call.credentials()
        caller = self._gate.admit(credentials, _PROTOCOL, look=look)
        call.context.caller, call.context.rights = caller.name, caller
        if method is not None and method.role:
            caller.check_role(method.role)
        if not look:
            self._gate.received(caller, credentials, len(data))

    def _count(self, call: Call, data: bytes) -> None:
        """Counts a call that was looked at, and is begun now."""
        if self._gate is not None:
            with contextlib.suppress(OpError):  # another call was quicker; this one is under way
                self._admit(None, call, data)

    def _outcome(self, method: Method, data: bytes, call: Call) -> bytes | OpError:
        return outcome(method, data, call, lambda: self._admit(method, call, data))

    def _noted(self, call: Call, response: R) -> R:
        """The response; the gate is told of one that says no."""
        if self._gate is not None and isinstance(response, OpError):
            self._gate.refused(response, call.context.caller, call.credentials().address, call.model or "gRPC", _PROTOCOL)
        return response

    def _trace(self, call: Call) -> None:
        self._dataplane.entered(call.context)
        timeline.begin(call.context.timeline, timeline.DECODE)

    def _enter(self) -> float:
        self._metrics.in_flight(_PROTOCOL, 1)
        return time.perf_counter()

    def _leave(self, method: Method, call: Call, started: float, response: bytes | OpError) -> bytes | OpError:
        self._metrics.in_flight(_PROTOCOL, -1)
        code = self._noted(call, response).code if isinstance(response, OpError) else "OK"
        self._dataplane.answered(call.model, method.api, call.context, code, time.perf_counter() - started)
        if not method.streamed:
            call.send_headers()
        return response


class Dispatcher(grpc.GenericRpcHandler):
    """Finds the method that a call names.

    gRPC's server asks it on the one thread that also queues calls. So it sees how many wait, and nobody else queues between.

    Args:
        methods: by path, such as `/tensorflow.serving.PredictionService/Predict`.
        others: ready handlers by path, for methods that stream.
        workers: run the methods that have an `api`.
        receiving: told when a request is there.
        refusals: answers the calls that find the queue full.
        answering: answers the others.
    """

    def __init__(
        self,
        methods: Mapping[str, Method],
        others: Mapping[str, Handler],
        workers: Workers,
        receiving: Receiving,
        refusals: Executor,
        answering: Answering,
    ) -> None:
        self._workers = workers
        self._receiving = receiving
        self._answering = answering
        self._counted = {path for path, method in methods.items() if method.api}
        self._handlers = {path: self._handler(method) for path, method in methods.items()} | dict(others)
        self._turning_away = {path: self._turning(method, refusals) for path, method in methods.items() if not method.open}
        self._refusing = {path: unary(self._refusal(method), refusals) for path, method in methods.items() if method.api}

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Handler | None:
        """The handler of a call; None when there is no such method."""
        path = handler_call_details.method
        if path in self._turning_away and self._answering.turns_away(handler_call_details.invocation_metadata):
            return self._turning_away[path]
        if path in self._counted and self._workers.waiting >= self._workers.max_waiting:
            return self._refusing[path]
        return self._handlers.get(path)

    def _turning(self, method: Method, pool: Executor) -> Handler:
        """Answers calls that are not let in, without receiving the request: it takes requests as a stream and reads none."""

        def turn_away(_: Any, context: Any) -> bytes:
            abort(context, self._answering.refusal(context, method) or RateLimitedError("try again"))

        turn_away.experimental_thread_pool = pool  # type: ignore[attr-defined]
        return grpc.stream_unary_rpc_method_handler(turn_away)

    def _handler(self, method: Method) -> Handler:
        def answer(data: bytes, context: Any) -> bytes:
            self._receiving.received()
            response = self._answering.answer(method, data, context)
            if isinstance(response, OpError):
                abort(context, response)
            return response

        return unary(answer, method.pool)

    def _refusal(self, method: Method) -> Callable[[bytes, Any], bytes]:
        def refuse(_: bytes, context: Any) -> bytes:
            abort(context, self._answering.refuse(method, UnavailableError(self._workers.refusal)))

        return refuse


def unary(behavior: Callable[[bytes, Any], bytes], pool: Executor | None) -> Handler:
    """A handler of a method with one request and one response, both as bytes. `pool` runs it in place of the server's own."""
    if pool is not None:
        behavior.experimental_thread_pool = pool  # type: ignore[attr-defined]
    return grpc.unary_unary_rpc_method_handler(behavior)


def abort(context: Any, error: OpError) -> NoReturn:
    """Ends a call with an error; does not return."""
    found = trailers(error)
    if found:
        context.set_trailing_metadata(found)
    context.abort(grpc_status(error), details(error))
    raise AssertionError("abort returned")


def read(kind: Any, data: bytes) -> Any:
    """`data` as a message of class `kind`; as it is where that is None.

    Raises:
        InvalidArgumentError: the bytes are no such message.
    """
    try:
        return data if kind is None else kind.FromString(data)
    except DecodeError:
        raise InvalidArgumentError(f"the request is no serialized {kind.DESCRIPTOR.full_name} ({len(data)} bytes)") from None


def outcome(method: Method, data: bytes, call: Call, admit: Callable[[], None] | None = None) -> bytes | OpError:
    """What a call ends with: the serialized response, or what went wrong. `admit` raises OpError for one that is not let in."""

    def answered() -> bytes:
        if admit is not None:
            admit()
        made = _checked(call, method.answer, read(method.request, data))
        response: bytes = made if isinstance(made, bytes) else made.SerializeToString()
        call.check()
        return response

    return _guarded(answered)


def _checked(call: Call, answer: Callable[[Any, Call], T], request: Any) -> T:
    """`answer` of the request, if anybody still waits for it."""
    call.check()
    return answer(request, call)


def _guarded(make: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | OpError:
    """What `make` makes, or what went wrong."""
    try:
        return make(*args, **kwargs)
    except OpError as error:
        return error
    except Exception:  # a fault of ours: its traceback is for the log, not for the client
        logger.exception("answering a call failed")
        return InternalError("the server failed to answer this request; its log says why")


def _nothing() -> None:
    """What is left to be done for a call that has been answered."""
