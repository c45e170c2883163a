"""Ops of Headrace that TensorFlow spells as others: sums and zeros of lists, and results that only another branch gives."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import numpy as np

from headrace.core.dtypes import variant
from headrace.core.shapes import SCALAR
from headrace.ir.graph import Graph, Node, Value

ZEROS, SUM, NOTHING = "_TensorListZeros", "_TensorListAdd", "_Undefined"
_OF_LISTS = {"AddN": SUM, "ZerosLike": ZEROS}


def spelled(node: Node) -> Node:
    """The node as TensorFlow has it, with values of its own; the node itself where the two agree."""
    outputs = [Value(value.dtype, value.shape) for value in node.outputs]
    if node.op == ZEROS:
        return Node("ZerosLike", node.inputs, {"T": variant}, outputs, node.name)
    if node.op == SUM:
        return Node("AddN", node.inputs, {"N": len(node.inputs), "T": variant}, outputs, node.name)
    if node.op == NOTHING and node.output.dtype is variant:
        return Node("OptionalNone", [], {}, outputs, node.name)
    if node.op == NOTHING:
        # Nobody reads it, but a list that it goes into looks at the dimensions that are known.
        shape = node.output.shape
        dims = [] if shape.rank is None else [0 if size is None else size for size in shape]
        dtype = node.output.dtype
        value = np.full(dims, b"", object) if dtype.np_dtype.kind == "O" else np.zeros(dims, dtype.np_dtype)
        return Node("Const", [], {"value": value, "dtype": dtype}, outputs, node.name)
    return node


def of_lists(op: str, inputs: Sequence[Value]) -> bool:
    """True for an op of numbers that TensorFlow also gives lists."""
    return op in _OF_LISTS and bool(inputs) and all(value.dtype is variant for value in inputs)


def add_of_lists(graph: Graph, op: str, inputs: Sequence[Value], name: str) -> Value:
    """Adds an op of numbers as that of lists; returns its output."""

    def add(*given: Value) -> Value:
        return graph.add_node(_OF_LISTS[op], given, {}, [Value(variant, SCALAR)], name=name).output

    return add(*inputs) if op == "ZerosLike" else reduce(add, inputs)
