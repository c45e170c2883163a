"""Warm-up files: requests that a version brings along, replayed before it serves.

They stand in `assets.extra/tf_serving_warmup_requests`: a TFRecord file of tensorflow.serving.PredictionLog. The model's name and
version in a request do not count: it is always the version that is being loaded.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from headrace.core.errors import (
    DataLossError,
    FailedPreconditionError,
    InternalError,
    InvalidArgumentError,
    OpError,
    UnimplementedError,
)
from headrace.data.tfrecord import read
from headrace.proto.messages import parse
from headrace.proto.serving import PredictionLog
from headrace.proto.tensors import from_proto
from headrace.serving.checks import check_inputs, check_method, complete_inputs, wanted_outputs
from headrace.serving.engines.base import DEFAULT_SIGNATURE
from headrace.serving.examples import batch_of, of_input
from headrace.serving.heads import CLASSIFY, INPUTS, REGRESS, Head, check, check_together, result_of
from headrace.serving.logs import fields
from headrace.serving.servable import Servable

logger = logging.getLogger(__name__)

FILE = Path("assets.extra") / "tf_serving_warmup_requests"
"""Below a version's directory."""
MAX_RECORDS = 1000
MAX_RECORD_BYTES = 1 << 28


def replay(servable: Servable, path: Path, iterations: int, cancelled: Callable[[], bool]) -> int:
    """Runs the requests of a version's warm-up file.

    Args:
        servable: the version, loaded.
        path: its directory.
        iterations: how often each request is run.
        cancelled: asked before each run; once true, the rest is left out.

    Returns:
        How many requests were read.

    Raises:
        DataLossError: the file is damaged or no TFRecord file.
        InvalidArgumentError: a record is no PredictionLog, there are more than 1000, or a request does not fit the model.
        OpError: whatever else a request failed with.
    """
    file = path / FILE
    if not file.is_file():
        return 0
    count = 0
    for record in _records(file):
        count += 1
        if count > MAX_RECORDS:
            raise InvalidArgumentError(f"Number of warmup records exceeds the maximum ({MAX_RECORDS}) at {file}")
        try:
            log = parse(PredictionLog, record, f"record {count}")
        except DataLossError as error:
            raise InvalidArgumentError(f"Failed to parse warmup record: {error.message} from {file}") from None
        for _ in range(iterations):
            if cancelled():
                return count
            _run(servable, log, f"warm-up request {count} of {file}")
    details = fields(model=servable.model, version=servable.version, requests=count, runs=count * iterations)
    logger.info("warm-up requests run", extra=details)
    return count


def _records(file: Path) -> Iterator[bytes]:
    try:
        yield from read(file, max_record_bytes=MAX_RECORD_BYTES)
    except DataLossError as error:
        raise DataLossError(f"{error.message}. Please verify your warmup data is in TFRecord format.") from error


def _run(servable: Servable, log: Any, what: str) -> None:
    kind = log.WhichOneof("log_type")
    try:
        if kind is None:
            logger.warning("%s is empty and left out", what)
        elif kind in _RUN_OF:
            _RUN_OF[kind](servable, getattr(log, kind).request)
        else:
            raise UnimplementedError(f"Unsupported log_type for warmup: {kind}")
    except OpError as error:
        raise type(error)(f"{what} failed: {error.message}") from error
    except Exception as error:  # anything may come out of a model
        raise InternalError(f"{what} failed: {type(error).__name__}: {error}") from error


def _predict(servable: Servable, request: Any) -> None:
    name = request.model_spec.signature_name or DEFAULT_SIGNATURE
    signature = servable.signatures.get(name)
    if signature is None:
        raise FailedPreconditionError(f'Serving signature key "{name}" not found.')
    if servable.check_methods:
        check_method(signature)
    wanted_outputs(signature, request.output_filter)
    inputs = {key: from_proto(value, f"input {key!r}") for key, value in request.inputs.items()}
    servable.run(name, complete_inputs(signature, inputs))


def _head(servable: Servable, method: str, request: Any) -> None:
    head = Head(method, request.model_spec.signature_name)
    name, _ = check(servable.signatures, head, servable.check_methods)
    inputs = {INPUTS: batch_of(*of_input(request.input))}
    check_inputs(servable.signatures[name], inputs)
    result_of(head, servable.run(name, inputs), len(inputs[INPUTS]))


def _classify(servable: Servable, request: Any) -> None:
    _head(servable, CLASSIFY, request)


def _regress(servable: Servable, request: Any) -> None:
    _head(servable, REGRESS, request)


def _multi_inference(servable: Servable, request: Any) -> None:
    heads = [Head(task.method_name, task.model_spec.signature_name) for task in request.tasks]
    names = check_together(servable.signatures, heads, servable.check_methods)
    inputs = {INPUTS: batch_of(*of_input(request.input))}
    check_inputs(servable.signatures[names[0]], inputs)
    outputs = servable.run_together(names, inputs)
    for head, name in zip(heads, names, strict=True):
        result_of(head, outputs[name], len(inputs[INPUTS]))


_RUN_OF: dict[str, Callable[[Servable, Any], None]] = {
    "predict_log": _predict,
    "classify_log": _classify,
    "regress_log": _regress,
    "multi_inference_log": _multi_inference,
}
