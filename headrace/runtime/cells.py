"""Variables while a graph is lowered: cells that hold their present arrays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from headrace.core import dtypes
from headrace.dispatch.opdef import get
from headrace.ir.functional import FUNCTIONAL, first_input
from headrace.ir.graph import Graph, Node, subgraphs


class Cell:
    """A variable's value while its graph is being lowered."""

    __slots__ = ("array", "name", "written")

    def __init__(self, array: Any, name: str) -> None:
        self.array = array
        self.name = name
        self.written = False


def is_random(graph: Graph) -> bool:
    """True when the graph draws random numbers."""
    return any(draws(node) for node in graph.nodes)


def draws(node: Node) -> bool:
    """True when the node draws random numbers."""
    if node.op in FUNCTIONAL:
        return any(map(is_random, subgraphs(node)))
    return node.op != "Const" and get(node.op).random


def written_inputs(graph: Graph) -> set[int]:
    """Positions of the resource inputs that the graph assigns."""
    positions = {value: i for i, value in enumerate(graph.inputs) if value.dtype is dtypes.resource}
    return {positions[value] for node in graph.nodes for value in _assigned(node) if value in positions}


def _assigned(node: Node) -> list[Any]:
    if node.op == "Const":
        return []
    if node.op in FUNCTIONAL:
        start = first_input(node)
        return [node.inputs[start + i] for body in subgraphs(node) for i in written_inputs(body)]
    return [node.inputs[i] for i in get(node.op).updates]


def written_cells(graphs: Iterable[Graph], arguments: Sequence[Any]) -> list[Cell]:
    """The different cells among `arguments` that one of the graphs assigns."""
    positions = sorted(set().union(*map(written_inputs, graphs)))
    return list({id(arguments[i]): arguments[i] for i in positions}.values())


def twins(arguments: Sequence[Any], arrays: dict[int, Any] | None = None) -> tuple[list[Any], dict[int, Cell]]:
    """The arguments with a new cell for each different one, and the new cells by the id of the old one.

    Args:
        arguments: of a body that is lowered by itself.
        arrays: values for some cells by id; the others keep theirs.
    """
    given = arrays or {}
    new = {id(a): Cell(given.get(id(a), a.array), a.name) for a in arguments if isinstance(a, Cell)}
    return [new.get(id(a), a) for a in arguments], new
