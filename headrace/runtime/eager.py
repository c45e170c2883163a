"""The eager executor: runs each op at once through a kernel compiled for its attributes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from headrace.core import dtypes
from headrace.core.dtypes import DType
from headrace.core.errors import FailedPreconditionError, HeadraceError, NotFoundError
from headrace.dispatch import context
from headrace.dispatch.convert import convert_inputs, convert_to_tensor, resolve_types
from headrace.dispatch.fetched import fetched
from headrace.dispatch.infer import as_tuple, explain, run_kernel
from headrace.dispatch.lists import ElementList, Undefined, on_host
from headrace.dispatch.opdef import Attrs, OpDef
from headrace.dispatch.resource import Resource
from headrace.dispatch.tensor import EagerTensor, ListTensor, QuantizedTensor, ResourceTensor, Tensor
from headrace.ir.graph import Graph
from headrace.runtime import devices, executable
from headrace.runtime.randomness import generator

HOST_LIMIT = 64
"""Integer and boolean constants of up to this many elements stay on the host: they are mostly shapes and indices."""

_EAGER = (EagerTensor, ResourceTensor, ListTensor)

_LISTS = (ElementList, Undefined)

_WITHOUT_VALUE = ("AssignVariableOp", "VarIsInitializedOp")
"""The ops that take a variable which has no value yet."""


class EagerExecutor:
    """Runs ops now."""

    is_eager = True

    def __init__(self) -> None:
        self._scalars: dict[Any, EagerTensor] = {}

    def run(self, op: OpDef, args: Sequence[Any], attrs: Attrs, name: str | None) -> tuple[Tensor, ...]:
        """Runs one op; see dispatch.context.Executor."""
        current = context.state()
        if op.fast is not None and not current.device:
            arrays = [value.array for value in args if type(value) is EagerTensor]
            if len(arrays) == len(args):
                compiled = op.fast.get((attrs.key, *[array.dtype for array in arrays]))
                if compiled is not None and not (op.host is not None and type(arrays[0]) is np.ndarray):
                    try:
                        result = compiled(*arrays)
                    except (TypeError, ValueError, IndexError) as error:
                        raise explain(op, args, error) from error
                    outputs = (EagerTensor(result),) if type(result) is not tuple else tuple(map(EagerTensor, result))
                    for tape in current.tapes:
                        tape.record(op, attrs, args, outputs)
                    return outputs
        return self._run_any(op, args, attrs, current)

    def _run_any(self, op: OpDef, args: Sequence[Any], attrs: Attrs, current: context.ThreadState) -> tuple[Tensor, ...]:
        """The general case: converts and checks the arguments, and remembers a compiled kernel for the fast case."""
        inputs: Sequence[Any] = op.flatten(args) if op.has_lists else args
        quantized = op.quantized or (op.has_resources and getattr(attrs.get("dtype"), "is_quantized", False))
        if any(type(value) not in _EAGER for value in inputs):
            inputs = convert_inputs(op, args, attrs)
            quantized = quantized or any(type(tensor) is QuantizedTensor for tensor in inputs)
        arrays = [tensor.array for tensor in inputs]
        counts = tuple(len(a) for a, d in zip(args, op.inputs, strict=True) if d.is_list) if op.has_lists else ()
        signature = (attrs.key, counts, *[array.dtype for array in arrays])
        complete = None
        if quantized:
            complete = resolve_types(op, inputs, attrs, counts)
        elif signature not in op.accepted:
            resolve_types(op, inputs, attrs, counts)
            op.accepted.add(signature)
        if current.device:
            arrays = _place(arrays, current.device)
        try:
            results = self._compute(op, attrs, arrays, inputs, counts)
        except (TypeError, ValueError, IndexError) as error:
            if isinstance(error, HeadraceError) and getattr(error, "op", None) is not None:
                raise
            raise explain(op, inputs, error) from error
        if complete is None:
            outputs = tuple(map(_wrapped if op.makes_handles else EagerTensor, results))
        else:
            declared = op.flat_args(op.outputs, complete)
            outputs = tuple(tensor_of(array, dtype) for array, (_, dtype) in zip(results, declared, strict=True))
        for tape in current.tapes:
            tape.record(op, attrs, inputs, outputs)
        return outputs

    def _compute(
        self, op: OpDef, attrs: Attrs, arrays: list[Any], inputs: Sequence[Any], counts: tuple[int, ...]
    ) -> tuple[Any, ...]:
        if op.metadata:
            return as_tuple(_grouped(op.kernel, op, counts)(*arrays, **attrs))
        if op.on_lists:
            return as_tuple(_grouped(op.kernel, op, counts)(*map(on_host, arrays), **attrs))
        if op.host_only or (op.host is not None and _stays_on_host(arrays)):
            kernel = op.kernel if op.host_only else op.host
            return tuple(map(np.asarray, as_tuple(_grouped(kernel, op, counts)(*map(fetched, arrays), **attrs))))  # type: ignore[arg-type]
        if op.has_resources:
            return self._compute_stateful(op, attrs, arrays, inputs)
        key: list[Any] = [generator.key(attrs.get("seed", 0), attrs.get("seed2", 0))] if op.random else []
        if op.eager is not None:
            at_once = op.eager(*arrays, **attrs)
            if at_once is not NotImplemented:
                return as_tuple(at_once)
        if op.static or op.known:
            statics = {i: fetched(arrays[i]) for i in op.static_positions(counts) | op.known}
            compiled = self._compiled_for(op, attrs, statics, inputs, counts)
            return as_tuple(compiled(*key, *[a for i, a in enumerate(arrays) if i not in statics]))
        compiled = self._compiled_for(op, attrs, {}, inputs, counts)
        results = as_tuple(compiled(*key, *arrays))
        if op.fast is not None:
            op.fast[(attrs.key, *[array.dtype for array in arrays])] = compiled
        return results

    def _compiled_for(
        self, op: OpDef, attrs: Attrs, statics: dict[int, Any], inputs: Sequence[Any], counts: tuple[int, ...]
    ) -> Callable[..., Any]:
        key: Any = attrs.key
        if statics or counts:
            key = (attrs.key, counts, tuple((a.shape, a.dtype.str, a.tobytes()) for a in statics.values()))
        found: Callable[..., Any] | None = op.compiled.get(key)
        if found is None:
            complete = resolve_types(op, inputs, attrs, counts)
            found = jax.jit(partial(run_kernel, op, complete, attrs, statics))
            op.compiled[key] = found
        return found

    def _compute_stateful(self, op: OpDef, attrs: Attrs, arrays: list[Any], inputs: Sequence[Any]) -> tuple[Any, ...]:
        cells = {i: a for i, a in enumerate(arrays) if isinstance(a, Resource)}
        if op.name == "DestroyResourceOp":
            if cells[0].array is None and not attrs["ignore_lookup_error"]:
                raise NotFoundError(f"variable {cells[0].name!r} has no value that could be destroyed", op=op.name)
            cells[0].write(None)
            return ()
        values = [_value(op, a, i) if isinstance(a, Resource) else a for i, a in enumerate(arrays)]
        if op.name == "ReadVariableOp":
            return (cells[0].read(),)
        if op.name == "AssignVariableOp":
            array = values[1]
            cells[0].write(array if array.dtype.kind == "O" else jnp.asarray(array), shared=True)
            return ()
        statics = {i: fetched(arrays[i]) for i in op.static}
        compiled = self._compiled_for(op, attrs, statics, inputs, ())
        results = as_tuple(compiled(*[v for i, v in enumerate(values) if i not in op.static]))
        for position, array in zip(op.updates, results, strict=False):
            cells[position].write(array)
        return results[len(op.updates) :]

    def call(self, graph: Graph, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Runs a graph, compiled; see dispatch.context.Executor."""
        try:
            arrays = [t.array for t in inputs]  # type: ignore[attr-defined]
        except AttributeError:  # a symbolic tensor, which is refused
            arrays = [self.adopt(t).array for t in inputs]  # type: ignore[attr-defined]
        results = executable.of(graph).run(arrays)
        return tuple(tensor_of(array, value.dtype) for array, value in zip(results, graph.outputs, strict=True))

    def constant(self, value: Any, dtype: DType, name: str | None = None) -> Tensor:
        """A tensor of a numpy array; scalars are remembered."""
        if dtype.is_quantized:
            return QuantizedTensor(value, dtype)
        if dtype is dtypes.string or (value.size <= HOST_LIMIT and value.dtype.kind in "iub"):
            return EagerTensor(value)
        device = context.state().device
        if value.ndim or device:
            return EagerTensor(jax.device_put(value, devices.resolve(device)) if device else jnp.asarray(value))
        key = (value.tobytes(), dtype)
        found = self._scalars.get(key)
        if found is None:
            if len(self._scalars) > 4096:
                self._scalars.clear()
            found = self._scalars[key] = EagerTensor(jnp.asarray(value))
        return found

    def initial_value(self, value: Any, dtype: DType | None) -> EagerTensor:
        """The first value of a variable; see dispatch.context.Executor."""
        with context.paused_tapes():
            return convert_to_tensor(value() if callable(value) else value, dtype)  # type: ignore[return-value]

    def adopt(self, tensor: Tensor) -> Tensor:
        """Eager tensors as they are.

        Raises:
            TypeError: the tensor belongs to a graph.
        """
        if not isinstance(tensor, EagerTensor):
            raise TypeError(
                f"{tensor!r} is a symbolic tensor of a function that is being or was traced, and has no value here;"
                " return it from the function instead of keeping it"
            )
        return tensor


def _wrapped(array: Any) -> EagerTensor:
    """The tensor of what a kernel or a graph returned: an array, a list, or a handle (a resource in an array of objects)."""
    if type(array) is np.ndarray and array.dtype.kind == "O" and array.ndim == 0 and isinstance(array.item(), Resource):
        return ResourceTensor(array.item())
    return ListTensor(array) if isinstance(array, _LISTS) else EagerTensor(array)


def tensor_of(array: Any, dtype: DType) -> EagerTensor:
    """The tensor of what a graph returned for an output of this dtype."""
    return QuantizedTensor(array, dtype) if dtype.is_quantized else _wrapped(array)


def _value(op: OpDef, resource: Resource, position: int) -> Any:
    if resource.array is None and (position or op.name not in _WITHOUT_VALUE):
        raise FailedPreconditionError(f"{op.name}: variable {resource.name!r} has no value yet; assign one first", op=op.name)
    return resource.array


def _grouped(kernel: Callable[..., Any], op: OpDef, counts: tuple[int, ...]) -> Callable[..., Any]:
    """The kernel taking flat arguments."""
    if not counts:
        return kernel

    def flat_kernel(*flat: Any, **attrs: Any) -> Any:
        lengths = iter(counts)
        rest = iter(flat)
        grouped = [tuple(next(rest) for _ in range(next(lengths))) if a.is_list else next(rest) for a in op.inputs]
        return kernel(*grouped, **attrs)

    return flat_kernel


def _stays_on_host(arrays: Sequence[Any]) -> bool:
    """True for arrays that are all on the host, and where one holds strings, which are nowhere else."""
    return all(isinstance(array, np.ndarray) for array in arrays) or any(array.dtype.kind == "O" for array in arrays)


def _place(arrays: Sequence[Any], device: str) -> list[Any]:
    target = devices.resolve(device)
    return [
        array
        if isinstance(array, Resource) or array.dtype.kind == "O" or isinstance(array, np.ndarray)
        else jax.device_put(array, target)
        for array in arrays
    ]
