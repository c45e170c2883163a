"""Predict, whatever the protocol: inputs are checked against the signature, run, and the outputs picked."""

from __future__ import annotations

import functools
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from headrace.core.errors import DeadlineExceededError, InternalError, OpError, ResourceExhaustedError
from headrace.core.log_lines import fields
from headrace.serving.batching.batcher import Batcher
from headrace.serving.batching.tensors import Layout, Outputs
from headrace.serving.cache import ResponseCache, digest
from headrace.serving.checks import check_inputs
from headrace.serving.context import RequestContext
from headrace.serving.digests import HEADER
from headrace.serving.engines.base import Array
from headrace.serving.metrics import UNKNOWN_MODEL, ServingMetrics
from headrace.serving.models import Models, ModelSpec
from headrace.serving.pending import Pending
from headrace.serving.promise import Promise, kept
from headrace.serving.runs import AnswerListener, Run, RunListener, tell, tell_answer
from headrace.serving.servable import Handle
from headrace.serving.traces import timeline

logger = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(slots=True)
class Prediction:
    """What a run returned, and which version and signature ran."""

    outputs: dict[str, Array]
    version: int
    signature: str


class _Call:
    """A request for one signature: what is to be run, and under what circumstances.

    Attributes:
        wanted: the outputs that are to be answered.
        key: that its answer is kept under; None where it is not kept.
    """

    __slots__ = ("api", "context", "handle", "inputs", "key", "name", "started", "wanted")

    def __init__(self, handle: Handle, name: str, inputs: Mapping[str, Array], api: str, context: RequestContext) -> None:
        self.handle = handle
        self.name = name
        self.inputs = inputs
        self.api = api
        self.context = context
        self.wanted: Sequence[str] = ()
        self.key: bytes | None = None
        self.started = time.perf_counter()


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
            return self.start(handle, spec.signature, inputs, output_filter, "Predict", context, wait=True).result()

    def start(
        self,
        handle: Handle,
        name: str,
        inputs: Mapping[str, Array],
        output_filter: Sequence[str],
        api: str,
        context: RequestContext,
        wait: bool = False,
    ) -> Pending[Prediction]:
        """Runs one signature of a version that the caller holds, or queues a request that is batched; see `predict`.

        The caller may give its handle back right away, and must not change the inputs any more. `api` is what metrics call the
        request. `wait` says that the caller is going to wait for the answer on this thread, which then may run the batch.
        """
        call = _Call(handle, name, inputs, api, context)
        trace = context.timeline
        if trace is not None:
            trace.end(timeline.DECODE)
        try:
            plan = handle.plan(name)
            call.name = plan.name
            call.inputs, layout = plan.check(inputs)
            call.wanted = plan.wanted(output_filter)
            _check_time(context.deadline)
            if self._cache is not None and self._cache.covers(handle.model, call.name):
                call.key = digest(handle.load, call.name, call.inputs)
                found = self._cache.get(handle.model, call.name, call.key)
                if found is not None:
                    return Pending(kept(found), functools.partial(self._answer, call))
            begun = self._begin(call, plan.batcher, layout, wait)
        except OpError as error:
            self._tell(call, {}, error)
            raise
        return Pending(begun, functools.partial(self._finish, call), context.deadline)

    def _begin(self, call: _Call, batcher: Batcher | None, layout: Layout | None, wait: bool) -> Promise[Outputs]:
        """Queues a request that is batched and runs any other."""
        context = call.context
        trace = context.timeline
        if batcher is None:
            if trace is not None:
                trace.begin(timeline.RUN)
            return kept(_guarded(call.handle, call.name, lambda: call.handle.run(call.name, call.inputs)))
        begun = None
        if trace is not None:
            trace.begin(timeline.BATCH)
            begun = trace.batch_begun
        return batcher.submit(call.name, call.inputs, context.deadline, context.priority, wait, begun, layout)

    def _finish(self, call: _Call, outputs: Outputs | None, error: Exception | None) -> Prediction:
        """The answer to a request that has run; the run is counted and kept."""
        handle = call.handle
        if outputs is None:
            failure = _named(handle, call.name, error or AssertionError("no outputs"))
            self._tell(call, {}, failure)
            try:
                raise failure
            finally:
                del failure, error  # which have this frame in their tracebacks
        trace = call.context.timeline
        if trace is not None:
            trace.end(timeline.RUN)
        self._metrics.ran(handle.model, handle.version, call.api, time.perf_counter() - call.started)
        prediction = self._answer(call, outputs, None)
        if call.key is not None and self._cache is not None:
            self._cache.put(call.key, outputs)
        return prediction

    def _answer(self, call: _Call, outputs: Outputs | None, _: Exception | None) -> Prediction:
        """What a request wants of the outputs."""
        outputs = outputs or {}
        handle, wanted = call.handle, call.wanted
        try:
            found = {name: outputs[name] for name in wanted}
        except KeyError:
            missing = [name for name in wanted if name not in outputs]
            model = f"model {handle.model} version {handle.version}"
            error = InternalError(f"{model} did not return {missing} of signature {call.name!r}")
            self._tell(call, {}, error)
            raise error from None
        if self.listeners:
            self._tell(call, {call.name: outputs}, None)
        trace = call.context.timeline
        if trace is not None:
            trace.begin(timeline.ENCODE)
        return Prediction(found, handle.version, call.name)

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


def _check_time(deadline: float) -> None:
    if time.monotonic() > deadline:
        raise DeadlineExceededError("the time for this request ran out before the model could run")


def _guarded(handle: Handle, name: str, run: Callable[[], T]) -> T:
    """`run()`, where whatever a model raises becomes an OpError."""
    try:
        return run()
    except Exception as error:  # noqa: BLE001  anything may come out of a model
        raise _named(handle, name, error)  # noqa: B904  it has its cause


def _named(handle: Handle, name: str, error: Exception) -> OpError:
    """The error that the caller gets for what a model raised; the log gets the traceback of one that nobody foresaw."""
    if isinstance(error, OpError):
        return error
    named: OpError
    if isinstance(error, MemoryError):
        named = ResourceExhaustedError(f"not enough memory to run model {handle.model}; send a smaller batch")
    else:
        details = fields(model=handle.model, version=handle.version, signature=name)
        logger.error("a run failed", exc_info=error, extra=details)
        named = InternalError(f"model {handle.model} version {handle.version} failed: {type(error).__name__}: {error}")
    named.__cause__ = error
    return named
