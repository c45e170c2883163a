"""Classify and regress heads: which signatures can be one, and what their outputs mean.

A head takes serialized tf.Examples as its input `inputs`. As in TensorFlow Serving, the names of inputs and outputs decide, not
the signature's method name (unless that is asked for), so that a model of TensorFlow 2, whose signatures all say "predict", has
heads too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from headrace.core import dtypes
from headrace.core.errors import InvalidArgumentError, UnimplementedError
from headrace.proto.tensors import enum_name
from headrace.serving.engines.base import CLASSIFY_METHOD, DEFAULT_SIGNATURE, REGRESS_METHOD, Array, Signature

CLASSIFY, REGRESS = CLASSIFY_METHOD, REGRESS_METHOD
_WORDS = {CLASSIFY: "classification", REGRESS: "regression"}

INPUTS = "inputs"
CLASSES, SCORES = "classes", "scores"
OUTPUTS = "outputs"


@dataclass(frozen=True, slots=True)
class Classification:
    """What a classify head says of each example; at least one of the two is there.

    Attributes:
        classes: labels, bytes in an array of objects, [examples, classes].
        scores: float32 [examples, classes].
    """

    classes: Array | None
    scores: Array | None

    def labels(self) -> list[list[str]]:
        """The classes as text; empty ones where the head gives none.

        Raises:
            InvalidArgumentError: a class is not UTF-8.
        """
        if self.classes is None:
            assert self.scores is not None
            return [[""] * self.scores.shape[1]] * len(self.scores)
        return [[_text(item) for item in row] for row in self.classes.tolist()]

    def score_rows(self) -> Array:
        """The scores; zeros where the head gives none."""
        if self.scores is not None:
            return self.scores
        assert self.classes is not None
        return np.zeros(self.classes.shape, np.float32)


@dataclass(frozen=True, slots=True)
class Regression:
    """What a regress head says of each example: `values`, float32 [examples]."""

    values: Array


@dataclass(frozen=True, slots=True)
class Head:
    """A signature and what it is used as: `method` is CLASSIFY or REGRESS. An empty signature is `serving_default`."""

    method: str
    signature: str


Result = Classification | Regression


def check(signatures: Mapping[str, Signature], head: Head, methods: bool = False) -> tuple[str, list[str]]:
    """What is to be run for a head: the name of its signature, and the names of the outputs that it gives.

    Args:
        signatures: what the model offers.
        head: what is asked for.
        methods: the signature's method name has to be the head's.

    Raises:
        InvalidArgumentError: no such signature, or it cannot be such a head.
    """
    name = head.signature or DEFAULT_SIGNATURE
    if name not in signatures:
        raise InvalidArgumentError(f"No signature was found with the name: {name}")
    return name, _outputs_of(signatures[name], head.method, methods)


def check_together(signatures: Mapping[str, Signature], heads: Sequence[Head], methods: bool = False) -> list[str]:
    """The names of the signatures that are to be run for several heads on the same examples; see `check`.

    Raises:
        InvalidArgumentError: also when there is no head, a signature is named twice, or two take different inputs.
        UnimplementedError: a method other than classify and regress.
    """
    if not heads:
        raise InvalidArgumentError("the request has no tasks; expected at least one")
    names: list[str] = []
    for head in heads:
        name = head.signature or DEFAULT_SIGNATURE
        if name in names:
            raise InvalidArgumentError(f"Duplicate evaluation of signature: {name}")
        if name not in signatures:
            raise InvalidArgumentError(f"Requested signature not found in model graph: {name}")
        if head.method not in _OUTPUTS_OF:
            raise UnimplementedError(f"Unsupported signature method_name: {head.method}")
        _outputs_of(signatures[name], head.method, methods)
        names.append(name)
        first, spec = signatures[names[0]].inputs[INPUTS], signatures[name].inputs[INPUTS]
        if (spec.dtype, spec.shape) != (first.dtype, first.shape):
            raise InvalidArgumentError("Input tensor must be the same for all Signatures.")
    return names


def result_of(head: Head, outputs: Mapping[str, Array], count: int) -> Result:
    """What a head says, from the outputs of its signature for `count` examples.

    Raises:
        InvalidArgumentError: the outputs have other shapes or dtypes than such a head gives.
    """
    return _RESULT_OF[head.method](outputs, count)


def _outputs_of(signature: Signature, method: str, methods: bool) -> list[str]:
    if methods and signature.method_name != method:
        raise InvalidArgumentError(f"Expected {_WORDS[method]} signature method_name to be {method}. Was: {signature.method_name}")
    return _OUTPUTS_OF[method](signature)


def _classify_outputs(signature: Signature) -> list[str]:
    """The outputs that a classify head has, once it is known to be one."""
    if len(signature.inputs) != 1:
        raise InvalidArgumentError("Expected one input Tensor.")
    if len(signature.outputs) not in (1, 2):
        raise InvalidArgumentError(f"Expected one or two output Tensors, found {len(signature.outputs)}")
    if INPUTS not in signature.inputs:
        raise InvalidArgumentError(f"No classification inputs found in SignatureDef: {_describe(signature)}")
    wanted = [name for name in (CLASSES, SCORES) if name in signature.outputs]
    if not wanted:
        raise InvalidArgumentError(
            "Expected classification signature outputs to contain at least one of "
            f'"{CLASSES}" or "{SCORES}". Signature was: {_describe(signature)}'
        )
    return wanted


def _regress_outputs(signature: Signature) -> list[str]:
    if len(signature.inputs) != 1:
        raise InvalidArgumentError("Expected one input Tensor.")
    if len(signature.outputs) != 1:
        raise InvalidArgumentError("Expected one output Tensor.")
    if INPUTS not in signature.inputs:
        raise InvalidArgumentError(f"No regression inputs found in SignatureDef: {_describe(signature)}")
    if OUTPUTS not in signature.outputs:
        raise InvalidArgumentError(f"No regression outputs found in SignatureDef: {_describe(signature)}")
    return [OUTPUTS]


def _classification(outputs: Mapping[str, Array], count: int) -> Classification:
    classes, scores = outputs.get(CLASSES), outputs.get(SCORES)
    for name, dtype in ((CLASSES, dtypes.string), (SCORES, dtypes.float32)):
        value = outputs.get(name)
        if value is None:
            continue
        if value.ndim != 2:
            raise InvalidArgumentError(f"Expected Tensor shape: [batch_size num_classes] but got {_brackets(value)}")
        given = dtypes.from_numpy(value.dtype)
        if given is not dtype:
            raise InvalidArgumentError(f"Expected {name} Tensor of {enum_name(dtype)}. Got: {enum_name(given)}")
        if len(value) != count:
            raise InvalidArgumentError(f"Expected {name} output batch size of {count}. Got: {len(value)}")
    if classes is not None and scores is not None and classes.shape != scores.shape:
        raise InvalidArgumentError(
            f"Tensors class and score should match in dim_size(1). Got {classes.shape[1]} vs. {scores.shape[1]}"
        )
    return Classification(classes, scores)


def _regression(outputs: Mapping[str, Array], count: int) -> Regression:
    value = outputs[OUTPUTS]
    if value.ndim != 1 and value.shape[1:] != (1,):
        raise InvalidArgumentError(
            f"Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got {_brackets(value)}"
        )
    if len(value) != count:
        raise InvalidArgumentError(f"Input batch size did not match output batch size: {count} vs. {len(value)}")
    given = dtypes.from_numpy(value.dtype)
    if given is not dtypes.float32:
        raise InvalidArgumentError(f"Expected output Tensor of DT_FLOAT.  Got: {enum_name(given)}")
    return Regression(value.reshape(count))


_OUTPUTS_OF: Mapping[str, Callable[[Signature], list[str]]] = {CLASSIFY: _classify_outputs, REGRESS: _regress_outputs}
_RESULT_OF: Mapping[str, Callable[[Mapping[str, Array], int], Result]] = {CLASSIFY: _classification, REGRESS: _regression}


def _text(item: bytes | str) -> str:
    if isinstance(item, str):
        return item
    try:
        return item.decode()
    except UnicodeDecodeError:
        raise InvalidArgumentError(f"class {item[:40]!r} is not UTF-8; expected labels that are text") from None


def _describe(signature: Signature) -> str:
    return f"inputs {{{','.join(sorted(signature.inputs))}}}, outputs {{{','.join(sorted(signature.outputs))}}}"


def _brackets(value: Array) -> str:
    return "[" + ",".join(map(str, value.shape)) + "]"
