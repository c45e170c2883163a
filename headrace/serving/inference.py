"""Classify, regress and multi-inference, whatever the protocol: heads of a model are run on tf.Examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from headrace.core.errors import InvalidArgumentError
from headrace.serving.dataplane import Dataplane
from headrace.serving.engines.base import DEFAULT_SIGNATURE, Array
from headrace.serving.examples import batch_of
from headrace.serving.heads import CLASSIFY, REGRESS, Classification, Head, Regression, Result, infer, infer_together
from headrace.serving.models import ModelSpec
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


def classify(dataplane: Dataplane, spec: ModelSpec, examples: Sequence[bytes], context: bytes = b"") -> Answer[Classification]:
    """Runs a classify head: a signature from `inputs` to `classes`, `scores` or both.

    Args:
        dataplane: has the models.
        spec: the model, version and signature.
        examples: serialized tf.Examples; `headrace.serving.examples.of_input` gives those of an Input message.
        context: a serialized tf.Example whose features every example gets, except those that it has itself.

    Raises:
        NotFoundError: no such model or version.
        InvalidArgumentError: no example, no such signature, or it is no classify head or does not give what one gives.
    """
    with dataplane.models.acquire(spec) as handle:
        found = run_head(dataplane, handle, Head(CLASSIFY, spec.signature), batch_of(examples, context))
    assert isinstance(found.result, Classification)
    return Answer(found.result, found.version, found.signature)


def regress(dataplane: Dataplane, spec: ModelSpec, examples: Sequence[bytes], context: bytes = b"") -> Answer[Regression]:
    """Runs a regress head: a signature from `inputs` to `outputs`; arguments and errors are those of `classify`."""
    with dataplane.models.acquire(spec) as handle:
        found = run_head(dataplane, handle, Head(REGRESS, spec.signature), batch_of(examples, context))
    assert isinstance(found.result, Regression)
    return Answer(found.result, found.version, found.signature)


def multi_inference(
    dataplane: Dataplane, tasks: Sequence[Task], examples: Sequence[bytes], context: bytes = b""
) -> list[Answer[Result]]:
    """Runs several heads of one version on the same examples, which are parsed once where the engine can.

    Args:
        dataplane: has the models.
        tasks: the heads. All name the same model, and no two the same signature.
        examples: as for `classify`.
        context: as for `classify`.

    Returns:
        An answer to each task, in order.

    Raises:
        NotFoundError: no such model or version.
        InvalidArgumentError: as for `classify`; also tasks of different models or versions, or of the same signature.
        UnimplementedError: a method other than classify and regress.
    """
    with dataplane.models.acquire(tasks[0].spec if tasks else ModelSpec("")) as handle:
        _check_same_model(tasks)
        batch = batch_of(examples, context)
        results = infer_together(
            handle.signatures,
            [Head(task.method, task.spec.signature) for task in tasks],
            batch,
            lambda names, inputs: dataplane.run_together(handle, names, inputs),
        )
        dataplane.count_examples(handle, len(batch))
    names = [task.spec.signature or DEFAULT_SIGNATURE for task in tasks]
    return [Answer(result, handle.version, name) for result, name in zip(results, names, strict=True)]


def run_head(dataplane: Dataplane, handle: Handle, head: Head, batch: Array) -> Answer[Result]:
    """Runs one head of a version that the caller holds on a batch from `batch_of`; see `classify`."""
    result = infer(
        handle.signatures,
        head,
        batch,
        lambda name, inputs, wanted: dataplane.run(handle, name, inputs, wanted, APIS[head.method]).outputs,
    )
    dataplane.count_examples(handle, len(batch))
    return Answer(result, handle.version, head.signature or DEFAULT_SIGNATURE)


def _check_same_model(tasks: Sequence[Task]) -> None:
    first = tasks[0].spec
    for task in tasks:
        if not task.spec.name:
            raise InvalidArgumentError("Found ModelSpec with an empty model name.")
        if task.spec.name != first.name:
            raise InvalidArgumentError("All ModelSpecs in a MultiInferenceRequest must access the same model name.")
        if (task.spec.version, task.spec.label) != (first.version, first.label):
            raise InvalidArgumentError("All ModelSpecs in a MultiInferenceRequest must access the same model version.")
