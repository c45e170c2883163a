"""Shape inference, run anew: arguments of an inlined function are often known better than its parameters were."""

from __future__ import annotations

from headrace.core.errors import HeadraceError
from headrace.dispatch.infer import Inferred, infer
from headrace.dispatch.opdef import find
from headrace.ir.graph import Graph, Node, subgraphs
from headrace.passes.base import Pass, Result, counted


def run(graph: Graph) -> Result:
    """Narrows the shape of every value to what its node's inputs tell."""
    refined = sum(_refine(node) for node in graph.nodes)
    return counted(graph, {"values": refined})


def _refine(node: Node) -> int:
    """How many outputs are known better now."""
    count = 0
    for value, found in zip(node.outputs, _inferred(node), strict=False):
        if not value.shape.is_compatible_with(found.shape):
            continue
        merged = value.shape.merge_with(found.shape)
        count += merged != value.shape
        value.shape = merged
        if found.shape == merged:
            value.probes = found.probes
    return count


def _inferred(node: Node) -> tuple[Inferred, ...]:
    """What inference says of the outputs; nothing of nodes that hold graphs, or that inference objects to.

    Such an objection is about the program (two shapes that do not fit), and is raised, with its place, when the graph runs.
    """
    op = find(node.op)
    if op is None or any(True for _ in subgraphs(node)):
        return ()
    try:
        return infer(op, node.inputs, node.attrs)
    except HeadraceError:
        return ()


PASS = Pass("shapes", "shape_optimization", run)
