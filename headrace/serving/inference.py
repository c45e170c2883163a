"""Classify, regress and multi-inference, whatever the protocol: heads of a model are run on tf.Examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from headrace.core.errors import InvalidArgumentError
from headrace.serving.context import RequestContext
from headrace.serving.dataplane import Dataplane, Prediction
from headrace.serving.examples import batch_of
from headrace.serving.heads import (
    CLASSIFY,
    INPUTS,
    REGRESS,
    Classification,
    Head,
    Regression,
    Result,
    check,
    check_together,
    result_of,
)
from headrace.serving.models import ModelSpec
from headrace.serving.pending import Pending
from headrace.serving.servable import Handle

APIS = {CLASSIFY: "Classify", REGRESS: "Regress"}
"""What metrics call each method."""

R = TypeVar("R", bound=Result)


@dataclass(frozen=True, slots=True)
class Answer(Generic[R]):
    """What a head says, and which version and signature ran."""

    result: R
    version: int
    signature: str


@dataclass(frozen=True, slots=True)
class Task:
    """One head of a multi-inference request: `method` is a method name such as `tensorflow/serving/classify`."""

    spec: ModelSpec
    method: str


def classify(
    dataplane: Dataplane,
    spec: ModelSpec,
    examples: Sequence[bytes],
    shared: bytes = b"",
    context: RequestContext | None = None,
) -> Answer[Classification]:
    """Runs a classify head: a signature from `inputs` to `classes`, `scores` or both.

    Args:
        dataplane: has the models.
        spec: the model, version and signature.
        examples: serialized tf.Examples; `headrace.serving.examples.of_input` gives those of an Input message.
        shared: a serialized tf.Example whose features every example gets, except those that it has itself.
        context: the request's circumstances; those of a request without any when left out.

    Raises:
        NotFoundError: no such model or version.
        InvalidArgumentError: no example, no such signature, or it is no classify head or does not give what one gives.
        DeadlineExceededError: it did not run in time.
        UnavailableError: too many requests wait already.
    """
    context = context or RequestContext()
    with dataplane.acquire(spec, context) as handle:
        pending = start_head(dataplane, handle, Head(CLASSIFY, spec.signature), examples, shared, context, wait=True)
    found = pending.result()
    assert isinstance(found.result, Classification)
    return Answer(found.result, found.version, found.signature)


def regress(
    dataplane: Dataplane,
    spec: ModelSpec,
    examples: Sequence[bytes],
    shared: bytes = b"",
    context: RequestContext | None = None,
) -> Answer[Regression]:
    """Runs a regress head: a signature from `inputs` to `outputs`; arguments and errors are those of `classify`."""
    context = context or RequestContext()
    with dataplane.acquire(spec, context) as handle:
        pending = start_head(dataplane, handle, Head(REGRESS, spec.signature), examples, shared, context, wait=True)
    found = pending.result()
    assert isinstance(found.result, Regression)
    return Answer(found.result, found.version, found.signature)


def multi_inference(
    dataplane: Dataplane,
    tasks: Sequence[Task],
    examples: Sequence[bytes],
    shared: bytes = b"",
    context: RequestContext | None = None,
) -> list[Answer[Result]]:
    """Runs several heads of one version on the same examples, which are parsed once where the engine can.

    Args:
        dataplane: has the models.
        tasks: the heads. All name the same model, and no two the same signature.
        examples: as for `classify`.
        shared: as for `classify`.
        context: as for `classify`.

    Returns:
        An answer to each task, in order.

    Raises:
        NotFoundError: no such model or version.
        InvalidArgumentError: as for `classify`; also tasks of different models or versions, or of the same signature.
        UnimplementedError: a method other than classify and regress.
        DeadlineExceededError: it did not run in time.
    """
    context = context or RequestContext()
    with dataplane.acquire(tasks[0].spec if tasks else ModelSpec(""), context) as handle:
        _check_same_model(tasks)
        heads = [Head(task.method, task.spec.signature) for task in tasks]
        names = check_together(handle.signatures, heads, handle.check_methods)
        batch = batch_of(examples, shared)
        outputs = dataplane.run_together(handle, names, {INPUTS: batch}, context)
        dataplane.count_examples(handle, len(batch))
    results = [result_of(head, outputs[name], len(batch)) for head, name in zip(heads, names, strict=True)]
    return [Answer(result, handle.version, name) for result, name in zip(results, names, strict=True)]


def start_head(
    dataplane: Dataplane,
    handle: Handle,
    head: Head,
    examples: Sequence[bytes],
    shared: bytes,
    context: RequestContext,
    wait: bool = False,
) -> Pending[Answer[Result]]:
    """Runs one head of a version that the caller holds, or queues it where it is batched; arguments are those of `classify`.

    `wait` says that the caller is going to wait for the answer on this thread, which then may run the batch.

    Raises:
        OpError: as `classify`, now or when the answer is asked for.
    """
    name, wanted = check(handle.signatures, head, handle.check_methods)
    batch = batch_of(examples, shared)
    count = len(batch)

    def answer(prediction: Prediction) -> Answer[Result]:
        dataplane.count_examples(handle, count)
        return Answer(result_of(head, prediction.outputs, count), prediction.version, name)

    return dataplane.start(handle, name, {INPUTS: batch}, wanted, APIS[head.method], context, wait).then(answer)


def _check_same_model(tasks: Sequence[Task]) -> None:
    first = tasks[0].spec
    for task in tasks:
        if not task.spec.name:
            raise InvalidArgumentError("Found ModelSpec with an empty model name.")
        if task.spec.name != first.name:
            raise InvalidArgumentError("All ModelSpecs in a MultiInferenceRequest must access the same model name.")
        if (task.spec.version, task.spec.label) != (first.version, first.label):
            raise InvalidArgumentError("All ModelSpecs in a MultiInferenceRequest must access the same model version.")
