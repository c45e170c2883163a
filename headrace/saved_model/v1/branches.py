"""Branches of Switch and Merge become If nodes, the innermost first.

A Switch sends a value one way or the other; what reads it runs only then. So each node has a guard: the predicates on its way,
with the side that it is on. A Merge joins two values whose guards differ in the side of one predicate, and the nodes under that
predicate that lead to it are the two branches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from headrace.core import dtypes
from headrace.core.errors import InvalidArgumentError
from headrace.proto.messages import AttrValue
from headrace.proto.tensors import to_proto
from headrace.saved_model.v1.loops import Define
from headrace.saved_model.v1.nodes import Node, Port, Region, ordered

Guard = frozenset[tuple[Port, int]]
"""Predicates and the output of their Switch nodes: 0 for false, 1 for true."""
FREE: Guard = frozenset()
_LEFT_OVER = frozenset({"Enter", "Exit", "LoopCond", "Merge", "NextIteration", "Switch"})


class _Parting(NamedTuple):
    """What a Merge joins: the sides of a predicate, under a common guard, with the Merge's input for each side."""

    predicate: Port
    common: Guard
    inputs: tuple[int, int]


@dataclass
class _Branch:
    """One side of an If node on its way to a region of its own."""

    nodes: dict[str, None]
    captured: dict[Port, None]
    waits: dict[str, None]


class BranchRaiser:
    """The branches of one region, which holds no loops of the old form any more."""

    def __init__(self, region: Region, define: Define) -> None:
        self._region = region
        self._define = define
        self._guards: dict[str, Guard] = {}
        self._partings: dict[str, _Parting] = {}

    def run(self) -> None:
        """Replaces every Merge, and the Switch nodes before it, by If nodes.

        Raises:
            InvalidArgumentError: a Merge joins what no Switch parted, or the result needs a Switch without a Merge.
        """
        if all(node.op not in _LEFT_OVER for node in self._region.nodes.values()):
            return
        for node in ordered(self._region.nodes):
            self._guards[node.name] = self._guard(node)
        waiting = sorted(self._partings, key=lambda name: -len(self._partings[name].common))
        while waiting:
            group = self._group(waiting)
            self._replace(group)
            waiting = [name for name in waiting if name not in group]
        self._region.prune()
        for node in self._region.nodes.values():
            if node.op in _LEFT_OVER:
                raise InvalidArgumentError(
                    f"node {node.name!r} ({node.op}) belongs to no branch or loop: its outputs meet in no Merge or leave by no"
                    " Exit; expected what tf.cond and tf.while_loop make",
                    op=node.op,
                )

    def _predicate(self, switch: Node) -> Port:
        """The port that decides a Switch, behind Identity nodes."""
        if len(switch.inputs) != 2:
            raise InvalidArgumentError(
                f"node {switch.name!r} (Switch) has {len(switch.inputs)} inputs; expected data and predicate"
            )
        port = switch.inputs[1]
        node = self._region.nodes.get(port.node)
        while node is not None and node.op == "Identity" and node.inputs:
            port = node.inputs[0]
            node = self._region.nodes.get(port.node)
        return port

    def _guard_of(self, port: Port) -> Guard:
        node = self._region.nodes.get(port.node)
        if node is None:
            return FREE
        guard = self._guards[node.name]
        return guard | {(self._predicate(node), port.output)} if node.op == "Switch" else guard

    def _guard(self, node: Node) -> Guard:
        waits = FREE.union(*(self._guards[name] for name in node.controls if name in self._guards))
        if node.op == "Merge":
            parting = self._partings[node.name] = self._parting(node)
            return parting.common | waits
        return waits.union(*(self._guard_of(port) for port in node.inputs))

    def _parting(self, merge: Node) -> _Parting:
        guards = [self._guard_of(port) for port in merge.inputs]
        if len(guards) == 2:
            sides = [(p, side) for p, side in guards[0] if (p, 1 - side) in guards[1]]
            if len(sides) == 1 and guards[0] - {sides[0]} == guards[1] - {(sides[0][0], 1 - sides[0][1])}:
                predicate, side = sides[0]
                return _Parting(predicate, guards[0] - {sides[0]}, (0, 1) if side == 0 else (1, 0))
        raise InvalidArgumentError(
            f"node {merge.name!r} (Merge) joins {[str(port) for port in merge.inputs]}, which are not the two sides of one Switch;"
            " expected what tf.cond makes",
            op="Merge",
        )

    def _group(self, waiting: Sequence[str]) -> list[str]:
        """The first of the Merge nodes and those that share nodes of a branch with it."""
        first = self._partings[waiting[0]]
        alike = [name for name in waiting if self._partings[name][:2] == first[:2]]
        shared = {name: self._own(name) for name in alike}
        group, held = [waiting[0]], shared[waiting[0]]
        grown = True
        while grown:
            more = [name for name in alike if name not in group and not held.isdisjoint(shared[name])]
            grown = bool(more)
            group += more
            held = held.union(*(shared[name] for name in more))
        return group

    def _own(self, merge: str) -> set[str]:
        """The nodes that run for one Merge only when its predicate says so."""
        predicate = self._partings[merge].predicate
        return {
            name
            for side in (0, 1)
            for name in self._branch([merge], side).nodes
            if (predicate, side) in self._guards.get(name, FREE)
        }

    def _branch(self, merges: Sequence[str], side: int) -> _Branch:
        """What one side of Merge nodes computes, and what it needs from without."""
        predicate = self._partings[merges[0]].predicate
        branch = _Branch({}, {}, {})
        pending: list[str] = []

        def visit(port: Port) -> None:
            source = self._source(port, predicate)
            node = self._region.nodes.get(source.node)
            if node is not None and (node.op == "Const" or (predicate, side) in self._guards.get(node.name, FREE)):
                pending.append(node.name)
            else:
                branch.captured[source] = None

        for name in merges:
            visit(self._region.nodes[name].inputs[self._partings[name].inputs[side]])
        while pending:
            name = pending.pop()
            if name in branch.nodes:
                continue
            branch.nodes[name] = None
            node = self._region.nodes[name]
            for port in node.inputs:
                visit(port)
            for waited in node.controls:
                if (predicate, side) in self._guards.get(waited, FREE):
                    pending.append(waited)
                elif self._region.nodes[waited].op != "Switch":
                    branch.waits[waited] = None
        return branch

    def _source(self, port: Port, predicate: Port) -> Port:
        """What a Switch of the predicate was given, for its output; any other port itself."""
        node = self._region.nodes.get(port.node)
        while node is not None and node.op == "Switch" and self._predicate(node) == predicate:
            port = node.inputs[0]
            node = self._region.nodes.get(port.node)
        return port

    def _replace(self, merges: list[str]) -> None:
        parting = self._partings[merges[0]]
        branches = [self._branch(merges, side) for side in (0, 1)]
        captured = list(dict.fromkeys(port for branch in branches for port in branch.captured))
        indexed = any(Port(name, 1) in node.inputs for node in self._region.nodes.values() for name in merges)
        attributes = {}
        for side, key in ((0, "else_branch"), (1, "then_branch")):
            part = self._part(merges, side, branches[side], captured, indexed)
            attributes[key] = AttrValue()
            attributes[key].func.name = self._define(f"{merges[0]}/{key}", part)
        name = self._region.unique(f"{merges[0]}/If")
        waits = dict.fromkeys(waited for branch in branches for waited in branch.waits)
        waits |= dict.fromkeys(waited for merge in merges for waited in self._region.nodes[merge].controls)
        self._region.nodes[name] = Node(name, "If", [parting.predicate, *captured], list(waits), attributes)
        self._guards[name] = parting.common
        ports = {Port(merge): Port(name, i) for i, merge in enumerate(merges)}
        ports |= {Port(merge, 1): Port(name, len(merges) + i) for i, merge in enumerate(merges)}
        for merge in merges:
            del self._region.nodes[merge]
        self._region.redirect(ports, dict.fromkeys(merges, name))

    def _part(self, merges: list[str], side: int, branch: _Branch, captured: list[Port], indexed: bool) -> Region:
        """One side as a region of its own: its outputs are the values of the Merge nodes, then their positions."""
        predicate = self._partings[merges[0]].predicate
        given = {port: Port(f"<{i}>") for i, port in enumerate(captured)}

        def seen(port: Port) -> Port:
            source = self._source(port, predicate)
            return given.get(source, source)

        nodes = {}
        for name, node in self._region.nodes.items():
            if name in branch.nodes:
                controls = [waited for waited in node.controls if waited in branch.nodes]
                nodes[name] = replace(node, inputs=[seen(port) for port in node.inputs], controls=controls)
        positions = [self._partings[name].inputs[side] for name in merges]
        outputs = [seen(self._region.nodes[name].inputs[at]) for name, at in zip(merges, positions, strict=True)]
        part = Region(nodes, [port.node for port in given.values()], outputs)
        if indexed:
            for at in positions:
                name = part.unique("value_index")
                tensor = to_proto(np.array(at, np.int32), dtypes.int32)
                nodes[name] = Node(
                    name, "Const", [], [], {"dtype": AttrValue(type=dtypes.int32.enum), "value": AttrValue(tensor=tensor)}
                )
                part.outputs.append(Port(name))
        return part
