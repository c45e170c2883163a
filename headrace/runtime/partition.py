"""Partition: an optimized graph cut into segments that XLA compiles and segments that run on the host.

A node runs on the host when its kernel works on numpy arrays (strings, shapes that depend on data, prints, Python functions).
Small integer arithmetic between host nodes goes with them. A static input (a shape, a size) that depends on data cuts the
graph too: its value is fetched, and the next compiled segment is specialized for it.

The schedule is greedy: everything that is ready of the current kind runs, then the other kind, which gives the fewest
segments for a given first kind; both first kinds are tried. Effects keep the order of the program.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from headrace.core import dtypes
from headrace.dispatch.opdef import find
from headrace.ir.functional import FUNCTIONAL
from headrace.ir.graph import Graph, Node, Value, subgraphs
from headrace.passes.effects import READS, has_effects

MOST_PINNED = 4096
"""Arithmetic on integers of more elements than this is left to the device, even between host nodes."""

QUIET = frozenset({"PrintV2", "Assert", "CheckNumerics", "WriteSummary", "WriteRawProtoSummary", "FlushSummaryWriter"})
"""Host ops whose effect touches no variable: only writes must keep their place relative to them."""

VIEWS = frozenset({"ExpandDims", "Identity", "Reshape", "Squeeze"})
"""Ops that cost nothing in numpy: they stay with what the host made."""

STATIC_READS = frozenset({"VariableShape"})
"""Reads whose value is known when the graph is compiled."""


class Obstacle(NamedTuple):
    """Why a node keeps a graph from being compiled as a whole."""

    node: Node
    reason: str

    def __str__(self) -> str:
        place = f", from {self.node.source}" if self.node.source else ""
        return f"{self.node.op} (node {self.node.name}{place}): {self.reason}"


@dataclass
class Segment:
    """Nodes that run together.

    Attributes:
        on_host: run by numpy kernels, else compiled.
        nodes: in program order; values known at compile time are computed anew in each segment that needs them.
        inputs: values made outside of it (graph inputs or outputs of earlier segments).
        outputs: values that later segments or the caller need.
        statics: inputs whose content the segment is compiled for.
    """

    on_host: bool
    nodes: list[Node]
    inputs: list[Value] = field(default_factory=list)
    outputs: list[Value] = field(default_factory=list)
    statics: frozenset[Value] = frozenset()


class Plan(NamedTuple):
    """A partitioned graph. `obstacles` is empty when all of it is compiled."""

    segments: list[Segment]
    obstacles: list[Obstacle]

    def is_whole(self, graph: Graph) -> bool:
        """True when the graph is one compiled segment that takes all of its inputs."""
        return not self.obstacles and not _is_text(graph.inputs)


def partition(graph: Graph, refused: Mapping[Node, str] | None = None) -> Plan:
    """Cuts an optimized graph into segments; they run in order.

    Args:
        graph: optimized.
        refused: nodes that turned out not to be compilable, with the reason.
    """
    facts = _Facts(graph, refused)
    obstacles = facts.obstacles()
    if not obstacles and not _is_text(graph.inputs):
        return Plan([Segment(False, list(graph.nodes), list(graph.inputs), list(graph.outputs))], [])
    # A string that no node reads may still be returned, or left aside: it passes by the compiled segment.
    schedules = [_Scheduler(facts, host_first).run() for host_first in (False, True)]
    return Plan(_connected(graph, facts, min(schedules, key=len)), obstacles)


def needs_host(node: Node) -> bool:
    """True when a node can only run on the host, whatever is known of its inputs (a call: when its body holds such a node)."""
    if node.op == "Const":
        return False
    if node.op in FUNCTIONAL:
        return any(bool(_Facts(body, in_body=True).forced) for body in subgraphs(node))
    op = find(node.op)
    return op is not None and op.host_only


def static_inputs(node: Node) -> list[Value]:
    """The inputs that must be known when the node is compiled."""
    op = None if node.op == "Const" or node.op in FUNCTIONAL else find(node.op)
    if op is None or not op.static or op.host_only:
        return []
    return [node.inputs[i] for i in sorted(op.static_positions(op.list_lengths(node.attrs)))]


def _is_text(values: Iterable[Value]) -> bool:
    return any(value.dtype is dtypes.string for value in values)


def _is_small(value: Value) -> bool:
    if not (value.dtype.is_integer or value.dtype.is_bool or value.dtype is dtypes.string):
        return False
    return not value.shape.is_fully_defined() or math.prod(value.shape.concrete()) <= MOST_PINNED


class _Facts:
    """What is known of a graph's nodes before they are scheduled.

    Attributes:
        known: values that depend on constants and shapes alone, without effects: any segment can compute them.
        host: nodes that run on the host.
        forced: those of them that could not be compiled.
    """

    def __init__(self, graph: Graph, refused: Mapping[Node, str] | None = None, *, in_body: bool = False) -> None:
        """Args:
        graph: optimized.
        refused: nodes that turned out not to be compilable, with the reason.
        in_body: a branch or loop that may be compiled as part of its node.
        """
        self.graph = graph
        self.given: set[Value] = set() if in_body else set(graph.inputs)
        self.known: set[Value] = set()
        self.forced: dict[Node, str] = dict(refused or {})
        for node in graph.nodes:
            self._classify(node)
        for value in graph.outputs:
            if value.dtype is dtypes.string and value in self.known and value.node is not None:
                self.forced[value.node] = "it returns a string"
        self.host = set(self.forced) | self._pinned() | self._of_any_size()

    def _classify(self, node: Node) -> None:
        if node.op == "Const":
            self.known.update(node.outputs)
            return
        op = None if node.op in FUNCTIONAL else find(node.op)
        if op is None:
            if needs_host(node):
                self.forced[node] = "the function that it calls holds operations of the host"
            return
        if node in self.forced:
            return
        inputs_known = all(value in self.known for value in node.inputs)
        text = _is_text((*node.inputs, *node.outputs))
        if not has_effects(node) and node.op not in READS:
            if op.metadata and (not text or inputs_known):
                self.known.update(node.outputs)
                return
            if inputs_known and (op.host is not None or op.host_only):
                self.known.update(node.outputs)
                return
        if op.host_only or node.op == "CheckNumerics":
            self.forced[node] = "it runs on the host only"
        elif text:
            self.forced[node] = "strings live on the host"
        elif op.on_lists and any(self._is_foreign_list(value) for value in node.inputs):
            self.forced[node] = "the list comes from outside and may have any length"

    def _is_foreign_list(self, value: Value) -> bool:
        return value.dtype is dtypes.variant and (value in self.given or value.node in self.forced)

    def obstacles(self) -> list[Obstacle]:
        """Every node that keeps the graph from being compiled as one."""
        found = [Obstacle(node, reason) for node, reason in self.forced.items()]
        local = set(self.known)
        for node in self.graph.nodes:
            if node in self.forced:
                continue
            for value in static_inputs(node):
                if value not in local:
                    label = f"its input %{value.label} must be known when the function is compiled, but it depends on data"
                    found.append(Obstacle(node, label))
            if becomes_known(node, local):
                local.update(node.outputs)
        order = {node: position for position, node in enumerate(self.graph.nodes)}
        return sorted(found, key=lambda obstacle: order[obstacle.node])

    def _pinned(self) -> set[Node]:
        """Integer arithmetic that host nodes or static inputs feed on, that has static inputs, or that no compiled node reads."""
        on_host = {value for node in self.forced for value in node.outputs}
        rooted = set(on_host)
        available = on_host | self.known | {v for v in self.graph.inputs if _is_small(v) and v.dtype is not dtypes.resource}
        candidates: list[Node] = []
        for node in self.graph.nodes:
            if node not in self.forced and self._may_pin(node, available):
                candidates.append(node)
                available.update(node.outputs)
                if any(value in rooted for value in node.inputs):
                    rooted.update(node.outputs)
        wanted = {v for node in self.forced for v in node.inputs}
        wanted |= {v for node in self.graph.nodes for v in static_inputs(node) if v not in self.known}
        users = self.graph.uses()
        pinned: set[Node] = set()
        for node in reversed(candidates):
            asked = any(value in wanted for value in node.outputs)
            readers = [user for value in node.outputs for user in users.get(value, ())]
            alone = any(v in rooted for v in node.outputs) and all(u in pinned or u in self.forced for u in readers)
            # A range of moving bounds, say: compiled, it would be specialized for every one of them.
            special = any(value not in self.known for value in static_inputs(node))
            if asked or alone or special:
                pinned.add(node)
                wanted.update(node.inputs)
        return pinned

    def _of_any_size(self) -> set[Node]:
        """What works on images that the host made (decoded) in sizes that differ: compiled, it would be compiled for each."""
        on_host = {value for node in self.forced for value in node.outputs}
        available = on_host | self.known
        sized = {value for value in on_host if _has_open_size(value)}
        found: set[Node] = set()
        for node in self.graph.nodes if sized else ():
            op = None if node.op == "Const" or node.op in FUNCTIONAL else find(node.op)
            if op is None or op.host is None or node in self.forced or has_effects(node) or node.op in READS:
                continue
            of_images = any(v in sized for v in node.inputs) or (node.op in VIEWS and node.inputs[0].node in found)
            if of_images and all(v in available for v in node.inputs):
                found.add(node)
                available.update(node.outputs)
                sized.update(v for v in node.outputs if _has_open_size(v))
        return found

    def _may_pin(self, node: Node, available: set[Value]) -> bool:
        op = None if node.op == "Const" or node.op in FUNCTIONAL else find(node.op)
        if op is None or has_effects(node) or node.op in READS or any(v in self.known for v in node.outputs):
            return False
        if op.host is None and not op.metadata:
            return False
        fits = all(_is_small(v) for v in node.outputs)
        return fits and bool(node.inputs) and all(v in available for v in node.inputs)


def _has_open_size(value: Value) -> bool:
    """True for an image, or a batch of them, whose height or width is not known."""
    return value.shape.rank in (3, 4) and None in value.shape[-3:-1]


def becomes_known(node: Node, known: set[Value]) -> bool:
    """True when compiling a segment makes the node's outputs known, `known` being known already."""
    if node.op in STATIC_READS:
        return True
    op = None if node.op == "Const" or node.op in FUNCTIONAL else find(node.op)
    if op is None or op.host is None or has_effects(node) or node.op in READS:
        return False
    return bool(node.inputs) and all(value in known for value in node.inputs)


class _Scheduler:
    """One greedy schedule."""

    def __init__(self, facts: _Facts, host_first: bool) -> None:
        self.facts = facts
        self.host_first = host_first
        self.given = set(facts.graph.inputs)
        needed = set(facts.graph.outputs)
        self.todo = [n for n in facts.graph.nodes if n in facts.host or not _all_known(n, facts.known) or _demanded(n, needed)]
        self.before = _effect_order(self.todo)

    def run(self) -> list[Segment]:
        """Segments with their nodes; inputs and outputs are filled in later."""
        done: set[Node] = set()
        fetched: set[Value] = set(self.facts.graph.inputs)
        segments: list[Segment] = []
        remaining, on_host = self.todo, self.host_first
        idle = 0
        while remaining:
            chosen, statics = self._ready(remaining, done, fetched, on_host)
            if chosen:
                idle = 0
                segments.append(Segment(on_host, chosen, statics=frozenset(statics)))
                done.update(chosen)
                fetched.update(value for node in chosen for value in node.outputs)
                taken = set(chosen)
                remaining = [node for node in remaining if node not in taken]
            else:
                idle += 1
                if idle > 2:
                    raise AssertionError(f"graph @{self.facts.graph.name} has a cycle")
            on_host = not on_host
        return segments

    def _ready(self, remaining: list[Node], done: set[Node], fetched: set[Value], on_host: bool) -> tuple[list[Node], set[Value]]:
        """Everything of one kind that can run now, in program order, and the inputs it is specialized for."""
        chosen: list[Node] = []
        made = set(done)
        local = set(self.facts.known)
        statics: set[Value] = set()
        for node in remaining:
            if (node in self.facts.host) is not on_host or not all(b in made for b in self.before[node]):
                continue
            if not all(self._has(value, made) for value in node.inputs):
                continue
            if not on_host:
                unknown = [value for value in static_inputs(node) if value not in local]
                if any(value not in fetched for value in unknown):
                    continue
                statics.update(unknown)
                local.update(unknown)
                if becomes_known(node, local):
                    local.update(node.outputs)
            chosen.append(node)
            made.add(node)
        return chosen, statics

    def _has(self, value: Value, made: set[Node]) -> bool:
        if value in self.given or value.node is None or value.node in made:
            return True
        return value in self.facts.known and all(self._has(v, made) for v in value.node.inputs)


def _all_known(node: Node, known: set[Value]) -> bool:
    return bool(node.outputs) and all(value in known for value in node.outputs)


def _demanded(node: Node, outputs: set[Value]) -> bool:
    return any(value in outputs for value in node.outputs)


def _effect_order(nodes: list[Node]) -> dict[Node, list[Node]]:
    """For each node the earlier ones that must run before it, apart from data."""
    before: dict[Node, list[Node]] = {}
    earlier: list[tuple[Node, str]] = []
    for node in nodes:
        kind = _effect(node)
        before[node] = [other for other, other_kind in earlier if _conflict(other_kind, kind)] if kind else []
        if kind:
            earlier.append((node, kind))
    return before


def _effect(node: Node) -> str:
    """What a node touches: "" nothing, "read", "random", "quiet" (prints, checks), "write", or "any"."""
    op = find(node.op)
    if node.op in READS:
        return "read"
    if not has_effects(node):
        return "reads" if any(v.dtype is dtypes.resource for v in node.inputs) else ""
    if op is None or any(True for _ in subgraphs(node)):
        return "any"
    if op.random and not op.updates:
        return "random"
    if node.op in QUIET:
        return "quiet"
    return "any" if op.host_only else "write"


def _conflict(a: str, b: str) -> bool:
    if "any" in (a, b) or "write" in (a, b):
        return "random" not in (a, b) or "any" in (a, b)
    return a == b and a in ("random", "quiet")


def _connected(graph: Graph, facts: _Facts, segments: list[Segment]) -> list[Segment]:
    """Fills in the inputs and outputs of segments, with the known values that each computes for itself."""
    position = {node: i for i, node in enumerate(graph.nodes)}
    made: dict[Value, Segment] = {value: s for s in segments for node in s.nodes for value in node.outputs}
    given = set(graph.inputs)
    wanted: dict[int, dict[Value, None]] = {id(s): {} for s in segments}
    for segment in segments:
        nodes = set(segment.nodes)
        inputs: dict[Value, None] = {}
        stack = [v for node in segment.nodes for v in node.inputs]
        while stack:
            value = stack.pop()
            if value.node in nodes or value in inputs:
                continue
            if value in given or (value in made and value not in facts.known):
                inputs[value] = None
                if value not in given:
                    wanted[id(made[value])][value] = None
            elif value.node is not None:
                nodes.add(value.node)
                stack.extend(value.node.inputs)
        segment.nodes = sorted(nodes, key=position.__getitem__)
        segment.inputs = list(inputs)
    for value in graph.outputs:
        if value in made:
            wanted[id(made[value])][value] = None
    for segment in segments:
        segment.outputs = list(wanted[id(segment)])
    return segments
