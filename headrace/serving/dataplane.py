"""Predict, whatever the protocol: inputs are checked against the signature, run, and the outputs picked."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from headrace.core.errors import FailedPreconditionError, InternalError, OpError, ResourceExhaustedError
from headrace.serving.checks import check_inputs, complete_inputs, wanted_outputs
from headrace.serving.engines.base import DEFAULT_SIGNATURE, Array
from headrace.serving.logs import fields
from headrace.serving.metrics import ServingMetrics
from headrace.serving.models import Models, ModelSpec
from headrace.serving.servable import Handle

logger = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a run returned, and which version and signature ran."""

    outputs: dict[str, Array]
    version: int
    signature: str


class Dataplane:
    """Runs requests on the models at hand."""

    def __init__(self, models: Models, metrics: ServingMetrics) -> None:
        self.models = models
        self._metrics = metrics

    def predict(self, spec: ModelSpec, inputs: Mapping[str, Array], output_filter: Sequence[str] = ()) -> Prediction:
        """Runs the model that `spec` names.

        Args:
            spec: the model, version and signature.
            inputs: one array for each input of the signature that has no default.
            output_filter: the outputs wanted; all when empty.

        Raises:
            NotFoundError: no such model or version.
            FailedPreconditionError: no such signature.
            InvalidArgumentError: names, dtypes, shapes or the filter do not match the signature.
        """
        with self.models.acquire(spec) as handle:
            return self.run(handle, spec.signature, inputs, output_filter)

    def run(
        self, handle: Handle, name: str, inputs: Mapping[str, Array], output_filter: Sequence[str] = (), api: str = "Predict"
    ) -> Prediction:
        """Runs one signature of a version that the caller holds; see `predict`. `api` is what metrics call it."""
        name = name or DEFAULT_SIGNATURE
        signature = handle.signatures.get(name)
        if signature is None:
            raise FailedPreconditionError(f'Serving signature key "{name}" not found.')
        inputs = complete_inputs(signature, inputs)
        wanted = wanted_outputs(signature, output_filter)
        started = time.perf_counter()
        outputs = _guarded(handle, name, lambda: handle.run(name, inputs))
        self._metrics.ran(handle.model, handle.version, api, time.perf_counter() - started)
        missing = [output for output in wanted if output not in outputs]
        if missing:
            raise InternalError(f"model {handle.model} version {handle.version} did not return {missing} of signature {name!r}")
        return Prediction({output: outputs[output] for output in wanted}, handle.version, name)

    def run_together(self, handle: Handle, names: Sequence[str], inputs: Mapping[str, Array]) -> Mapping[str, Mapping[str, Array]]:
        """Runs several signatures of a version that the caller holds on the same inputs; see `LoadedModel.run_together`.

        Raises:
            InvalidArgumentError: names, dtypes or shapes do not match one of the signatures.
        """
        for name in names:
            check_inputs(handle.signatures[name], inputs)
        started = time.perf_counter()
        outputs = _guarded(handle, ",".join(names), lambda: handle.run_together(names, inputs))
        self._metrics.ran(handle.model, handle.version, "MultiInference", time.perf_counter() - started)
        return outputs

    def count_examples(self, handle: Handle, count: int) -> None:
        """Notes that a request with `count` tf.Examples was run."""
        self._metrics.examples(handle.model, count)


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
