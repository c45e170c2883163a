"""Loop-invariant motion: what a loop computes anew in every iteration, always the same, is computed once before it.

    # while (i, x) { ... f(x) ... }, x unchanged -> y = f(x); while (i, x, y) { ... y ... }

Floating-point results are moved. Integers, constants and nodes that only arrange or repeat data stay inside, where they cost
little, may be needed at compile time and need not be kept for the length of the loop; what is moved gets copies of them.
A loop that never runs computes what was moved all the same, so only nodes that cannot fail are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from headrace.dispatch.opdef import find
from headrace.ir.functional import FUNCTIONAL, LOOPS, invariants
from headrace.ir.graph import Graph, Node, Value
from headrace.passes.base import Pass, Result, counted
from headrace.passes.effects import READS, is_pure, may_write

ARRANGING = frozenset(
    {"BroadcastTo", "Const", "ExpandDims", "Fill", "Identity", "OneHot", "OnesLike", "Reshape", "Squeeze", "Tile", "ZerosLike"}
)
"""Ops that are left where they are: they compute nothing, or make something large of something small."""


FALLIBLE = frozenset(
    {
        "Cholesky",
        "Div",
        "EnsureShape",
        "FloorDiv",
        "FloorMod",
        "Gather",
        "GatherNd",
        "GatherV2",
        "MatrixInverse",
        "MatrixSolve",
        "Mod",
    }
    | {"ResourceGather", "ResourceGatherNd", "TruncateDiv", "TruncateMod"}
)
"""Ops that may raise for some values: a loop that never runs must not."""


def run(graph: Graph) -> Result:
    """Moves nodes out of the loops of `graph`, from the innermost outwards; the graphs that nodes hold are replaced."""
    return counted(graph, {"nodes": sum(_move_out(graph, node) for node in list(graph.nodes) if node.op in LOOPS)})


def _move_out(graph: Graph, loop: Node) -> int:
    """Moves what one loop, and those inside it, allow; returns how many nodes."""
    body, condition = loop.attrs["body"].copy(), loop.attrs["cond"].copy()
    count = sum(_move_out(body, node) for node in list(body.nodes) if node.op in LOOPS)
    fixed = invariants(body)
    writes = any(may_write(node) for held in (body, condition) for node in held.nodes)
    motions = [_Motion(held, fixed, writes) for held in (body, condition)]
    count += sum(len(motion.moved) for motion in motions)
    if not count:
        return 0
    loop.attrs = {**loop.attrs, "body": body, "cond": condition}
    for motion in motions:
        for inside, outside in motion.emit(graph, loop):
            arguments = [held.add_input(outside.dtype, outside.shape, inside.label, inside.probes) for held in (body, condition)]
            body.outputs.append(arguments[0])
            motion.graph.replace({inside: arguments[motion.graph is condition]})
            _add_carried(loop, outside)
    return count


def _add_carried(loop: Node, outside: Value) -> None:
    """Adds an input and an output to the node of a loop."""
    loop.inputs.append(outside)
    result = Value(outside.dtype, outside.shape)
    result.node, result.index = loop, len(loop.outputs)
    loop.outputs = (*loop.outputs, result)
    for name, item in (("T", outside.dtype), ("output_shapes", outside.shape)):
        loop.attrs[name] = (*loop.attrs[name], item)


class _Motion:
    """What can be moved out of one graph of a loop.

    Attributes:
        moved: the nodes to move, in order.
    """

    def __init__(self, graph: Graph, fixed: Iterable[int], writes: bool) -> None:
        self.graph = graph
        self.fixed = {graph.inputs[i]: i for i in fixed}
        self.moved: list[Node] = []
        known: set[Value] = set(self.fixed)
        for node in graph.nodes:
            if _is_harmless(node, writes) and known.issuperset(node.inputs):
                known.update(node.outputs)
                if node.inputs and _is_worth_moving(node):
                    self.moved.append(node)

    def emit(self, graph: Graph, loop: Node) -> Iterator[tuple[Value, Value]]:
        """Moves the nodes to before the loop; gives the values that are still read inside, with their twins outside."""
        twins = {value: loop.inputs[i] for value, i in self.fixed.items()}
        for node in self.moved:
            self._copy(graph, loop, node, twins)
        leaving = set(self.moved)
        self.graph.nodes = [node for node in self.graph.nodes if node not in leaving]
        read = {value for node in self.graph.nodes for value in node.inputs}.union(self.graph.outputs)
        for value in (value for node in self.moved for value in node.outputs if value in read):
            yield value, twins[value]

    def _copy(self, graph: Graph, loop: Node, node: Node, twins: dict[Value, Value]) -> None:
        """Copies a node, after those that it reads, to before the loop."""
        if all(value in twins for value in node.outputs):
            return
        for value in node.inputs:
            if value not in twins and value.node is not None:
                self._copy(graph, loop, value.node, twins)
        inputs = [twins[value] for value in node.inputs]
        outputs = [Value(v.dtype, v.shape, v.name, v.probes, v.element) for v in node.outputs]
        place = graph.nodes.index(loop)
        graph.add_node(node.op, inputs, node.attrs, outputs, name=node.name, device=node.device, source=node.source, before=place)
        twins.update(zip(node.outputs, outputs, strict=True))


def _is_harmless(node: Node, writes: bool) -> bool:
    """True when the node may run earlier, and though the loop may not run at all."""
    if node.op == "Const":
        return True
    op = find(node.op)
    if op is None or node.op in FUNCTIONAL or node.op in FALLIBLE or op.host_only:
        return False
    return is_pure(node) or (node.op in READS and not writes)


def _is_worth_moving(node: Node) -> bool:
    return node.op not in ARRANGING and all(v.dtype.is_floating or v.dtype.is_complex for v in node.outputs)


PASS = Pass("loop_invariants", "loop_optimization", run)
