"""The constraints that every graph satisfies, by number; `verify` checks them all.

What an op demands of its inputs and attributes is not known here: passes/checks.py looks at that.
"""

from __future__ import annotations

import re
from typing import Any, NoReturn

import numpy as np

from headrace.core.dtypes import DType, resource
from headrace.core.errors import InternalError
from headrace.core.shapes import TensorShape
from headrace.ir.graph import Graph, Node, Value, subgraphs
from headrace.ir.printer import BARE_NAME

CONSTRAINTS = {
    1: "names are those that GraphDef allows",
    2: "inputs and nodes have different names",
    3: "the inputs of a graph belong to no node",
    4: "the outputs of a node know their node and index",
    5: "a node stands in the graph once",
    6: "a node reads values of its own graph",
    7: "a node reads values that are defined before it",
    8: "the outputs of a graph are values of it",
    9: "resource handles alone have an element type",
    10: "attributes are of the kinds that the IR has",
}
"""Number -> constraint; errors cite the number."""

_NODE_NAME = re.compile(BARE_NAME)
_SCALARS = (int, float, bool, str, DType, TensorShape, np.ndarray, Graph, type(None))


def verify(graph: Graph, pass_name: str = "") -> None:
    """Checks `graph` and the graphs that its nodes hold.

    Args:
        graph: what to check.
        pass_name: the pass that made it, for the message.

    Raises:
        InternalError: a constraint does not hold; the message gives its number, the node and the pass.
    """
    seen = {graph}
    queue = [graph]
    while queue:
        member = queue.pop()
        _Check(member, pass_name).run()
        bodies = {body for node in member.nodes for body in subgraphs(node)} - seen
        seen |= bodies
        queue.extend(bodies)


class _Check:
    """The checks of one graph."""

    def __init__(self, graph: Graph, pass_name: str) -> None:
        self.graph = graph
        self.pass_name = pass_name
        self.names: set[str] = set()
        self.defined: set[Value] = set()
        self.all_values = set(graph.values())

    def fail(self, number: int, detail: str, node: Node | None = None) -> NoReturn:
        where = f"node {node.name!r} ({node.op}) of " if node is not None else ""
        after = f" after pass {self.pass_name!r}" if self.pass_name else ""
        raise InternalError(
            f"constraint {number} ({CONSTRAINTS[number]}) does not hold at {where}graph @{self.graph.name}{after}: {detail}",
            op=node.op if node is not None else None,
        )

    def run(self) -> None:
        """Checks inputs, nodes and outputs in order."""
        for value in self.graph.inputs:
            self.check_input(value)
        seen: set[Node] = set()
        for node in self.graph.nodes:
            if node in seen:
                self.fail(5, "it is listed twice", node)
            seen.add(node)
            self.check_node(node)
        for position, value in enumerate(self.graph.outputs):
            if value not in self.defined:
                self.fail(8, f"output {position}, %{value.label}, is neither an input nor made by a node of this graph")

    def check_input(self, value: Value) -> None:
        if not (_NODE_NAME.fullmatch(value.name) or value.name.isidentifier()):
            self.fail(1, f"input {value.name!r}; expected {_NODE_NAME.pattern} or a Python identifier")
        self.check_name(value.name, None)
        if value.node is not None:
            self.fail(3, f"input %{value.name} says that it is output {value.index} of node {value.node.name!r}")
        if value in self.defined:
            self.fail(3, f"input %{value.name} is listed twice")
        self.check_element(value, None)
        self.defined.add(value)

    def check_name(self, name: str, node: Node | None) -> None:
        if name in self.names:
            self.fail(2, f"the name {name!r} is used twice", node)
        self.names.add(name)

    def check_element(self, value: Value, node: Node | None) -> None:
        if value.element is not None and value.dtype is not resource:
            self.fail(9, f"%{value.label} is {value.dtype.name} and has element type {value.element[0].name}", node)

    def check_node(self, node: Node) -> None:
        if not _NODE_NAME.fullmatch(node.name):
            self.fail(1, f"expected {_NODE_NAME.pattern}", node)
        self.check_name(node.name, node)
        for position, value in enumerate(node.inputs):
            if value not in self.all_values:
                self.fail(6, f"input {position}, %{value.label}, comes from another graph", node)
            if value not in self.defined:
                self.fail(7, f"input {position}, %{value.label}, is defined at this node or after it", node)
        for position, value in enumerate(node.outputs):
            if value.node is not node or value.index != position:
                owner = "no node" if value.node is None else f"output {value.index} of {value.node.name!r}"
                self.fail(4, f"output {position} says that it is {owner}", node)
            self.check_element(value, node)
            self.defined.add(value)
        for name, attr in node.attrs.items():
            self.check_attr(node, name, attr)

    def check_attr(self, node: Node, name: str, value: Any) -> None:
        if isinstance(value, tuple):
            for item in value:
                self.check_attr(node, name, item)
        elif not isinstance(value, _SCALARS):
            self.fail(10, f"attribute {name!r} holds a {type(value).__name__}: {value!r:.80}", node)
