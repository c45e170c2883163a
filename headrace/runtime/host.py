"""The host executor: runs nodes by their numpy kernels, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from headrace.core.errors import HeadraceError, InternalError
from headrace.dispatch.fetched import fetched
from headrace.dispatch.infer import as_tuple, explain
from headrace.dispatch.lists import ElementList, on_host
from headrace.dispatch.opdef import OpDef, get
from headrace.dispatch.resource import Resource
from headrace.ir.functional import BRANCHES, CALLS, LOOPS, invariants, selected
from headrace.ir.graph import Graph, Node, Value
from headrace.runtime.partition import Segment

Call = Callable[[Graph, Sequence[Any]], list[Any]]
"""Runs another graph (already optimized) on arrays and Resources."""


def run_segment(segment: Segment, environment: dict[Value, Any], call: Call) -> None:
    """Runs a host segment; its values are added to `environment`."""
    local = {value: environment[value] for value in segment.inputs}
    for node in segment.nodes:
        arguments = [local[value] for value in node.inputs]
        local.update(zip(node.outputs, run_node(node, arguments, call), strict=True))
    environment.update((value, local[value]) for value in segment.outputs)


def run_node(node: Node, arguments: Sequence[Any], call: Call) -> Sequence[Any]:
    """The outputs of one node, as numpy arrays.

    Raises:
        HeadraceError: what the kernel objects to, with the node's place in the user's program.
    """
    if node.op == "Const":
        return (node.attrs["value"],)
    if node.op in CALLS:
        return call(node.attrs["f"], arguments)
    if node.op in BRANCHES:
        return call(selected(node, int(fetched(arguments[0]))), arguments[1:])
    if node.op in LOOPS:
        return _loop(node, arguments, call)
    if node.op in _TEXT_STATE:
        return _TEXT_STATE[node.op](*arguments)
    op = get(node.op)
    try:
        return _apply(op, node, arguments)
    except HeadraceError as error:
        if node.source:
            error.add_note(f"raised by {node.op} (node {node.name}), from {node.source}")
        raise
    except (TypeError, ValueError, IndexError, ZeroDivisionError) as error:
        raise explain(op, node.inputs, error) from error


def _read(variable: Resource) -> Sequence[Any]:
    return (variable.read(),)


def _assign(variable: Resource, value: Any) -> Sequence[Any]:
    variable.write(value, shared=True)
    return ()


_TEXT_STATE: dict[str, Callable[..., Sequence[Any]]] = {"ReadVariableOp": _read, "AssignVariableOp": _assign}
"""What variables that hold strings need, which are the only ones that come here."""


def _loop(node: Node, arguments: Sequence[Any], call: Call) -> list[Any]:
    """Runs a While node; what its body passes through is not asked for (its "step" leaves that out)."""
    condition, body = node.attrs["cond"], node.attrs["body"]
    fixed = invariants(body)
    step: Graph | None = body.made.get("step")
    if step is None:
        step = body.made["step"] = Graph(body.name)
        step.inputs, step.nodes = body.inputs, body.nodes
        step.outputs = [value for i, value in enumerate(body.outputs) if i not in fixed]
    values = list(arguments)
    while bool(fetched(call(condition, values)[0])):
        after = iter(call(step, values))
        values = [value if i in fixed else next(after) for i, value in enumerate(values)]
    return values


def _apply(op: OpDef, node: Node, arguments: Sequence[Any]) -> tuple[Any, ...]:
    kernel = op.kernel if op.host_only or op.metadata else op.host
    if op.on_lists:
        given = [on_host(a) for a in arguments]
        return as_tuple(op.kernel(*op.group(given, node.attrs), **op.kernel_attrs(node.attrs)))
    if kernel is None:
        raise InternalError(f"{op.name} (node {node.name}) was put on the host but has no numpy kernel", op=op.name)
    attrs = op.kernel_attrs(node.attrs)
    if not op.metadata:
        arguments = [a if isinstance(a, Resource) else fetched(a) for a in arguments]
    return tuple(map(as_host, as_tuple(kernel(*op.group(arguments, node.attrs), **attrs))))


def as_host(value: Any) -> Any:
    """What a kernel gave as a numpy array; lists and datasets as they are."""
    return value if isinstance(value, ElementList) else fetched(value)
