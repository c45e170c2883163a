"""Whether a request fits the signature that it asks for."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from headrace.core import dtypes
from headrace.core.errors import InternalError, InvalidArgumentError
from headrace.core.shapes import TensorShape
from headrace.serving.engines.base import CLASSIFY_METHOD, PREDICT_METHOD, REGRESS_METHOD, Array, Signature


def complete_inputs(signature: Signature, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """`inputs` with the signature's defaults for those left out.

    Raises:
        InvalidArgumentError: names, dtypes or shapes do not match the signature.
    """
    complete = {**{key: value for key, value in signature.defaults.items() if key not in inputs}, **inputs}
    check_inputs(signature, complete)
    return complete


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
        if not spec.shape.admits(value.shape):
            raise InvalidArgumentError(f'input "{name}" has shape {TensorShape(value.shape)}; expected {spec.shape}')


def check_method(signature: Signature) -> None:
    """Raises InternalError unless the signature's method name is one of those that can be run."""
    known = (PREDICT_METHOD, CLASSIFY_METHOD, REGRESS_METHOD)
    if signature.method_name not in known:
        raise InternalError(
            f"Expected prediction signature method_name to be one of {{{', '.join(known)}}}. Was: {signature.method_name}"
        )


def wanted_outputs(signature: Signature, output_filter: Sequence[str]) -> list[str]:
    """The outputs that a filter picks; all of them when it is empty.

    Raises:
        InvalidArgumentError: the filter names an output that does not exist, or one twice.
    """
    for position, name in enumerate(output_filter):
        if name not in signature.outputs:
            raise InvalidArgumentError(f'output_filter names "{name}"; expected some of {_set(signature.outputs)}')
        if name in output_filter[:position]:
            raise InvalidArgumentError(f'output_filter names "{name}" twice; expected each output once')
    return list(output_filter) or sorted(signature.outputs)


def _set(names: Collection[str]) -> str:
    return "{" + ",".join(sorted(names)) + "}"
