"""Inlining: the nodes of a called function in place of the call.

# y = PartitionedCall(x) {f = @g} -> the nodes of @g, reading x
"""

from __future__ import annotations

from headrace.ir.functional import CALLS
from headrace.ir.graph import Graph, Node, Value
from headrace.passes.base import Pass, Result, counted

MOST_NODES = 200_000
"""A graph is not grown beyond this many nodes; calls that are left are made when the graph runs."""


def run(graph: Graph) -> Result:
    """Inlines every call but recursive ones and those marked `_noinline`."""
    inliner = _Inliner(graph)
    inliner.run()
    return counted(graph, {"calls": inliner.count})


class _Inliner:
    """Rebuilds the list of nodes; `open_bodies` are the functions being inlined, so that recursion ends."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.replaced: dict[Value, Value] = {}
        self.count = 0

    def run(self) -> None:
        nodes, self.graph.nodes = self.graph.nodes, []
        for node in nodes:
            node.inputs = [self.replaced.get(value, value) for value in node.inputs]
            self.add(node, [self.graph])
        self.graph.outputs = [self.replaced.get(value, value) for value in self.graph.outputs]

    def add(self, node: Node, open_bodies: list[Graph]) -> None:
        """Appends `node`, whose inputs are final, or what it calls."""
        body = node.attrs.get("f") if node.op in CALLS else None
        fits = isinstance(body, Graph) and body not in open_bodies and len(self.graph.nodes) + len(body.nodes) <= MOST_NODES
        if not isinstance(body, Graph) or not fits or node.attrs.get("_noinline"):
            self.graph.nodes.append(node)
            return
        self.count += 1
        mapping = dict(zip(body.inputs, node.inputs, strict=True))
        for inner in body.nodes:
            self.add_copy(inner, node, mapping, [*open_bodies, body])
        for old, new in zip(node.outputs, body.outputs, strict=True):
            self.replaced[old] = mapping[new]

    def add_copy(self, inner: Node, call: Node, mapping: dict[Value, Value], open_bodies: list[Graph]) -> None:
        outputs = [Value(v.dtype, v.shape, v.name, v.probes, v.element) for v in inner.outputs]
        copy = Node(
            inner.op,
            [mapping[v] for v in inner.inputs],
            inner.attrs,
            outputs,
            self.graph.unique_name(f"{call.name}/{inner.name}"),
            inner.device or call.device,
            inner.source,
        )
        self.add(copy, open_bodies)
        mapping.update((old, self.replaced.get(new, new)) for old, new in zip(inner.outputs, outputs, strict=True))


PASS = Pass("inline", "function_optimization", run)
