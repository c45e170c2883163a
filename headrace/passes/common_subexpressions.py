"""Common subexpressions: of nodes that compute the same, the first is kept.

    # a = f(x); b = f(x) -> a
    # a = ReadVariableOp(v); b = ReadVariableOp(v), nothing written in between -> a

Which handles refer to the same variable is known only when the graph is called, so any write ends the life of all reads.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from headrace.core.dtypes import DType
from headrace.ir.graph import Graph, Node, Value
from headrace.ir.printer import attr_text
from headrace.passes.base import Pass, Result, counted
from headrace.passes.effects import READS, is_pure, may_write

SYMMETRIC = frozenset(
    {
        "Add",
        "AddV2",
        "Mul",
        "Equal",
        "NotEqual",
        "LogicalAnd",
        "LogicalOr",
        "BitwiseAnd",
        "BitwiseOr",
        "BitwiseXor",
        "SquaredDifference",
    }
)
"""Ops that give the same bits for (x, y) and (y, x)."""


def run(graph: Graph) -> Result:
    """Merges in place."""
    merged: dict[Value, Value] = {}
    known: dict[Any, Node] = {}
    kept = []
    writes = 0
    for node in graph.nodes:
        node.inputs = [merged.get(value, value) for value in node.inputs]
        writes += may_write(node)
        key = _key(node, writes)
        first = None if key is None else known.setdefault(key, node)
        if first is None or first is node:
            kept.append(node)
        else:
            merged.update(zip(node.outputs, first.outputs, strict=True))
    count = len(graph.nodes) - len(kept)
    graph.nodes = kept
    graph.outputs = [merged.get(value, value) for value in graph.outputs]
    return counted(graph, {"nodes": count})


def _key(node: Node, writes: int) -> Any:
    """Equal for nodes that compute the same; None for those that must all run."""
    version = writes if node.op in READS else -1
    if version < 0 and not is_pure(node):
        return None
    inputs = [id(value) for value in node.inputs]
    if node.op in SYMMETRIC:
        inputs.sort()
    attrs = tuple((name, _attr_key(value)) for name, value in sorted(node.attrs.items()))
    return node.op, tuple(inputs), attrs, node.device, version


def _attr_key(value: Any) -> Any:
    """Equal for attributes that are the same bit for bit."""
    if isinstance(value, Graph | DType):
        return value
    if isinstance(value, str | int):
        return type(value), value
    if isinstance(value, tuple):
        return tuple(map(_attr_key, value))
    if isinstance(value, np.ndarray) and value.dtype.kind != "O":
        return value.dtype.name, value.shape, hashlib.sha256(value.tobytes()).digest()
    return attr_text(value)


PASS = Pass("common_subexpressions", "common_subgraph_elimination", run)
