"""How often a loop runs, where that follows from constants and shapes: its integer arithmetic is run ahead in numpy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from headrace.dispatch.infer import as_tuple
from headrace.dispatch.opdef import find
from headrace.ir.functional import BRANCHES, FUNCTIONAL, branches
from headrace.ir.graph import Graph, Node, Value

MOST_TRIPS = 50_000
"""A loop of more iterations counts as one of unknown length."""


class Trips(NamedTuple):
    """What is known of a loop's iterations.

    Attributes:
        most: how many there are at most.
        exact: there are that many.
        final: carried values, by position, that are known after the last one; empty when not exact.
        highest: the greatest value of each watched value that is known in every iteration.
    """

    most: int
    exact: bool
    final: dict[int, np.ndarray[Any, Any]]
    highest: dict[Value, int]


def count_trips(condition: Graph, body: Graph, arguments: Sequence[Any], watched: Sequence[Value] = ()) -> Trips | None:
    """Runs the known part of a loop.

    Args:
        condition: its only output ends the loop when False. Of a conjunction one side may be unknown.
        body: gives the carried values anew.
        arguments: the first values; numpy arrays are known, of others only the shape counts.
        watched: integer scalars of the body.

    Returns:
        None when the number of iterations depends on data, or is above MOST_TRIPS.
    """
    known = list(arguments)
    exact = True
    highest: dict[Value, int] = dict.fromkeys(watched, -1)
    for trip in range(MOST_TRIPS + 1):
        verdict, bounded = _verdict(condition, known)
        if verdict is False:
            final = {i: v for i, v in enumerate(known) if isinstance(v, np.ndarray)} if exact else {}
            return Trips(trip, exact, final, highest)
        if verdict is None:
            exact = False
            if not bounded:
                return None
        environment = _environment(body, known)
        known = [environment[value] for value in body.outputs]
        for value in list(highest):
            if isinstance(environment[value], np.ndarray):
                highest[value] = max(highest[value], int(environment[value]))
            else:
                del highest[value]
    return None


def _verdict(condition: Graph, known: Sequence[Any]) -> tuple[bool | None, bool]:
    """Whether the loop goes on, None if unknown; and in that case whether a known test bounds it too."""
    environment = _environment(condition, known)
    result = environment[condition.outputs[0]]
    if isinstance(result, np.ndarray):
        return bool(result), True
    conjuncts = _conjuncts(condition.outputs[0])
    values = [environment[value] for value in conjuncts]
    decided = [bool(value) for value in values if isinstance(value, np.ndarray)]
    return (None if all(decided) else False), bool(decided)


def _conjuncts(value: Value) -> list[Value]:
    node = value.node
    if node is not None and node.op == "LogicalAnd":
        return [part for item in node.inputs for part in _conjuncts(item)]
    return [value]


def _environment(graph: Graph, inputs: Sequence[Any]) -> dict[Value, Any]:
    environment: dict[Value, Any] = dict(zip(graph.inputs, inputs, strict=True))
    for node in graph.nodes:
        arguments = [environment[value] for value in node.inputs]
        environment.update(zip(node.outputs, _run(node, arguments), strict=True))
    return environment


def _run(node: Node, arguments: Sequence[Any]) -> Sequence[Any]:
    unknown = [None] * len(node.outputs)
    if node.op == "Const":
        return (node.attrs["value"],)
    op = None if node.op in FUNCTIONAL else find(node.op)
    if op is None or op.stateful:
        return unknown
    if op.metadata and all(hasattr(a, "shape") for a in arguments):
        return as_tuple(op.kernel(*op.group(arguments, node.attrs), **op.kernel_attrs(node.attrs)))
    if op.host is None or not node.inputs or not all(isinstance(a, np.ndarray) for a in arguments):
        return unknown
    return tuple(map(np.asarray, as_tuple(op.host(*op.group(arguments, node.attrs), **op.kernel_attrs(node.attrs)))))


class Growth(NamedTuple):
    """How the length of a list changes in one iteration: by `most` at most, and by just that when `exact`."""

    most: int
    exact: bool


def growth(graph: Graph, position: int) -> Growth:
    """How a carried list grows; by 0, not exactly, if its length is set otherwise than by adding and taking elements."""
    found = _origin(graph.outputs[position])
    return found[1] if found is not None and found[0] is graph.inputs[position] else Growth(0, False)


_SAME_LENGTH = frozenset({"TensorListSetItem", "TensorListScatterIntoExistingList", "_TensorListAdd", "_TensorListZeros"})


def _origin(value: Value) -> tuple[Value, Growth] | None:
    """The graph input that a list derives from, and how it has grown."""
    more, exact = 0, True
    while value.node is not None:
        node = value.node
        if node.op in BRANCHES:
            ways = [_through(node, branch, value.index) for branch in branches(node)]
            if any(way is None or way[0] is not ways[0][0] for way in ways):  # type: ignore[index]
                return None
            value = ways[0][0]  # type: ignore[index]
            most = [way[1].most for way in ways]  # type: ignore[index]
            more += max(most)
            exact = exact and min(most) == max(most) and all(way[1].exact for way in ways)  # type: ignore[index]
            continue
        if node.op == "TensorListPushBack":
            more += 1
        elif node.op == "TensorListPopBack":
            more -= 1
        elif node.op not in _SAME_LENGTH:
            return None
        exact = exact and not node.attrs.get("resize_if_index_out_of_bounds")
        value = node.inputs[0]
    return value, Growth(more, exact)


def _through(node: Node, branch: Graph, index: int) -> tuple[Value, Growth] | None:
    found = _origin(branch.outputs[index])
    if found is None or found[0] not in branch.inputs:
        return None
    return node.inputs[1 + branch.inputs.index(found[0])], found[1]


def written_beyond(graph: Graph, position: int) -> list[Value]:
    """The indices at which a carried list is written, and made longer for, in one iteration."""
    value, indices = graph.outputs[position], []
    while value.node is not None and value.node.op in _SAME_LENGTH:
        if value.node.attrs.get("resize_if_index_out_of_bounds"):
            indices.append(value.node.inputs[1])
        value = value.node.inputs[0]
    return indices if value is graph.inputs[position] else []
