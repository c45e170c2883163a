"""What a node does besides computing its outputs."""

from __future__ import annotations

from headrace.dispatch.opdef import find
from headrace.ir.functional import FUNCTIONAL
from headrace.ir.graph import Graph, Node, subgraphs

READS = frozenset({"ReadVariableOp", "ResourceGather", "ResourceGatherNd", "VariableShape", "VarIsInitializedOp"})
"""Stateful ops that only look at a variable: they may be dropped, and merged while nothing is written in between."""


def is_pure(node: Node) -> bool:
    """True when the node's outputs depend on its inputs alone and computing them has no effect."""
    return not _touches_state(node, reads_count=True, inside=frozenset())


def has_effects(node: Node) -> bool:
    """True when the node must run even if nothing reads its outputs."""
    return _touches_state(node, reads_count=False, inside=frozenset())


def may_write(node: Node) -> bool:
    """True when a variable may have another value after the node."""
    op = find(node.op)
    harmless = op is not None and op.random and not op.updates and not any(True for _ in subgraphs(node))
    return has_effects(node) and not harmless


def _touches_state(node: Node, *, reads_count: bool, inside: frozenset[Graph]) -> bool:
    """`inside` holds the graphs that are being looked at, so that recursive functions end."""
    if node.op == "Const":
        return False
    if node.op not in FUNCTIONAL:
        op = find(node.op)
        if op is None or (op.stateful and (reads_count or node.op not in READS)):
            return True
        if reads_count and node.op in READS:
            return True
    return any(
        _touches_state(inner, reads_count=reads_count, inside=inside | {body})
        for body in subgraphs(node)
        if body not in inside
        for inner in body.nodes
    )
