"""Unused results: what branches and loops give and nobody reads is not computed.

    # y, z = if (p) { f(x), g(x) } else { ... }, z read by nothing -> y = if (p) { f(x) } else { ... }
    # while (i, x, s) { i + 1, f(x), push(s, x) }, s read by nothing -> while (i, x) { i + 1, f(x) }

A gradient makes what it reads of a branch or loop results of the node; a call that needs no gradient has no use for them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from headrace.ir.functional import BRANCHES, LOOPS, first_input
from headrace.ir.graph import Graph, Node, Value, subgraphs
from headrace.passes.base import Pass, Result, counted
from headrace.passes.effects import has_effects


def run(graph: Graph) -> Result:
    """Drops results of branches and loops, and dead nodes, inner ones included; the graphs that nodes hold are replaced."""
    return counted(graph, {"results": _trim(graph)})


def trimmed(graph: Graph, keep: Sequence[Value] = (), twins: dict[Value, Value] | None = None) -> Graph:
    """A copy without unused results; the graph itself where it has no branches and loops.

    Args:
        graph: stays as it is.
        keep: values that count as read.
        twins: filled with the copies of the graph's values.
    """
    if all(node.op not in BRANCHES | LOOPS for node in graph.nodes):
        return graph
    found: dict[Value, Value] = {} if twins is None else twins
    twin = graph.copy(twins=found)
    _trim(twin, [found[value] for value in keep])
    return twin


def _trim(graph: Graph, keep: Sequence[Value] = ()) -> int:
    count = 0
    read = {*graph.outputs, *keep}
    kept: list[Node] = []
    for node in reversed(graph.nodes):
        if not has_effects(node) and read.isdisjoint(node.outputs):
            continue
        if node.op in BRANCHES | LOOPS:
            count += _trim_node(node, read)
        read.update(node.inputs)
        kept.append(node)
    graph.nodes = kept[::-1]
    return count


def _trim_node(node: Node, read: Collection[Value]) -> int:
    """Trims one branch or loop; the graphs that it holds are replaced when something was dropped."""
    before = node.attrs
    node.attrs = {key: _copied(value) for key, value in before.items()}
    count = _trim_branch(node, read) if node.op in BRANCHES else _trim_loop(node, read)
    if not count:
        node.attrs = before
    return count


def _copied(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_copied, value))
    return value.copy() if isinstance(value, Graph) else value


def _trim_branch(node: Node, read: Collection[Value]) -> int:
    """Drops the results of a branch that nobody reads, then the inputs that none of its graphs reads."""
    live = [i for i, value in enumerate(node.outputs) if value in read]
    count = len(node.outputs) - len(live)
    if count:
        for body in subgraphs(node):
            body.outputs = [body.outputs[i] for i in live]
        _keep_outputs(node, live, ("Tout", "output_shapes"))
    count += sum(map(_trim, subgraphs(node)))
    if count:
        _keep_inputs(node)
    return count


def _keep_inputs(node: Node) -> None:
    """Drops the inputs of a branch that none of its graphs reads."""
    start = first_input(node)
    used = [_reads(body, body.outputs) for body in subgraphs(node)]
    live = [i for i in range(len(node.inputs) - start) if any(b.inputs[i] in u for b, u in zip(subgraphs(node), used, strict=True))]
    for body in subgraphs(node):
        body.inputs = [body.inputs[i] for i in live]
    node.inputs = [*node.inputs[:start], *(node.inputs[start + i] for i in live)]
    node.attrs = {**node.attrs, "Tin": tuple(node.attrs["Tin"][i] for i in live)}


def _trim_loop(node: Node, read: Collection[Value]) -> int:
    """Drops what a loop carries to no end: nobody reads it after the loop, nor does anything that counts inside."""
    condition, body = node.attrs["cond"], node.attrs["body"]
    tested = _reads(condition, condition.outputs)
    live = {i for i, value in enumerate(node.outputs) if value in read or condition.inputs[i] in tested}
    while True:
        used = _reads(body, [body.outputs[i] for i in live])
        grown = live | {i for i, value in enumerate(body.inputs) if value in used}
        if grown == live:
            break
        live = grown
    count = len(node.inputs) - len(live)
    if count:
        kept = sorted(live)
        for held in (condition, body):
            held.inputs = [held.inputs[i] for i in kept]
        body.outputs = [body.outputs[i] for i in kept]
        node.inputs = [node.inputs[i] for i in kept]
        _keep_outputs(node, kept, ("T", "output_shapes"))
    return count + _trim(condition) + _trim(body)


def _keep_outputs(node: Node, live: Sequence[int], described: Iterable[str]) -> None:
    node.outputs = tuple(node.outputs[i] for i in live)
    node.attrs = {**node.attrs, **{key: tuple(node.attrs[key][i] for i in live) for key in described if node.attrs.get(key)}}
    for index, value in enumerate(node.outputs):
        value.index = index


def _reads(graph: Graph, outputs: Iterable[Value]) -> set[Value]:
    """The values that `outputs`, and the nodes with effects, need."""
    read = set(outputs)
    for node in reversed(graph.nodes):
        if has_effects(node) or not read.isdisjoint(node.outputs):
            read.update(node.inputs)
    return read


PASS = Pass("unused_results", "disable_model_pruning", run)
