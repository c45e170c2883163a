"""The shortest way into a compiled function: on eager tensors alone, without tapes, for shapes that were seen before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from headrace.dispatch import context
from headrace.dispatch.tensor import EagerTensor
from headrace.runtime import executable
from headrace.runtime.eager import tensor_of
from headrace.trace.concrete import ConcreteFunction


def direct_key(args: tuple[Any, ...]) -> Any:
    """What decides which trace a call uses, or None for a call that must go the long way."""
    state = context.state()
    if state.tapes or not state.executor.is_eager:
        return None
    key: list[Any] = [state.device]
    for value in args:
        if type(value) is not EagerTensor:
            return None
        key += (value.array.dtype, value.array.shape)
    return tuple(key)


class DirectCall:
    """A concrete function with everything looked up that does not depend on the arguments' content."""

    __slots__ = ("_captured", "_concrete", "_executable", "_outputs")

    def __init__(self, concrete: ConcreteFunction) -> None:
        self._concrete = concrete
        self._executable = executable.of(concrete.graph)
        self._captured = [tensor.array for tensor in concrete.captured_inputs]  # type: ignore[attr-defined]
        self._outputs = [value.dtype for value in concrete.graph.outputs]

    def __call__(self, arrays: Sequence[Any]) -> Any:
        """The result of the function on the arrays of its tensor arguments."""
        results = self._executable.run([*arrays, *self._captured])
        return self._concrete.pack(list(map(tensor_of, results, self._outputs)))
