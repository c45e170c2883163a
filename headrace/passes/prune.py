"""Pruning: nodes that neither lead to an output nor have an effect are dropped.

# x (read by nothing, no effects) -> nothing
"""

from __future__ import annotations

from headrace.ir.graph import Graph, ancestors
from headrace.passes.base import Pass, Result, counted
from headrace.passes.effects import has_effects


def run(graph: Graph) -> Result:
    """Drops dead nodes; inputs of the graph stay."""
    needed = ancestors(graph.outputs)
    for node in graph.nodes:
        if node not in needed and has_effects(node):
            needed.add(node)
            needed |= ancestors(node.inputs, needed.__contains__)
    before = len(graph.nodes)
    graph.nodes = [node for node in graph.nodes if node in needed]
    return counted(graph, {"nodes": before - len(graph.nodes)})


PASS = Pass("prune", "disable_model_pruning", run)
