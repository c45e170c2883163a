"""Constant folding: what depends on constants alone becomes a constant.

# f(c1, c2, ...) -> c
"""

from __future__ import annotations

import math

from headrace.dispatch.opdef import find
from headrace.ir.graph import Graph, Node, Value, subgraphs
from headrace.ir.patterns import constant_array
from headrace.passes.base import Pass, Result, counted
from headrace.passes.effects import is_pure
from headrace.passes.evaluate import Arrays, evaluate
from headrace.passes.rewrite import make_constant, on_host

MOST_BYTES = 100 * 1024
"""A result is folded up to this size, or when it is no larger than the constants that it is made of."""

MOST_INPUT_BYTES = 16 * 1024 * 1024
"""Nodes that read more are left to run once in the compiled graph."""

MOST_KERNELS = 64
"""Kernels without a host version are compiled one by one to be run here; a graph gets this many a round."""


def run(graph: Graph) -> Result:
    """Folds in place."""
    return counted(graph, {"nodes": _Folder(graph).run()})


class _Folder:
    """One walk over a graph."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.kernels = 0

    def run(self) -> int:
        count = 0
        pending, self.graph.nodes = self.graph.nodes, []
        replaced: dict[Value, Value] = {}
        for node in pending:
            node.inputs = [replaced.get(value, value) for value in node.inputs]
            results = self.fold(node)
            if results is None:
                self.graph.nodes.append(node)
                continue
            count += 1
            for value, array in zip(node.outputs, results, strict=True):
                replaced[value] = make_constant(self.graph, array, value.dtype, node.name).output
        self.graph.outputs = [replaced.get(value, value) for value in self.graph.outputs]
        return count

    def fold(self, node: Node) -> Arrays | None:
        """The node's outputs when it is worth folding."""
        if node.op == "Const" or find(node.op) is None or not is_pure(node) or any(True for _ in subgraphs(node)):
            return None
        arguments = [array for array in map(constant_array, node.inputs) if array is not None]
        if len(arguments) < len(node.inputs) or not node.outputs:
            return None
        given = sum(array.nbytes for array in arguments)
        if given > MOST_INPUT_BYTES or any(not _fits(value, given) for value in node.outputs):
            return None
        if not on_host(node):
            if self.kernels == MOST_KERNELS:
                return None
            self.kernels += 1
        return evaluate(node, arguments)


def _fits(value: Value, given: int) -> bool:
    """False for results of unknown size too: they are computed on the host anyway, when the function is compiled."""
    if not value.dtype.is_numpy_compatible or not value.shape.is_fully_defined():
        return False
    return math.prod(value.shape.concrete()) * value.dtype.size <= max(MOST_BYTES, given)


PASS = Pass("constant_folding", "constant_folding", run)
