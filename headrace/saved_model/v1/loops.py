"""Loops of Enter, Merge, Switch, NextIteration and Exit become While nodes, the innermost first.

A frame is named by its Enter nodes. What is carried from turn to turn passes Enter, Merge and Switch; the Switch sends it on to the
body or, at the end, to an Exit; the body's result comes back by NextIteration. What does not change enters once, as a constant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

from headrace.core.errors import InvalidArgumentError, UnimplementedError
from headrace.proto.messages import AttrValue
from headrace.saved_model.v1.nodes import Node, Port, Region, reach

Define = Callable[[str, Region], str]
"""Makes a function of a region, for which it proposes a name, and gives the name that it got."""
_MAX_DEPTH = 100


class _Carried(NamedTuple):
    """A value that a loop changes."""

    enter: Node
    merge: Node
    back: Node
    """The NextIteration."""
    switches: list[Node]
    exits: list[Node]


@dataclass
class _Frame:
    """One loop."""

    name: str
    enters: list[Node]
    carried: list[_Carried]
    condition: Node
    """The LoopCond."""

    @property
    def constants(self) -> list[Node]:
        """The Enter nodes of what does not change."""
        return [enter for enter in self.enters if all(enter is not item.enter for item in self.carried)]

    def inside(self) -> dict[Port, int]:
        """The ports by which the loop's functions see its values, with the position of the value."""
        found = {Port(item.merge.name): i for i, item in enumerate(self.carried)}
        found |= {Port(switch.name, 1): i for i, item in enumerate(self.carried) for switch in item.switches}
        return found | {Port(enter.name): len(self.carried) + i for i, enter in enumerate(self.constants)}

    def results(self) -> list[Port]:
        """What the body computes."""
        return [item.back.inputs[0] for item in self.carried]

    def effects(self) -> list[str]:
        """What the body runs besides."""
        return list(dict.fromkeys(name for item in self.carried for name in item.back.controls))

    def parts(self) -> Iterable[Node]:
        """The nodes that the While node stands for, without those of its functions."""
        yield from (self.condition, *self.enters)
        for item in self.carried:
            yield from (item.merge, item.back, *item.switches, *item.exits)


class LoopRaiser:
    """The loops of one region."""

    def __init__(self, region: Region, define: Define) -> None:
        self._region = region
        self._define = define
        self._enters: dict[str, list[Node]] = {}
        self._readers: dict[str, list[Node]] = {}

    def run(self) -> None:
        """Replaces every loop by a While node.

        Raises:
            InvalidArgumentError: the nodes of a loop do not belong together.
        """
        for node in self._region.nodes.values():
            if node.op == "Enter":
                name = node.get("frame_name", "string").encode("utf-8", "backslashreplace").decode()
                self._enters.setdefault(name, []).append(node)
            for port in node.inputs:
                self._readers.setdefault(port.node, []).append(node)
        while self._enters:
            self._raise(next(iter(self._enters)), 0)
        self._region.prune()

    def _raise(self, name: str, depth: int) -> None:
        """Replaces one loop, after those within it."""
        if depth > _MAX_DEPTH:
            raise UnimplementedError(f"loops are nested more than {_MAX_DEPTH} deep at {name!r}")
        frame = self._frame(name, self._enters.pop(name))
        edge = {port.node for port in frame.inside()}
        while True:
            roots = [frame.condition.inputs[0].node, *(port.node for port in frame.results()), *frame.effects()]
            leaving = (n for n in reach(self._region.nodes, roots, edge.__contains__) if self._region.nodes[n].op == "Exit")
            inner = next(leaving, None)
            if inner is None:
                break
            self._raise(self._left_by(self._region.nodes[inner], name), depth + 1)
        self._replace(frame)

    def _frame(self, name: str, enters: list[Node]) -> _Frame:
        carried = [self._carried(name, enter, merge) for enter in enters for merge in self._reading(enter, "Merge")]
        deciding = {s.inputs[1].node: self._region.nodes[s.inputs[1].node] for item in carried for s in item.switches}
        if len(deciding) != 1:
            raise InvalidArgumentError(
                f"the loop {name!r}, entered at node {enters[0].name!r}, has {len(deciding)} conditions (nodes LoopCond that decide"
                " its Switch nodes); expected one"
            )
        return _Frame(name, enters, carried, *deciding.values())

    def _carried(self, frame: str, enter: Node, merge: Node) -> _Carried:
        others = [self._region.nodes.get(port.node) for port in merge.inputs if port.node != enter.name]
        back = others[0] if len(others) == 1 else None
        if back is None or back.op != "NextIteration" or len(back.inputs) != 1:
            raise InvalidArgumentError(
                f"node {merge.name!r} (Merge) of the loop {frame!r} joins {[str(port) for port in merge.inputs]}; expected an Enter"
                " and a NextIteration"
            )
        switches = [s for s in self._reading(merge, "Switch") if self._is_end_test(s)]
        return _Carried(enter, merge, back, switches, [leave for s in switches for leave in self._reading(s, "Exit")])

    def _reading(self, node: Node, op: str) -> list[Node]:
        """The nodes of an op that read the first output of a node."""
        return [reader for reader in self._readers.get(node.name, ()) if reader.op == op and Port(node.name) in reader.inputs]

    def _is_end_test(self, switch: Node) -> bool:
        """True when a LoopCond decides a Switch."""
        decided = self._region.nodes.get(switch.inputs[1].node) if len(switch.inputs) == 2 else None
        return decided is not None and decided.op == "LoopCond" and len(decided.inputs) == 1

    def _left_by(self, leave: Node, outer: str) -> str:
        """The frame that an Exit leaves."""
        node: Node | None = leave
        for op in ("Exit", "Switch"):
            node = self._region.nodes.get(node.inputs[0].node) if node is not None and node.op == op and node.inputs else None
        entered = {port.node for port in node.inputs} if node is not None and node.op == "Merge" else set()
        for frame, enters in self._enters.items():
            if any(enter.name in entered for enter in enters):
                return frame
        raise InvalidArgumentError(
            f"node {leave.name!r} (Exit), needed by the loop {outer!r}, leaves no loop; expected Enter, Merge,"
            " Switch and Exit in a row"
        )

    def _replace(self, frame: _Frame) -> None:
        inside = {port: Port(f"<{i}>") for port, i in frame.inside().items()}
        count = len(frame.carried) + len(frame.constants)
        cond = self._part([frame.condition.inputs[0]], [], inside)
        body = self._part(frame.results(), frame.effects(), inside)
        # Arguments of the region, which are handles and fed values, can be read everywhere; they become constants of the loop.
        read = [port for part in (cond, body) for port in (*part.outputs, *(p for n in part.nodes.values() for p in n.inputs))]
        taken = set(inside.values())
        more = list(dict.fromkeys(port for port in read if port not in taken and port.node in self._region.arguments))
        inside |= {port: Port(f"<{count + i}>") for i, port in enumerate(more)}
        fed = [enter.inputs[0] for enter in (*(item.enter for item in frame.carried), *frame.constants)] + more
        functions = {}
        for key, part in (("cond", cond), ("body", body)):
            part.redirect({port: inside[port] for port in more}, {})
            part.arguments = [f"<{i}>" for i in range(len(fed))]
            if key == "body":
                part.outputs += [Port(name) for name in part.arguments[len(frame.carried) :]]
            functions[key] = AttrValue()
            functions[key].func.name = self._define(f"{frame.name}/{key}", part)
        name = self._region.unique(frame.name)
        waits = list(dict.fromkeys(waited for enter in frame.enters for waited in enter.controls))
        if "parallel_iterations" in frame.enters[0].attr:
            functions["parallel_iterations"] = frame.enters[0].attr["parallel_iterations"]
        for node in frame.parts():
            self._region.nodes.pop(node.name, None)
        self._region.nodes[name] = Node(name, "While", fed, waits, functions)
        exits = [(leave.name, i) for i, item in enumerate(frame.carried) for leave in item.exits]
        self._region.redirect({Port(old): Port(name, i) for old, i in exits}, {old: name for old, _ in exits})

    def _part(self, outputs: list[Port], effects: list[str], inside: dict[Port, Port]) -> Region:
        """The nodes of a loop that compute `outputs`, as a region of their own."""
        edge = {port.node for port in inside}
        names = reach(self._region.nodes, [*(port.node for port in outputs), *effects], edge.__contains__)
        nodes = {
            name: replace(
                node,
                inputs=[inside.get(port, port) for port in node.inputs],
                controls=[waited for waited in node.controls if waited in names],
            )
            for name, node in self._region.nodes.items()
            if name in names
        }
        return Region(nodes, [], [inside.get(port, port) for port in outputs], [name for name in effects if name in names])
