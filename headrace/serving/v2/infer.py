"""Inference requests: what they say, and how they are begun."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from headrace.core import dtypes
from headrace.core.errors import InvalidArgumentError, UnimplementedError
from headrace.serving.batching.requests import PRIORITIES
from headrace.serving.context import RequestContext
from headrace.serving.dataplane import Dataplane, Prediction
from headrace.serving.engines.base import Array, first_of
from headrace.serving.models import ModelSpec, version_number
from headrace.serving.pending import Pending
from headrace.serving.servable import Handle
from headrace.serving.v2 import datatypes

API = "Infer"
"""What metrics call these requests."""

_UNSUPPORTED = ("sequence_id", "shared_memory_region", "classification")


@dataclass(frozen=True, slots=True)
class InferRequest:
    """What a request says.

    Attributes:
        id: comes back in the answer.
        signature: the model's function; "" is the usual one.
        priority: 0, the most urgent, to 7; None when not given.
        timeout_seconds: after which it is not to be run any more.
        inputs: by name. They may be views of the request's bytes.
        outputs: the names of those wanted, in order; none is all.
    """

    id: str | None
    signature: str
    priority: int | None
    timeout_seconds: float
    inputs: dict[str, Array]
    outputs: list[str]


def begin(
    dataplane: Dataplane, handle: Handle, request: InferRequest, context: RequestContext, started: float, wait: bool = False
) -> Pending[Prediction]:
    """Runs a request, or queues one that is batched; see `Dataplane.start`.

    Args:
        dataplane: runs it.
        handle: the version that it gets.
        request: what it says. Its timeout and priority go into `context`.
        context: its circumstances.
        started: when it came, in `time.monotonic()` seconds.
        wait: the caller is going to wait for the answer on this thread.
    """
    context.deadline = min(context.deadline, started + request.timeout_seconds)
    if request.priority is not None:
        context.priority = request.priority
    return dataplane.start(handle, request.signature, request.inputs, request.outputs, API, context, wait)


def first_value(request: InferRequest, name: str) -> object:
    """The first value of an input; None where there is none."""
    value = request.inputs.get(name)
    return None if value is None else first_of(value)


def spec_of(name: str, version: str) -> ModelSpec:
    """The model that a request names. A version that is no number is taken for a label; an empty one leaves it to the server.

    Raises:
        InvalidArgumentError: the version is no int64.
    """
    if version.isascii() and version.isdecimal():
        return ModelSpec(name, version_number(version))
    return ModelSpec(name, label=version)


def check_parameters(names: Iterable[str], where: str) -> None:
    """Raises UnimplementedError for a parameter that would change the answer and is not supported."""
    for name in _UNSUPPORTED:
        if name in names:
            raise UnimplementedError(f'{where} has the parameter "{name}", which this server does not support; leave it out')


def priority_of(value: int) -> int | None:
    """The priority, 0 to 7, of the protocol's, which counts from 1, the most urgent, and has 0 for the usual one.

    Raises:
        InvalidArgumentError: it is below 0.
    """
    if value < 0:
        raise InvalidArgumentError(f'"priority" is {value}; expected 0, or from 1 (most urgent) up')
    return min(value - 1, PRIORITIES - 1) if value else None


def timeout_of(microseconds: int) -> float:
    """The seconds of a timeout; infinity for 0, which is none.

    Raises:
        InvalidArgumentError: it is below 0.
    """
    if microseconds < 0:
        raise InvalidArgumentError(f'"timeout" is {microseconds}; expected microseconds, or 0 for none')
    return min(microseconds, 1 << 62) / 1e6 if microseconds else math.inf


def datatype_of(name: str, value: Array) -> str:
    """The protocol's name of an output's type.

    Raises:
        UnimplementedError: it has none.
    """
    datatype = "BYTES" if value.dtype.kind in "OSU" else datatypes.name_of(dtypes.from_numpy(value.dtype))
    if datatype is None:
        raise UnimplementedError(f'output "{name}" of type {value.dtype} has no datatype in this protocol; choose other outputs')
    return datatype
