"""A signature as a graph of its own: variables become constants, so that an engine that knows no variables can run it.

# y = ReadVariableOp(w) -> y = Const(value of w)
# y = ResourceGather(w, i) -> y = GatherV2(Const(value of w), i, 0)
# y = VariableShape(w) -> y = Const(shape of w)
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

import numpy as np

from headrace.core import dtypes
from headrace.core.errors import UnimplementedError
from headrace.dispatch.opdef import get
from headrace.dispatch.resource import Resource
from headrace.ir.graph import Graph, Node, Value
from headrace.passes import (
    attention,
    auto_mixed_precision,
    inline,
    layer_norm,
    layout,
    pipeline,
    prune,
    remapper,
    unused_results,
)
from headrace.passes.rewrite import make_constant, make_node
from headrace.runtime.cells import is_random, written_inputs
from headrace.trace.concrete import ConcreteFunction

_OPENING = (inline.PASS, prune.PASS, unused_results.PASS)
"""What brings every reader of a variable into the outermost graph, but for those in branches and loops."""

_OURS = (layout.PASS, layer_norm.PASS, attention.PASS, remapper.PASS, auto_mixed_precision.PASS)
_PLAIN = tuple(step for step in pipeline.PASSES if step not in (*_OURS, *auto_mixed_precision.BFLOAT16_PASSES))
"""The optimizer without what makes ops of our own, or suits XLA: the other engine does that itself."""


class Frozen(NamedTuple):
    """A signature as a graph.

    Attributes:
        graph: optimized; its inputs are the signature's, in order, then `held`.
        held: lookup tables and what else the graph takes beside the signature's inputs, which the host works with.
    """

    graph: Graph
    held: list[Any]


def written_variables(functions: Iterable[ConcreteFunction]) -> set[int]:
    """The ids of the variables that one of the functions assigns."""
    found: set[int] = set()
    for function in functions:
        start = len(function.graph.inputs) - len(function.captured_inputs)
        contents = [tensor.array for tensor in function.captured_inputs]  # type: ignore[attr-defined]
        found |= {id(contents[position - start]) for position in written_inputs(function.graph) if position >= start}
    return found


def freeze(function: ConcreteFunction, written: Collection[int] = ()) -> Frozen:
    """The graph of a function with its variables' present values in it.

    Args:
        function: the function; it stays as it is.
        written: ids of variables that something assigns.

    Raises:
        UnimplementedError: it draws random numbers, uses a variable that changes, or one in a branch or loop.
    """
    graph = pipeline.optimize(function.graph, passes=_OPENING)
    if is_random(graph):
        raise UnimplementedError("it draws random numbers")
    graph = graph.copy()
    start = len(graph.inputs) - len(function.captured_inputs)
    captured = dict(zip(graph.inputs[start:], function.captured_inputs, strict=True))
    contents: dict[Value, Any] = {}
    held: dict[Value, Any] = {}
    for value, tensor in captured.items():
        content = tensor.array  # type: ignore[attr-defined]
        if value.element is not None and isinstance(content, Resource) and content.array is not None:
            if id(content) in written:
                raise UnimplementedError(f"variable {content.name!r} is assigned by a signature")
            contents[value] = np.asarray(content.peek())
        elif value.dtype in (dtypes.resource, dtypes.variant):
            held[value] = content
        else:
            contents[value] = np.asarray(content)
    _put_in(graph, contents)
    graph.inputs = [*graph.inputs[:start], *held]
    return Frozen(pipeline.optimize(graph, passes=_PLAIN), list(held.values()))


def _put_in(graph: Graph, contents: dict[Value, np.ndarray[Any, Any]]) -> None:
    """Writes what captured inputs hold into the graph, in place."""
    pending, graph.nodes = graph.nodes, []
    constants: dict[Value, Value] = {}

    def constant(value: Value, name: str) -> Value:
        if value not in constants:
            dtype = value.dtype if value.element is None else value.element[0]
            constants[value] = make_constant(graph, contents[value], dtype, name).output
        return constants[value]

    replaced: dict[Value, Value] = {}
    for node in pending:
        node.inputs = [replaced.get(value, value) for value in node.inputs]
        for value in node.inputs:
            if value in contents and value.element is None:
                replaced[value] = constant(value, value.name)
        node.inputs = [replaced.get(value, value) for value in node.inputs]
        read = [value for value in node.inputs if value in contents]
        if not read:
            graph.nodes.append(node)
        else:
            replaced[node.outputs[0]] = _read(graph, node, read[0], constant(read[0], node.name))
    for value in graph.outputs:
        if value in contents and value.element is None:
            replaced[value] = constant(value, value.name)
    graph.outputs = [replaced.get(value, value) for value in graph.outputs]


def _read(graph: Graph, node: Node, handle: Value, content: Value) -> Value:
    """What a node that reads a variable gives, `content` being the variable's value."""
    if node.op == "ReadVariableOp":
        return content
    if node.op == "VariableShape":
        dtype = node.outputs[0].dtype
        return make_constant(graph, np.array(content.shape.concrete(), dtype.np_dtype), dtype, node.name).output
    if node.op == "ResourceGather":
        axis = make_constant(graph, np.array(0, np.int32), dtypes.int32, f"{node.name}/axis").output
        return make_node(graph, get("GatherV2"), [content, node.inputs[1], axis], {"batch_dims": 0}, like=node).outputs[0]
    raise UnimplementedError(f"{node.op} (node {node.name}) uses the variable {handle.name!r} as a whole")
