"""Warm-up files: requests that a version brings along, replayed before it serves.

They stand in `assets.extra/tf_serving_warmup_requests`: a TFRecord file of tensorflow.serving.PredictionLog. The model's name and
version in a request do not count: it is always the version that is being loaded.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
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
from headrace.core.log_lines import fields
from headrace.data.tfrecord import read
from headrace.proto.messages import parse
from headrace.proto.serving import PredictionLog
from headrace.proto.tensors import from_proto
from headrace.serving.checks import check_inputs, check_method, complete_inputs, wanted_outputs
from headrace.serving.engines.base import DEFAULT_SIGNATURE, Array, Signature
from headrace.serving.examples import batch_of, of_input
from headrace.serving.heads import CLASSIFY, INPUTS, REGRESS, Head, check, check_together, result_of
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


@dataclass(frozen=True, slots=True)
class _Request:
    """A request of a file, checked against the version.

    Attributes:
        names: the signatures that it runs, together.
        inputs: what they are given.
        check: told of their outputs; raises when no answer could be made of them.
    """

    names: tuple[str, ...]
    inputs: Mapping[str, Array]
    check: Callable[[Mapping[str, Mapping[str, Array]]], None]


def first_inputs(signatures: Mapping[str, Signature], path: Path, most: int) -> dict[str, list[Mapping[str, Array]]]:
    """What the first requests of a version's warm-up file give each signature; nothing where there is no file.

    Damaged records and requests that do not fit end the search or are left out: `replay` tells of them.

    Args:
        signatures: what the version offers.
        path: its directory.
        most: how many inputs of a signature are wanted.
    """
    found: dict[str, list[Mapping[str, Array]]] = {}
    file = path / FILE
    if not file.is_file():
        return found
    with contextlib.suppress(OpError):
        for record in itertools.islice(_records(file), MAX_RECORDS):
            try:
                request = _checked(signatures, parse(PredictionLog, record, "a warm-up request"), False)
            except OpError:
                continue
            for name in request.names if request is not None else ():
                known = found.setdefault(name, [])
                if request is not None and len(known) < most:
                    known.append(request.inputs)
            if len(found) == len(signatures) and all(len(known) == most for known in found.values()):
                break
    return found


def _run(servable: Servable, log: Any, what: str) -> None:
    try:
        request = _checked(servable.signatures, log, servable.check_methods)
        if request is None:
            logger.warning("%s is empty and left out", what)
        else:
            request.check(servable.run_together(request.names, request.inputs))
    except OpError as error:
        raise type(error)(f"{what} failed: {error.message}") from error
    except Exception as error:  # anything may come out of a model
        raise InternalError(f"{what} failed: {type(error).__name__}: {error}") from error


def _checked(signatures: Mapping[str, Signature], log: Any, check_methods: bool) -> _Request | None:
    """What a PredictionLog asks for; None for an empty one.

    Raises:
        OpError: it does not fit the version.
    """
    kind = log.WhichOneof("log_type")
    if kind is None:
        return None
    if kind not in _REQUEST_OF:
        raise UnimplementedError(f"Unsupported log_type for warmup: {kind}")
    return _REQUEST_OF[kind](signatures, getattr(log, kind).request, check_methods)


def _predict(signatures: Mapping[str, Signature], request: Any, check_methods: bool) -> _Request:
    name = request.model_spec.signature_name or DEFAULT_SIGNATURE
    signature = signatures.get(name)
    if signature is None:
        raise FailedPreconditionError(f'Serving signature key "{name}" not found.')
    if check_methods:
        check_method(signature)
    wanted_outputs(signature, request.output_filter)
    inputs = {key: from_proto(value, f"input {key!r}") for key, value in request.inputs.items()}
    return _Request((name,), complete_inputs(signature, inputs), lambda _: None)


def _head(method: str, signatures: Mapping[str, Signature], request: Any, check_methods: bool) -> _Request:
    head = Head(method, request.model_spec.signature_name)
    name, _ = check(signatures, head, check_methods)
    return _heads(signatures, [head], [name], request)


def _multi_inference(signatures: Mapping[str, Signature], request: Any, check_methods: bool) -> _Request:
    heads = [Head(task.method_name, task.model_spec.signature_name) for task in request.tasks]
    return _heads(signatures, heads, check_together(signatures, heads, check_methods), request)


def _heads(signatures: Mapping[str, Signature], heads: Sequence[Head], names: Sequence[str], request: Any) -> _Request:
    inputs = {INPUTS: batch_of(*of_input(request.input))}
    check_inputs(signatures[names[0]], inputs)

    def check_outputs(outputs: Mapping[str, Mapping[str, Array]]) -> None:
        for head, name in zip(heads, names, strict=True):
            result_of(head, outputs[name], len(inputs[INPUTS]))

    return _Request(tuple(names), inputs, check_outputs)


_REQUEST_OF: dict[str, Callable[[Mapping[str, Signature], Any, bool], _Request]] = {
    "predict_log": _predict,
    "classify_log": partial(_head, CLASSIFY),
    "regress_log": partial(_head, REGRESS),
    "multi_inference_log": _multi_inference,
}
