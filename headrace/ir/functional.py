"""Nodes that run other graphs: calls, branches and loops.

- A call (`PartitionedCall`) gives all its inputs to the graph `f`.
- A branch (`If`, `Case`) takes the selector first and gives the rest to the graph that it selects.
- A loop (`While`) carries its inputs through `cond` and `body`; outputs of the body that are its inputs do not change.

The names that begin with `Stateless` are TensorFlow's for nodes without effects; they mean the same here.
"""

from __future__ import annotations

from headrace.ir.graph import Graph, Node

CALLS = frozenset({"PartitionedCall", "StatefulPartitionedCall"})
BRANCHES = frozenset({"If", "StatelessIf", "Case", "StatelessCase"})
LOOPS = frozenset({"While", "StatelessWhile"})
FUNCTIONAL = CALLS | BRANCHES | LOOPS
"""Ops that run the graphs in their attributes; together with Const, the ops that need no declaration."""

ATTRIBUTES = {
    "PartitionedCall": ("f",),
    "StatefulPartitionedCall": ("f",),
    "If": ("then_branch", "else_branch"),
    "StatelessIf": ("then_branch", "else_branch"),
    "Case": ("branches",),
    "StatelessCase": ("branches",),
    "While": ("cond", "body"),
    "StatelessWhile": ("cond", "body"),
}
"""The attributes that hold the graphs."""


def branches(node: Node) -> tuple[Graph, ...]:
    """The graphs of a branch by the selector's value: for `If` false, then true."""
    if "branches" in node.attrs:
        return tuple(node.attrs["branches"])
    return node.attrs["else_branch"], node.attrs["then_branch"]


def selected(node: Node, selector: int) -> Graph:
    """The graph that a selector chooses; for `Case` the last one when it is out of range."""
    choices = branches(node)
    if len(choices) == 2 and "branches" not in node.attrs:
        return choices[bool(selector)]
    return choices[selector if 0 <= selector < len(choices) else -1]


def first_input(node: Node) -> int:
    """The position of the node's input that is the first input of its graphs."""
    return 1 if node.op in BRANCHES else 0


def invariants(body: Graph) -> set[int]:
    """Positions that a loop's body passes through unchanged."""
    return {i for i, (before, after) in enumerate(zip(body.inputs, body.outputs, strict=True)) if before is after}
