"""Predict, whatever the protocol: inputs are checked against the signature, run, and the outputs picked."""

from __future__ import annotations

import functools
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from headrace.core.errors import DeadlineExceededError, FailedPreconditionError, InternalError, OpError, ResourceExhaustedError
from headrace.core.log_lines import fields
from headrace.serving.batching.tensors import Outputs
from headrace.serving.cache import ResponseCache, digest
from headrace.serving.checks import check_inputs, check_method, complete_inputs, wanted_outputs
from headrace.serving.context import RequestContext
from headrace.serving.digests import HEADER
from headrace.serving.engines.base import DEFAULT_SIGNATURE, Array
from headrace.serving.metrics import UNKNOWN_MODEL, ServingMetrics
from headrace.serving.models import Models, ModelSpec
from headrace.serving.pending import Pending, completed
from headrace.serving.runs import AnswerListener, Run, RunListener, tell, tell_answer
from headrace.serving.servable import Handle
from headrace.serving.traces import timeline

logger = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a run returned, and which version and signature ran."""

    outputs: dict[str, Array]
    version: int
    signature: str


@dataclass(frozen=True, slots=True)
class _Call:
    """A request for one signature: what is to be run, and under what circumstances."""

    handle: Handle
    name: str
    inputs: Mapping[str, Array]
    api: str
    context: RequestContext
    started: float = field(default_factory=time.perf_counter)


Route = Callable[[ModelSpec, RequestContext], Handle]
"""Gives a request a handle on the version that it is to get; raises OpError where it may get none."""


class Dataplane:
    """Runs requests on the models at hand.

    Args:
        models: the models.
        metrics: told of every run.
        cache: answers requests that come again; None keeps no answers.

    Attributes:
        route: picks the version that a request gets; None leaves that to the models.
        tracer: gives a request that is to be traced a timeline; None traces none.
        draining: set once this server is to get no more requests; those that come all the same are answered.
        feedback: takes a client's word on what came of an answer, as JSON, and answers it; None where nobody wants to know.
        listeners: told of every request that found its version, once it has run.
        answer_listeners: told of every request over the network, just before its answer is sent.
    """

    def __init__(self, models: Models, metrics: ServingMetrics, cache: ResponseCache | None = None) -> None:
        self.models = models
        self.route: Route | None = None
        self.tracer: Callable[[RequestContext], None] | None = None
        self.draining = threading.Event()
        self.feedback: Callable[[Any], dict[str, Any]] | None = None
        self.listeners: list[RunListener] = []
        self.answer_listeners: list[AnswerListener] = []
        self._metrics = metrics
        self._cache = cache

    @property
    def ready(self) -> bool:
        """True while every model has an AVAILABLE version and the server is not about to end."""
        return not (self.draining.is_set() or self.models.unready())

    def entered(self, context: RequestContext) -> None:
        """Notes that a request over the network has come; a front end calls it before it does anything else."""
        if self.tracer is not None:
            self.tracer(context)

    def acquire(self, spec: ModelSpec, context: RequestContext) -> Handle:
        """A handle on the version that a request gets, which is noted in its context, and told in a header of the answer.

        Raises:
            PermissionDeniedError: the caller may not use this model.
            InvalidArgumentError: no name, a version and a label, or an unknown label.
            NotFoundError: no such model, or no such version that is AVAILABLE.
        """
        context.rights.check_asks(spec.name)
        handle = self.models.acquire(spec) if self.route is None else self.route(spec, context)
        context.version = handle.version
        if handle.digest:
            context.answer_headers[HEADER] = handle.digest
        return handle

    def predict(
        self,
        spec: ModelSpec,
        inputs: Mapping[str, Array],
        output_filter: Sequence[str] = (),
        context: RequestContext | None = None,
    ) -> Prediction:
        """Runs the model that `spec` names.

        Args:
            spec: the model, version and signature.
            inputs: one array for each input of the signature that has no default.
            output_filter: the outputs wanted; all when empty.
            context: the request's circumstances; those of a request without any when left out.

        Raises:
            NotFoundError: no such model or version.
            FailedPreconditionError: no such signature.
            InvalidArgumentError: names, dtypes, shapes or the filter do not match the signature.
            DeadlineExceededError: it did not run in time.
            UnavailableError: too many requests wait already.
        """
        context = context or RequestContext()
        with self.acquire(spec, context) as handle:
            return self._start(_Call(handle, spec.signature, inputs, "Predict", context), output_filter, wait=True).result()

    def start(
        self,
        handle: Handle,
        name: str,
        inputs: Mapping[str, Array],
        output_filter: Sequence[str],
        api: str,
        context: RequestContext,
    ) -> Pending[Prediction]:
        """Runs one signature of a version that the caller holds, or queues a request that is batched; see `predict`.

        The caller may give its handle back right away. `api` is what metrics call the request.
        """
        return self._start(_Call(handle, name, inputs, api, context), output_filter, wait=False)

    def _start(self, call: _Call, output_filter: Sequence[str], wait: bool) -> Pending[Prediction]:
        """Checks and begins a request. `wait` says that the caller is going to wait for it."""
        timeline.end(call.context.timeline, timeline.DECODE)
        try:
            call, wanted = _checked(call, output_filter)
            key = None
            if self._cache is not None and self._cache.covers(call.handle.model, call.name):
                key = digest(call.handle.load, call.name, call.inputs)
                kept = self._cache.get(call.handle.model, call.name, key)
                if kept is not None:
                    return Pending(completed(kept), functools.partial(self._answer, call, wanted))
            begun = self._begin(call, wait)
        except OpError as error:
            self._tell(call, {}, error)
            raise
        return Pending(begun, functools.partial(self._finish, call, wanted, key), call.context.deadline)

    def _begin(self, call: _Call, wait: bool) -> Future[Outputs]:
        """Queues a request that is batched and runs any other."""
        batcher = call.handle.batcher(call.name)
        if batcher is None:
            timeline.begin(call.context.timeline, timeline.RUN)
            return completed(_guarded(call.handle, call.name, lambda: call.handle.run(call.name, call.inputs)))
        context = call.context
        timeline.begin(context.timeline, timeline.BATCH)
        begun = context.timeline.batch_begun if context.timeline is not None else None
        future = batcher.submit(call.name, call.inputs, context.deadline, context.priority, lend_thread=wait, begun=begun)
        kept = call.handle.keep()
        future.add_done_callback(lambda _: kept.release())
        return future

    def _finish(self, call: _Call, wanted: Sequence[str], key: bytes | None, get: Callable[[], Outputs]) -> Prediction:
        """The answer to a request that has run; the run is counted and kept."""
        try:
            outputs = _guarded(call.handle, call.name, get)
            timeline.end(call.context.timeline, timeline.RUN)
        except OpError as error:
            self._tell(call, {}, error)
            raise
        self._metrics.ran(call.handle.model, call.handle.version, call.api, time.perf_counter() - call.started)
        prediction = self._answer(call, wanted, lambda: outputs)
        if key is not None and self._cache is not None:
            self._cache.put(key, outputs)
        return prediction

    def _answer(self, call: _Call, wanted: Sequence[str], get: Callable[[], Outputs]) -> Prediction:
        """What a request wants of the outputs."""
        outputs = get()
        missing = [output for output in wanted if output not in outputs]
        if missing:
            model = f"model {call.handle.model} version {call.handle.version}"
            error = InternalError(f"{model} did not return {missing} of signature {call.name!r}")
            self._tell(call, {}, error)
            raise error
        self._tell(call, {call.name: outputs}, None)
        timeline.begin(call.context.timeline, timeline.ENCODE)
        return Prediction({output: outputs[output] for output in wanted}, call.handle.version, call.name)

    def run_together(
        self, handle: Handle, names: Sequence[str], inputs: Mapping[str, Array], context: RequestContext
    ) -> Mapping[str, Mapping[str, Array]]:
        """Runs several signatures of a version that the caller holds on the same inputs; see `LoadedModel.run_together`.

        Such runs are not batched with others.

        Raises:
            InvalidArgumentError: names, dtypes or shapes do not match one of the signatures.
            DeadlineExceededError: it did not run in time.
        """
        call = _Call(handle, ",".join(names), inputs, "MultiInference", context)
        timeline.end(context.timeline, timeline.DECODE)
        try:
            for name in names:
                check_inputs(handle.signatures[name], inputs)
            _check_time(context.deadline)
            timeline.begin(context.timeline, timeline.RUN)
            outputs = _guarded(handle, call.name, lambda: handle.run_together(names, inputs))
            timeline.end(context.timeline, timeline.RUN)
        except OpError as error:
            self._tell(call, {}, error)
            raise
        self._metrics.ran(handle.model, handle.version, call.api, time.perf_counter() - call.started)
        self._tell(call, outputs, None)
        timeline.begin(context.timeline, timeline.ENCODE)
        return outputs

    def _tell(self, call: _Call, outputs: Mapping[str, Mapping[str, Array]], error: OpError | None) -> None:
        if self.listeners:
            seconds = time.perf_counter() - call.started
            names = tuple(call.name.split(",")) if not outputs else tuple(outputs)
            version = call.handle.version
            run = Run(call.handle.model, version, names, call.api, call.inputs, outputs, error, seconds, call.context)
            tell(self.listeners, run)

    def answered(self, model: str, api: str, context: RequestContext, code: str, seconds: float) -> None:
        """Notes that a request over the network is about to be answered; a front end calls it once for each.

        Args:
            model: that the request names.
            api: what metrics call the request, such as "Predict".
            context: its circumstances.
            code: a canonical code name, "OK" included.
            seconds: since it came.
        """
        known = model if model in self.models else UNKNOWN_MODEL
        self._metrics.request(known, context.version, api, context.protocol, code, seconds)
        tell_answer(self.answer_listeners, model, context, code, seconds)

    def count_examples(self, handle: Handle, count: int) -> None:
        """Notes that a request with `count` tf.Examples was run."""
        self._metrics.examples(handle.model, count)


def _checked(call: _Call, output_filter: Sequence[str]) -> tuple[_Call, list[str]]:
    """A request with its signature named and its defaults filled in, and the outputs that it wants.

    Raises:
        OpError: it does not match the signature, or comes too late; see Dataplane.predict.
    """
    name = call.name or DEFAULT_SIGNATURE
    signature = call.handle.signatures.get(name)
    if signature is None:
        raise FailedPreconditionError(f'Serving signature key "{name}" not found.')
    if call.handle.check_methods:
        check_method(signature)
    inputs = complete_inputs(signature, call.inputs)
    wanted = wanted_outputs(signature, output_filter)
    _check_time(call.context.deadline)
    return replace(call, name=name, inputs=inputs), wanted


def _check_time(deadline: float) -> None:
    if time.monotonic() > deadline:
        raise DeadlineExceededError("the time for this request ran out before the model could run")


def _guarded(handle: Handle, name: str, run: Callable[[], T]) -> T:
    """`run()`, where whatever a model raises becomes an OpError."""
    try:
        return run()
    except OpError:
        raise
    except MemoryError as error:
        raise ResourceExhaustedError(f"not enough memory to run model {handle.model}; send a smaller batch") from error
    except Exception as error:  # anything may come out of a model; the caller gets a named error, the log the traceback
        details = fields(model=handle.model, version=handle.version, signature=name)
        logger.exception("a run failed", extra=details)
        raise InternalError(f"model {handle.model} version {handle.version} failed: {type(error).__name__}: {error}") from error
