"""A graph as one function of JAX arrays, ready for `jax.jit`.

The graph is interpreted node by node while JAX traces. Values that are known at that time (constants, shapes, and integer
arithmetic on them) stay numpy arrays and are computed on the spot, so that `tf.shape(x)[0]` is a constant for each
concrete input shape. Variables are passed in, threaded through and returned.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from headrace.core import dtypes
from headrace.core.errors import FailedPreconditionError, HeadraceError, InvalidArgumentError, UnimplementedError
from headrace.dispatch.infer import as_tuple, explain, run_kernel
from headrace.dispatch.opdef import OpDef, get
from headrace.ir.graph import Graph, Node, Value
from headrace.runtime.devices import resolve
from headrace.runtime.randomness import node_key

CALLS = frozenset({"PartitionedCall", "StatefulPartitionedCall"})


class Cell:
    """A variable's value while its graph is being lowered."""

    __slots__ = ("array", "name", "written")

    def __init__(self, array: Any, name: str) -> None:
        self.array = array
        self.name = name
        self.written = False


class Interpreter:
    """Evaluates graphs on arrays, tracers or numpy arrays, with one set of cells and one source of entropy."""

    def __init__(self, entropy: Any) -> None:
        self._entropy = entropy
        self._random_nodes = 0

    def run(self, graph: Graph, inputs: Iterable[Any]) -> list[Any]:
        """The outputs of `graph`. `inputs` holds an array for each input, a Cell for a resource."""
        environment: dict[Value, Any] = dict(zip(graph.inputs, inputs, strict=True))
        last_use = _last_uses(graph)
        for position, node in enumerate(graph.nodes):
            arguments = [environment[value] for value in node.inputs]
            results = self._run_node(node, arguments)
            environment.update(zip(node.outputs, results, strict=True))
            for value in last_use.get(position, ()):
                environment.pop(value, None)
        return [environment[value] for value in graph.outputs]

    def _run_node(self, node: Node, arguments: list[Any]) -> Sequence[Any]:
        if node.op == "Const":
            return (node.attrs["value"],)
        if node.op in CALLS:
            return self.run(node.attrs["f"], arguments)
        op = get(node.op)
        try:
            return self._apply(op, node, arguments)
        except (TypeError, ValueError, IndexError, ZeroDivisionError) as error:
            if isinstance(error, HeadraceError) and getattr(error, "op", None) is not None:
                raise
            raise explain(op, node.inputs, error) from error

    def _apply(self, op: OpDef, node: Node, arguments: list[Any]) -> Sequence[Any]:
        attrs = op.kernel_attrs(node.attrs)
        known = all(isinstance(a, np.ndarray) for a in arguments)
        if op.metadata:
            return as_tuple(op.kernel(*op.group(arguments, node.attrs), **attrs))
        if known and (op.host is not None or op.host_only):
            kernel = op.kernel if op.host_only else op.host
            return tuple(map(np.asarray, as_tuple(kernel(*op.group(arguments, node.attrs), **attrs))))  # type: ignore[misc]
        if op.host_only:
            raise UnimplementedError(
                f"{op.name} ({node.name}) runs on the host only and cannot be compiled; its inputs depend on data{_where(node)}."
                " Call it outside tf.function",
                op=op.name,
            )
        positions = op.static_positions(op.list_lengths(node.attrs))
        statics = {i: _static(op, node, i, arguments[i]) for i in positions}
        cells = {i: a for i, a in enumerate(arguments) if isinstance(a, Cell)}
        dynamic = [a if i in op.known else _operand(a) for i, a in enumerate(arguments) if i not in statics]
        _check_initialized(op, cells)
        if op.random:
            self._random_nodes += 1
            dynamic.insert(0, node_key(self._entropy, self._random_nodes, attrs.get("seed", 0), attrs.get("seed2", 0)))
        kernel = partial(run_kernel, op, node.attrs, attrs, statics)
        results = _on_device(node, kernel, dynamic) if node.device else as_tuple(kernel(*dynamic))
        for position, array in zip(op.updates, results, strict=False):
            cells[position].array, cells[position].written = array, True
        return results[len(op.updates) :]


def _on_device(node: Node, kernel: Any, arguments: Sequence[Any]) -> tuple[Any, ...]:
    with jax.default_device(resolve(node.device)):
        return as_tuple(kernel(*arguments))


def _operand(argument: Any) -> Any:
    """What a kernel gets: a variable's array, and constants as JAX arrays, since numpy would promote bfloat16."""
    if isinstance(argument, Cell):
        return argument.array
    return jnp.asarray(argument) if isinstance(argument, np.ndarray) else argument


def _check_initialized(op: OpDef, cells: Mapping[int, Cell]) -> None:
    for position, cell in cells.items():
        if cell.array is None and not (op.name == "AssignVariableOp" and position == 0):
            raise FailedPreconditionError(f"{op.name}: variable {cell.name!r} has no value yet; assign one first", op=op.name)


def _static(op: OpDef, node: Node, position: int, argument: Any) -> np.ndarray[Any, Any]:
    if isinstance(argument, np.ndarray):
        return argument
    if isinstance(argument, jax.Array) and not isinstance(argument, jax.core.Tracer):
        return np.asarray(argument)
    raise InvalidArgumentError(
        f"input {position} of {op.name} ({op.signature()}; node {node.name}) must be known when the function is compiled, but it"
        f" depends on data{_where(node)}; compute it from constants or shapes, or pass it as a Python value",
        op=op.name,
    )


def _where(node: Node) -> str:
    return f" (from {node.source})" if node.source else ""


def _last_uses(graph: Graph) -> dict[int, list[Value]]:
    """For each node's position, the values that nothing reads after it."""
    last: dict[Value, int] = {}
    for position, node in enumerate(graph.nodes):
        for value in node.inputs:
            last[value] = position
    kept = set(graph.outputs)
    by_position: dict[int, list[Value]] = {}
    for value, position in last.items():
        if value not in kept:
            by_position.setdefault(position, []).append(value)
    return by_position


def is_stateful(graph: Graph) -> bool:
    """True when a call of the graph has effects beyond its outputs."""
    return any(is_stateful(n.attrs["f"]) if n.op in CALLS else get(n.op).stateful for n in graph.nodes if n.op != "Const")


def is_random(graph: Graph) -> bool:
    """True when the graph draws random numbers."""
    return any(is_random(n.attrs["f"]) if n.op in CALLS else get(n.op).random for n in graph.nodes if n.op != "Const")


def written_inputs(graph: Graph) -> set[int]:
    """Positions of the resource inputs that the graph assigns."""
    positions = {value: i for i, value in enumerate(graph.inputs) if value.dtype is dtypes.resource}
    written: set[int] = set()
    for node in graph.nodes:
        if node.op == "Const":
            continue
        assigned = written_inputs(node.attrs["f"]) if node.op in CALLS else set(get(node.op).updates)
        written |= {positions[node.inputs[i]] for i in assigned if node.inputs[i] in positions}
    return written
