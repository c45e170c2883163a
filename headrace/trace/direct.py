"""The shortest way into a compiled function: on eager tensors alone, without tapes, for shapes that were seen before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from headrace.core import dtypes
from headrace.core.errors import NotCompilable
from headrace.dispatch import context
from headrace.dispatch.resource import Resource
from headrace.dispatch.tensor import EagerTensor
from headrace.runtime import executable
from headrace.runtime.eager import tensor_of
from headrace.trace.concrete import ConcreteFunction


def direct_key(args: tuple[Any, ...]) -> Any:
    """What decides which trace a call uses, or None for a call that must go the long way."""
    state = context.state()
    if state.tapes or state.observer or not state.executor.is_eager:
        return None
    key: list[Any] = [state.device]
    for value in args:
        if type(value) is not EagerTensor:
            return None
        array = value.array
        # An abstract value is dtype and shape in one; arrays of one origin share it, and it knows its hash.
        key.append(array.aval if hasattr(array, "aval") else (array.dtype, array.shape))
    return tuple(key)


class DirectCall:
    """A concrete function with everything looked up that does not depend on the arguments' content."""

    __slots__ = ("_captured", "_concrete", "_executable", "_outputs", "_run", "_single", "_tensors")

    def __init__(self, concrete: ConcreteFunction) -> None:
        self._concrete = concrete
        self._executable = executable.of(concrete.graph)
        self._captured = [tensor.array for tensor in concrete.captured_inputs]  # type: ignore[attr-defined]
        self._tensors = [array for array in self._captured if not isinstance(array, Resource)]
        dtypes_of = [value.dtype for value in concrete.graph.outputs]
        special = any(d.is_quantized or d in (dtypes.resource, dtypes.variant) for d in dtypes_of)
        self._outputs = dtypes_of if special else None
        self._single = concrete.gives_one_tensor
        self._run: Callable[[list[Any]], list[Any]] | None = None

    def __call__(self, arrays: list[Any]) -> Any:
        """The result of the function on the arrays of its tensor arguments."""
        if self._run is None:
            results = self._executable.run([*arrays, *self._captured])
            self._shorten()
        else:
            try:
                results = self._run(arrays + self._tensors)
            except NotCompilable:
                results = self._executable.run([*arrays, *self._captured])
                self._run = None
        if self._outputs is None:
            tensors = [EagerTensor(array) for array in results]
            return tensors[0] if self._single else self._concrete.pack(tensors)
        return self._concrete.pack(list(map(tensor_of, results, self._outputs)))

    def _shorten(self) -> None:
        """Goes straight to the compiled code from now on, where that is all there is and no device was asked for."""
        whole = self._executable.whole
        if whole is not None and not context.state().device:
            self._run = whole.bound([array for array in self._captured if isinstance(array, Resource)])
