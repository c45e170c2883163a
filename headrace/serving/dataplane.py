"""Predict, whatever the protocol: inputs are checked against the signature, run, and the outputs picked."""

from __future__ import annotations

import functools
import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TypeVar

from headrace.core.errors import DeadlineExceededError, FailedPreconditionError, InternalError, OpError, ResourceExhaustedError
from headrace.serving.batching.requests import DEFAULT_PRIORITY
from headrace.serving.batching.tensors import Outputs
from headrace.serving.cache import ResponseCache, digest
from headrace.serving.checks import check_inputs, check_method, complete_inputs, wanted_outputs
from headrace.serving.engines.base import DEFAULT_SIGNATURE, Array
from headrace.serving.logs import fields
from headrace.serving.metrics import ServingMetrics
from headrace.serving.models import Models, ModelSpec
from headrace.serving.pending import Pending, completed
from headrace.serving.servable import Handle

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
    """A checked request: what is to be run, and what of its outputs is wanted."""

    handle: Handle
    name: str
    inputs: Mapping[str, Array]
    wanted: list[str]
    api: str
    started: float


class Dataplane:
    """Runs requests on the models at hand.

    Args:
        models: the models.
        metrics: told of every run.
        cache: answers requests that come again; None keeps no answers.
    """

    def __init__(self, models: Models, metrics: ServingMetrics, cache: ResponseCache | None = None) -> None:
        self.models = models
        self._metrics = metrics
        self._cache = cache

    def predict(
        self,
        spec: ModelSpec,
        inputs: Mapping[str, Array],
        output_filter: Sequence[str] = (),
        deadline: float = math.inf,
        priority: int = DEFAULT_PRIORITY,
    ) -> Prediction:
        """Runs the model that `spec` names.

        Args:
            spec: the model, version and signature.
            inputs: one array for each input of the signature that has no default.
            output_filter: the outputs wanted; all when empty.
            deadline: in `time.monotonic()` seconds; a request that has not run then is not run.
            priority: 0, the most urgent, to 7; which of the requests that wait runs first.

        Raises:
            NotFoundError: no such model or version.
            FailedPreconditionError: no such signature.
            InvalidArgumentError: names, dtypes, shapes or the filter do not match the signature.
            DeadlineExceededError: it did not run in time.
            UnavailableError: too many requests wait already.
        """
        with self.models.acquire(spec) as handle:
            return self.run(handle, spec.signature, inputs, output_filter, deadline=deadline, priority=priority)

    def run(
        self,
        handle: Handle,
        name: str,
        inputs: Mapping[str, Array],
        output_filter: Sequence[str] = (),
        api: str = "Predict",
        deadline: float = math.inf,
        priority: int = DEFAULT_PRIORITY,
    ) -> Prediction:
        """Runs one signature of a version that the caller holds; see `predict`. `api` is what metrics call it."""
        return self._start(handle, name, inputs, output_filter, api, deadline, priority, wait=True).result()

    def start(
        self,
        handle: Handle,
        name: str,
        inputs: Mapping[str, Array],
        output_filter: Sequence[str] = (),
        api: str = "Predict",
        deadline: float = math.inf,
        priority: int = DEFAULT_PRIORITY,
    ) -> Pending[Prediction]:
        """As `run`, but a request that is batched is only queued. The caller may give its handle back right away."""
        return self._start(handle, name, inputs, output_filter, api, deadline, priority, wait=False)

    def _start(
        self,
        handle: Handle,
        name: str,
        inputs: Mapping[str, Array],
        output_filter: Sequence[str],
        api: str,
        deadline: float,
        priority: int,
        wait: bool,
    ) -> Pending[Prediction]:
        name = name or DEFAULT_SIGNATURE
        signature = handle.signatures.get(name)
        if signature is None:
            raise FailedPreconditionError(f'Serving signature key "{name}" not found.')
        if handle.check_methods:
            check_method(signature)
        inputs = complete_inputs(signature, inputs)
        wanted = wanted_outputs(signature, output_filter)
        _check_time(deadline)
        call = _Call(handle, name, inputs, wanted, api, time.perf_counter())
        key = None
        if self._cache is not None and self._cache.covers(handle.model, name):
            key = digest(handle.load, name, inputs)
            kept = self._cache.get(handle.model, name, key)
            if kept is not None:
                return Pending(completed(kept), lambda get: self._prediction(call, get()))
        finish = functools.partial(self._finish, call, key)
        return Pending(self._begin(call, deadline, priority, wait), finish, deadline)

    def _begin(self, call: _Call, deadline: float, priority: int, wait: bool) -> Future[Outputs]:
        """Queues a request that is batched and runs any other. `wait` says that the caller is going to wait for it."""
        batcher = call.handle.batcher(call.name)
        if batcher is None:
            return completed(_guarded(call.handle, call.name, lambda: call.handle.run(call.name, call.inputs)))
        future = batcher.submit(call.name, call.inputs, deadline, priority, lend_thread=wait)
        kept = call.handle.keep()
        future.add_done_callback(lambda _: kept.release())
        return future

    def _finish(self, call: _Call, key: bytes | None, get: Callable[[], Outputs]) -> Prediction:
        outputs = _guarded(call.handle, call.name, get)
        self._metrics.ran(call.handle.model, call.handle.version, call.api, time.perf_counter() - call.started)
        prediction = self._prediction(call, outputs)
        if key is not None and self._cache is not None:
            self._cache.put(key, outputs)
        return prediction

    def _prediction(self, call: _Call, outputs: Outputs) -> Prediction:
        missing = [output for output in call.wanted if output not in outputs]
        if missing:
            model = f"model {call.handle.model} version {call.handle.version}"
            raise InternalError(f"{model} did not return {missing} of signature {call.name!r}")
        return Prediction({output: outputs[output] for output in call.wanted}, call.handle.version, call.name)

    def run_together(
        self, handle: Handle, names: Sequence[str], inputs: Mapping[str, Array], deadline: float = math.inf
    ) -> Mapping[str, Mapping[str, Array]]:
        """Runs several signatures of a version that the caller holds on the same inputs; see `LoadedModel.run_together`.

        Such runs are not batched with others.

        Raises:
            InvalidArgumentError: names, dtypes or shapes do not match one of the signatures.
            DeadlineExceededError: the deadline, in `time.monotonic()` seconds, has passed.
        """
        for name in names:
            check_inputs(handle.signatures[name], inputs)
        _check_time(deadline)
        started = time.perf_counter()
        outputs = _guarded(handle, ",".join(names), lambda: handle.run_together(names, inputs))
        self._metrics.ran(handle.model, handle.version, "MultiInference", time.perf_counter() - started)
        return outputs

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
    except OpError:
        raise
    except MemoryError as error:
        raise ResourceExhaustedError(f"not enough memory to run model {handle.model}; send a smaller batch") from error
    except Exception as error:  # anything may come out of a model; the caller gets a named error, the log the traceback
        details = fields(model=handle.model, version=handle.version, signature=name)
        logger.exception("a run failed", extra=details)
        raise InternalError(f"model {handle.model} version {handle.version} failed: {type(error).__name__}: {error}") from error
