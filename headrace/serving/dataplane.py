"""Predict, whatever the protocol: inputs are checked against the signature, run, and the outputs picked."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from headrace.core import dtypes
from headrace.core.errors import FailedPreconditionError, InternalError, InvalidArgumentError, OpError, ResourceExhaustedError
from headrace.core.shapes import TensorShape
from headrace.serving.engines.base import DEFAULT_SIGNATURE, Array, Signature
from headrace.serving.logs import fields
from headrace.serving.metrics import ServingMetrics
from headrace.serving.models import Models, ModelSpec
from headrace.serving.servable import Handle

logger = logging.getLogger(__name__)


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

    def run(self, handle: Handle, name: str, inputs: Mapping[str, Array], output_filter: Sequence[str] = ()) -> Prediction:
        """Runs one signature of a version that the caller holds; see `predict`."""
        name = name or DEFAULT_SIGNATURE
        signature = handle.signatures.get(name)
        if signature is None:
            raise FailedPreconditionError(f'Serving signature key "{name}" not found.')
        inputs = {**{key: value for key, value in signature.defaults.items() if key not in inputs}, **inputs}
        check_inputs(signature, inputs)
        wanted = _wanted_outputs(signature, output_filter)
        started = time.perf_counter()
        outputs = _run(handle, name, inputs)
        self._metrics.ran(handle.model, handle.version, "Predict", time.perf_counter() - started)
        missing = [output for output in wanted if output not in outputs]
        if missing:
            raise InternalError(f"model {handle.model} version {handle.version} did not return {missing} of signature {name!r}")
        return Prediction({output: outputs[output] for output in wanted}, handle.version, name)


def check_inputs(signature: Signature, inputs: Mapping[str, Array]) -> None:
    """Raises InvalidArgumentError unless names, dtypes and shapes of `inputs` match the signature."""
    expected = signature.inputs
    if inputs.keys() != expected.keys():
        extra, missing = inputs.keys() - expected.keys(), expected.keys() - inputs.keys()
        raise InvalidArgumentError(
            f"input size does not match signature: {len(inputs)}!={len(expected)} len({_set(inputs)}) != len({_set(expected)}). "
            f"Sent extra: {_set(extra)}. Missing but required: {_set(missing)}."
        )
    for name, value in inputs.items():
        spec = expected[name]
        given = dtypes.from_numpy(value.dtype)
        if given is not spec.dtype:
            raise InvalidArgumentError(f'input "{name}" has dtype {given.name}; expected {spec.dtype.name}')
        if not spec.shape.is_compatible_with(value.shape):
            raise InvalidArgumentError(f'input "{name}" has shape {TensorShape(value.shape)}; expected {spec.shape}')


def _wanted_outputs(signature: Signature, output_filter: Sequence[str]) -> list[str]:
    for position, name in enumerate(output_filter):
        if name not in signature.outputs:
            raise InvalidArgumentError(f'output_filter names "{name}"; expected some of {_set(signature.outputs)}')
        if name in output_filter[:position]:
            raise InvalidArgumentError(f'output_filter names "{name}" twice; expected each output once')
    return list(output_filter) or sorted(signature.outputs)


def _run(handle: Handle, name: str, inputs: Mapping[str, Array]) -> dict[str, Array]:
    try:
        return handle.run(name, inputs)
    except OpError:
        raise
    except MemoryError as error:
        raise ResourceExhaustedError(f"not enough memory to run model {handle.model}; send a smaller batch") from error
    except Exception as error:  # anything may come out of a model; the caller gets a named error, the log the traceback
        details = fields(model=handle.model, version=handle.version, signature=name)
        logger.exception("a run failed", extra=details)
        raise InternalError(f"model {handle.model} version {handle.version} failed: {type(error).__name__}: {error}") from error


def _set(names: Mapping[str, object] | set[str]) -> str:
    return "{" + ",".join(sorted(names)) + "}"
