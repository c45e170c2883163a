"""Grouped convolutions are written as functions of their own.

On CPUs TensorFlow's optimizer joins a convolution with the bias and the activation after it, and has no kernel for the joined form
of a grouped one: such a model loads and then fails. What stands in a function that is not inlined is not joined.
"""

from __future__ import annotations

from headrace.ir.graph import Graph, Node, Value

NOT_INLINED = "_noinline"
"""The attribute of a FunctionDef that keeps it apart."""


def is_grouped(node: Node) -> bool:
    """True for a convolution of images whose filter takes some of the channels only."""
    if node.op != "Conv2D":
        return False
    images, filters = (value.shape for value in node.inputs)
    if images.rank != 4 or filters.rank != 4:
        return False
    channels = images[3 if node.attrs["data_format"] == "NHWC" else 1]
    return None not in (channels, filters[2]) and channels != filters[2]


def set_apart(node: Node) -> Node:
    """A call of a function that holds nothing but a node."""
    body, around = Graph("grouped_convolution"), Graph("around")
    inputs = [body.add_input(value.dtype, value.shape, f"arg_{i}") for i, value in enumerate(node.inputs)]
    body.outputs = [Value(value.dtype, value.shape) for value in node.outputs]
    body.add_node(node.op, inputs, dict(node.attrs), body.outputs, name=node.op)
    results = [Value(value.dtype, value.shape) for value in node.outputs]
    around.add_node("PartitionedCall", node.inputs, {"f": body}, results, name=node.name)
    return around.nodes[0]
