"""A graph as one function of JAX arrays, ready for `jax.jit`.

The graph is interpreted node by node while JAX traces. Values that are known at that time (constants, shapes, and integer
arithmetic on them) stay numpy arrays and are computed on the spot, so that `tf.shape(x)[0]` is a constant for each
concrete input shape. Variables are passed in, threaded through and returned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from headrace.core.errors import FailedPreconditionError, HeadraceError, InvalidArgumentError, NotCompilable, UnimplementedError
from headrace.dispatch.fetched import fetched
from headrace.dispatch.infer import as_tuple, explain, run_kernel
from headrace.dispatch.lists import Undefined
from headrace.dispatch.opdef import OpDef, get
from headrace.ir.functional import BRANCHES, CALLS, FUNCTIONAL
from headrace.ir.graph import Graph, Node, Value
from headrace.runtime.cells import Cell, draws
from headrace.runtime.control_flow import lower_branch, lower_loop
from headrace.runtime.devices import resolve
from headrace.runtime.randomness import node_key, split_entropy


class Interpreter:
    """Evaluates graphs on arrays, tracers or numpy arrays, with one set of cells and one source of entropy."""

    def __init__(self, entropy: Any, *, in_body: bool = False) -> None:
        """Args:
        entropy: uint32[4] of this call; see runtime/randomness.py.
        in_body: in a branch or loop, which can still be left to the host.
        """
        self._entropy = entropy
        self._random_nodes = 0
        self._in_body = in_body

    def run(self, graph: Graph, inputs: Iterable[Any]) -> list[Any]:
        """The outputs of `graph`. `inputs` holds an array for each input, a Cell for a resource."""
        environment: dict[Value, Any] = dict(zip(graph.inputs, inputs, strict=True))
        last_use = _last_uses(graph)
        for position, node in enumerate(graph.nodes):
            arguments = [environment[value] for value in node.inputs]
            with jax.named_scope(node.name):
                results = self._run_node(node, arguments)
            environment.update(zip(node.outputs, results, strict=True))
            for value in last_use.get(position, ()):
                environment.pop(value, None)
        return [environment[value] for value in graph.outputs]

    def _run_node(self, node: Node, arguments: list[Any]) -> Sequence[Any]:
        if node.op == "Const":
            return (node.attrs["value"],)
        try:
            if node.op in CALLS:
                return self.run(node.attrs["f"], arguments)
            if node.op in FUNCTIONAL:
                return (lower_branch if node.op in BRANCHES else lower_loop)(self, node, arguments)
        except NotCompilable as error:
            error.node = node
            raise
        op = get(node.op)
        try:
            return self._apply(op, node, arguments)
        except NotCompilable as error:
            error.node = node
            raise
        except (TypeError, ValueError, IndexError, ZeroDivisionError) as error:
            if isinstance(error, HeadraceError) and getattr(error, "op", None) is not None:
                raise
            raise explain(op, node.inputs, error) from error

    def fork(self, node: Node) -> Callable[[Any], Interpreter]:
        """Interpreters for the bodies of a branch or loop, by the number of the iteration."""
        if not draws(node):
            return lambda iteration: Interpreter(self._entropy, in_body=True)
        self._random_nodes += 1
        entropy = split_entropy(self._entropy, self._random_nodes)
        return lambda iteration: Interpreter(split_entropy(entropy, iteration), in_body=True)

    def _apply(self, op: OpDef, node: Node, arguments: list[Any]) -> Sequence[Any]:
        if any(isinstance(a, Undefined) for a in arguments):
            # Another branch ran than the one that this node belongs to: on the host this one is not entered.
            raise NotCompilable(f"{op.name} reads what only another branch gives")
        attrs = op.kernel_attrs(node.attrs)
        known = all(isinstance(a, np.ndarray) for a in arguments)
        if op.metadata:
            return as_tuple(op.kernel(*op.group(arguments, node.attrs), **attrs))
        if known and (op.host is not None or op.host_only):
            kernel = op.kernel if op.host_only else op.host
            return tuple(map(np.asarray, as_tuple(kernel(*op.group(arguments, node.attrs), **attrs))))  # type: ignore[misc]
        if op.host_only:
            if self._in_body:
                raise NotCompilable(f"{op.name} (node {node.name}{_where(node)}) runs on the host only")
            raise UnimplementedError(
                f"{op.name} ({node.name}) runs on the host only and cannot be compiled; its inputs depend on data{_where(node)}."
                " Call it outside tf.function",
                op=op.name,
            )
        positions = op.static_positions(op.list_lengths(node.attrs))
        statics = {i: self._static(op, node, i, arguments[i]) for i in positions}
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

    def _static(self, op: OpDef, node: Node, position: int, argument: Any) -> np.ndarray[Any, Any]:
        if isinstance(argument, np.ndarray):
            return argument
        if isinstance(argument, jax.Array) and not isinstance(argument, jax.core.Tracer):
            return fetched(argument)
        message = (
            f"input {position} of {op.name} ({op.signature()}; node {node.name}) must be known when the function is compiled, but"
            f" it depends on data{_where(node)}"
        )
        if self._in_body:
            raise NotCompilable(message)
        raise InvalidArgumentError(f"{message}; compute it from constants or shapes, or pass it as a Python value", op=op.name)


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
