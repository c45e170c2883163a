"""Shape materialization: what a static shape tells becomes a constant, so that folding can go on from there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from headrace.ir.graph import Graph, Node, Value
from headrace.ir.patterns import Hole, Maker, Match, Op, Rule, constant_array
from headrace.passes.base import Pass, Result, counted
from headrace.passes.evaluate import evaluate
from headrace.passes.rewrite import rewrite

MOST_ELEMENTS = 4096
"""Zeros and ones are made constants up to this many."""

SELECTING = "StridedSlice|Slice|GatherV2|Gather|Reshape|Squeeze|ExpandDims|Identity"
"""Ops that pick or rearrange elements of their first input and never look at them."""

X = Hole("x")


def _shapes(match: Match, maker: Maker) -> Sequence[Value] | None:
    root = match.root
    if not all(value.shape.is_fully_defined() for value in root.inputs):
        return None
    dtype = root.outputs[0].dtype
    return [maker.constant(np.array(v.shape.concrete(), dtype.np_dtype), dtype) for v in root.inputs]


def _variable_shape(match: Match, maker: Maker) -> Value | None:
    element, dtype = match["x"].element, match.root.outputs[0].dtype
    if element is None or not element[1].is_fully_defined():
        return None
    return maker.constant(np.array(element[1].concrete(), dtype.np_dtype), dtype)


def _rank(match: Match, maker: Maker) -> Value | None:
    rank, dtype = match["x"].shape.rank, match.root.outputs[0].dtype
    return None if rank is None else maker.constant(np.array(rank, dtype.np_dtype), dtype)


def _size(match: Match, maker: Maker) -> Value | None:
    size, dtype = match["x"].shape.num_elements(), match.root.outputs[0].dtype
    return None if size is None or size > dtype.max else maker.constant(np.array(size, dtype.np_dtype), dtype)


def _filled(match: Match, maker: Maker) -> Value | None:
    value = match["x"]
    count = value.shape.num_elements()
    if count is None or count > MOST_ELEMENTS or not (value.dtype.is_numeric or value.dtype.is_bool):
        return None
    fill = np.zeros if match.root.op == "ZerosLike" else np.ones
    return maker.constant(fill(value.shape.concrete(), value.dtype.np_dtype), value.dtype)


def _selected(match: Match, maker: Maker) -> Value | None:
    """Where an op picks known dimensions only: it is run on the numbers of the dimensions to see which it picks."""
    chain = _chain(match.root)
    if chain is None:
        return None
    nodes, shape_node = chain
    shape, dtype = shape_node.inputs[0].shape, match.root.outputs[0].dtype
    if shape.rank is None:
        return None
    picked = np.arange(shape.rank, dtype=dtype.np_dtype)
    for node in nodes:
        rest = [constant_array(value) for value in node.inputs[1:]]
        results = None if any(array is None for array in rest) else evaluate(node, [picked, *(a for a in rest if a is not None)])
        if results is None:
            return None
        picked = results[0]
    dims = [shape[int(axis)] for axis in picked.ravel()]
    known = [dim for dim in dims if dim is not None]
    return maker.constant(np.array(known, dtype.np_dtype).reshape(picked.shape), dtype) if len(known) == len(dims) else None


def _chain(root: Node) -> tuple[list[Node], Node] | None:
    """The selecting nodes from a Shape down to `root`, first one first, and the Shape."""
    nodes: list[Node] = []
    node: Node | None = root
    while node is not None and node.op in _SELECTING and len(nodes) < 8:
        nodes.insert(0, node)
        node = node.inputs[0].node
    return (nodes, node) if node is not None and node.op == "Shape" else None


_SELECTING = frozenset(SELECTING.split("|"))

RULES = (
    # shape(x) -> c where every dimension is known
    Rule("shape", Op("Shape|ShapeN"), _shapes),
    # shape(variable) -> c
    Rule("variable_shape", Op("VariableShape", X), _variable_shape),
    # rank(x) -> c
    Rule("rank", Op("Rank", X), _rank),
    # size(x) -> c
    Rule("size", Op("Size", X), _size),
    # shape(x)[i] -> c where that dimension is known
    Rule("dimension", Op(SELECTING), _selected),
    # zeros_like(x), ones_like(x) -> c
    Rule("filled_like", Op("ZerosLike|OnesLike", X), _filled),
)


def run(graph: Graph) -> Result:
    """Rewrites in place."""
    return counted(graph, rewrite(graph, RULES))


PASS = Pass("shape_materialization", "shape_optimization", run, ("shapes",))
