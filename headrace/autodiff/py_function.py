"""tf.py_function: eager Python in a graph, with gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from headrace.autodiff.reverse import zeros_like
from headrace.autodiff.tape import GradientTape
from headrace.core import dtypes, nest
from headrace.dispatch import context
from headrace.dispatch.convert import convert_to_tensor
from headrace.ops.host.python import Token, decorator, eager_py_func

_Function = Callable[..., Any]


class _Eager:
    """A Python function over tensors, as one over arrays."""

    def __init__(self, function: _Function) -> None:
        self.function = function

    def __call__(self, *arrays: Any) -> Any:
        result = self.function(*map(convert_to_tensor, arrays))
        return None if result is None else nest.map_structure(convert_to_tensor, result)


def py_function(func: _Function | None = None, inp: Any = None, Tout: Any = None, name: str | None = None) -> Any:
    """Calls a Python function on eager tensors, in a graph each time it runs; gradients pass through it.

    Args:
        func: takes tensors and returns tensors. Left out, what is returned is a decorator.
        inp: its arguments, as tensors.
        Tout: the dtype of each result, or one dtype (or TensorSpec) for a single result; [] for none.
        name: the node's name.

    Returns:
        A tensor, or a list of them where `Tout` is a list.

    Raises:
        InvalidArgumentError: it returns other dtypes, or another number of values.
    """
    if func is None:
        return decorator(partial(py_function, Tout=Tout, name=name))
    several = isinstance(Tout, list | tuple)
    specs = list(Tout) if several else [Tout]
    types = tuple(dtypes.as_dtype(getattr(spec, "dtype", spec)) for spec in specs)
    given = [convert_to_tensor(value) for value in nest.flatten(inp)]
    if context.executing_eagerly():
        returned = func(*given)
        flat = [] if returned is None else list(returned) if isinstance(returned, list | tuple) else [returned]
        results = [convert_to_tensor(value, dtype) for value, dtype in zip(flat, types, strict=True)]
    else:
        results = list(eager_py_func.all(given, token=Token.of(_Eager(func)), Tout=types, name=name))
        for tensor, spec in zip(results, specs, strict=True):
            tensor.set_shape(getattr(spec, "shape", None) if hasattr(spec, "dtype") else None)
    return results if several else results[0] if results else None


@eager_py_func.gradient
def _gradient(record: Any, *gradients: Any) -> list[Any]:
    """Runs the function again, under a tape, and differentiates it."""
    inputs, function = list(record.inputs), record.attrs["token"].function.function
    positions = [i for i, tensor in enumerate(inputs) if tensor.dtype.is_differentiable]
    flowing = [i for i, tensor in enumerate(record.outputs) if tensor.dtype.is_differentiable]
    incoming = [zeros_like(record.outputs[i]) if gradients[i] is None else convert_to_tensor(gradients[i]) for i in flowing]

    def backward(*tensors: Any) -> list[Any]:
        arguments, seeds = list(tensors[: len(inputs)]), list(tensors[len(inputs) :])
        sources = [arguments[i] for i in positions]
        with GradientTape() as tape:
            tape.watch(sources)
            outputs = nest.flatten(function(*arguments))
        found = tape.gradient([outputs[i] for i in flowing], sources, seeds, "zero")
        return list(map(convert_to_tensor, found))

    types = tuple(inputs[i].dtype for i in positions)
    results = eager_py_func.all([*inputs, *incoming], token=Token.of(_Eager(backward)), Tout=types)
    found: list[Any] = [None] * len(inputs)
    for position, tensor in zip(positions, results, strict=True):
        tensor.set_shape(inputs[position].shape)
        found[position] = tensor
    return found
