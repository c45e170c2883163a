"""Graphs that were not traced here, such as loaded ones, made ready for gradients."""

from __future__ import annotations

from headrace.autodiff.reverse import Record
from headrace.dispatch import context
from headrace.dispatch.opdef import get
from headrace.dispatch.tensor import GraphTensor
from headrace.ir.functional import BRANCHES, LOOPS, branches
from headrace.ir.graph import Graph, Value
from headrace.trace.builder import GraphBuilder
from headrace.trace.control.bodies import Body
from headrace.trace.control.conditional import Conditional
from headrace.trace.control.loop import Loop


def restore(graph: Graph) -> Body:
    """A graph as if it had just been traced: its inputs and outputs as tensors, and a record of each node.

    Args:
        graph: without calls (inline them first).
    """
    builder = GraphBuilder(graph.name)
    builder.graph = graph
    tensors: dict[Value, GraphTensor] = {value: GraphTensor(value, builder) for value in graph.inputs}
    inputs = list(tensors.values())
    for node in graph.nodes:
        given = [tensors[value] for value in node.inputs]
        if node.op in BRANCHES | LOOPS:
            with context.using(builder, tapes=(builder.log,)):
                if node.op in BRANCHES:
                    outputs = Conditional(builder, node, given, [restore(branch) for branch in branches(node)]).outputs
                else:
                    outputs = Loop(builder, node, given, restore(node.attrs["cond"]), restore(node.attrs["body"])).outputs
        else:
            outputs = [GraphTensor(value, builder) for value in node.outputs]
            op = None if node.op == "Const" else get(node.op)
            if op is not None and op.differentiable:
                builder.log.records.append(Record(op, op.kernel_attrs(node.attrs), given, outputs))
        tensors.update(zip(node.outputs, outputs, strict=True))
    return Body(builder, inputs, [tensors[value] for value in graph.outputs])
