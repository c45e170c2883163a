"""Executables: an optimized graph, partitioned into compiled segments and host segments, ready to be called."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from headrace.core.errors import InvalidArgumentError, NotCompilable
from headrace.ir.graph import Graph, Node, Value
from headrace.passes import pipeline
from headrace.runtime import donation
from headrace.runtime.host import run_segment
from headrace.runtime.partition import Segment, partition
from headrace.runtime.segments import Compiled

Run = Callable[[Sequence[Any]], list[Any]]


class Executable:
    """A graph ready to be called on arrays and Resources.

    Attributes:
        graph: the optimized graph.
        plan: its segments, and what keeps it from being compiled as a whole.
        whole: the graph compiled as one; None where it is not.
        run: takes one argument an input of the graph (an array, or a Resource) and gives the output arrays; variables that
            the graph assigns are updated.
    """

    def __init__(self, graph: Graph, *, optimized: bool = False) -> None:
        self.graph = graph if optimized else pipeline.optimize(graph)
        self._refused: dict[Node, str] = {}
        self._must_compile = ""
        self.whole: Compiled | None
        self.run: Run
        self._arrange()

    def _arrange(self) -> None:
        self.plan = partition(self.graph, self._refused)
        self.whole = None
        if not self.plan.is_whole(self.graph):
            self.run = Partitioned(self.graph, self.plan.segments)
            return
        compiled = self.whole = Compiled(self.graph)

        def attempt(arguments: Sequence[Any]) -> list[Any]:
            try:
                return compiled(arguments)
            except NotCompilable as error:
                self.refuse(error)
                return self.run(arguments)

        self.run = attempt

    def refuse(self, error: NotCompilable) -> None:
        """Leaves the node that could not be compiled to the host from now on. Nothing has run when this shows."""
        if not isinstance(error.node, Node):
            raise InvalidArgumentError(f"{self.graph.name}: {error.reason}") from error
        self._refused[error.node] = error.reason
        self._arrange()
        if self._must_compile:
            self.require_compiled(self._must_compile)

    def __call__(self, arguments: Sequence[Any]) -> list[Any]:
        """Runs the graph; see `run`."""
        return self.run(arguments)

    def require_compiled(self, name: str) -> None:
        """Checks that the whole graph is compiled, as `jit_compile=True` asks.

        Raises:
            InvalidArgumentError: something runs on the host; every such node is named, with its place.
        """
        self._must_compile = name
        if self.plan.obstacles:
            listed = "".join(f"\n  {obstacle}" for obstacle in self.plan.obstacles)
            raise InvalidArgumentError(
                f"tf.function {name} has jit_compile=True, but cannot be compiled as a whole; leave jit_compile out, or move these"
                f" operations out of it:{listed}",
                op=self.plan.obstacles[0].node.op,
            )


class Step(Protocol):
    """What runs a segment in place of the host."""

    def run(self, arguments: Sequence[Any], spent: tuple[int, ...]) -> Sequence[Any]:
        """The outputs of the segment.

        Args:
            arguments: one an input of the segment.
            spent: positions of arguments that nothing reads later, whose memory may be taken for outputs.
        """


class Partitioned:
    """Segments run one after the other; values live until their last use.

    Args:
        graph: the graph, optimized.
        segments: what it was cut into.
        others: what runs a segment in place of XLA, by the position of the segment. Memory is not taken over then.
    """

    def __init__(self, graph: Graph, segments: Sequence[Segment], others: Mapping[int, Step] | None = None) -> None:
        self._graph = graph
        others = others or {}
        self._steps: list[tuple[Segment, Step | None]] = [
            (segment, None if segment.on_host else others.get(i) or _Step(graph, segment, i)) for i, segment in enumerate(segments)
        ]
        last: dict[Value, int] = dict.fromkeys(graph.inputs, -1)
        for position, segment in enumerate(segments):
            last.update((value, position) for value in (*segment.inputs, *segment.outputs))
        kept = set(graph.outputs)
        self._dead: list[list[Value]] = [[] for _ in segments]
        for value, position in last.items():
            if value not in kept and position >= 0:
                self._dead[position].append(value)
        spent = [[] for _ in segments] if others else donation.spent_inputs(graph, segments)
        self._spent = [[(s.inputs.index(value), value) for value in values] for s, values in zip(segments, spent, strict=True)]
        self._donated: set[Value] = set().union(*spent)

    def __call__(self, arguments: Sequence[Any]) -> list[Any]:
        """The outputs of the graph; see Executable.run."""
        environment: dict[Value, Any] = dict(zip(self._graph.inputs, arguments, strict=True))
        shared: set[Value] = set()
        for (segment, compiled), spent, dead in zip(self._steps, self._spent, self._dead, strict=True):
            if compiled is None:
                run_segment(segment, environment, run_body)
            else:
                given = [environment[value] for value in segment.inputs]
                results = compiled.run(given, tuple(i for i, value in spent if value not in shared))
                if not self._donated.isdisjoint(segment.outputs):
                    shared |= donation.shared(segment.outputs, results, given)
                environment.update(zip(segment.outputs, results, strict=True))
            for value in dead:
                del environment[value]
        return [environment[value] for value in self._graph.outputs]


class _Step:
    """A segment compiled by XLA; cut further when part of it turns out not to be compilable."""

    def __init__(self, graph: Graph, segment: Segment, number: int) -> None:
        self._part = graph_of(segment, f"{graph.name}_segment{number}")
        self._compiled = Compiled(self._part, [i for i, value in enumerate(segment.inputs) if value in segment.statics])
        self._further: Executable | None = None

    def run(self, arguments: Sequence[Any], spent: tuple[int, ...]) -> list[Any]:
        """The outputs of the segment; see Compiled."""
        if self._further is None:
            try:
                return self._compiled(arguments, spent)
            except NotCompilable as error:
                further = Executable(self._part, optimized=True)
                further.refuse(error)
                self._further = further
        return self._further(arguments)


def graph_of(segment: Segment, name: str) -> Graph:
    """A segment as a graph of this name. Its nodes are those of the graph that was cut, not copies."""
    part = Graph(name)
    part.inputs, part.nodes, part.outputs = segment.inputs, segment.nodes, segment.outputs
    return part


_lock = threading.RLock()


def of(graph: Graph) -> Executable:
    """The executable of a graph, made on the first call and kept as long as the graph."""
    return _made(graph, optimized=False)


def run_body(graph: Graph, arguments: Sequence[Any]) -> list[Any]:
    """Runs a graph held by a node of an optimized graph, which is optimized itself."""
    return _made(graph, optimized=True).run(arguments)


def _made(graph: Graph, *, optimized: bool) -> Executable:
    kind = "body" if optimized else "executable"
    found: Executable | None = graph.made.get(kind)
    if found is None:
        with _lock:
            found = graph.made.get(kind)
            if found is None:
                found = graph.made[kind] = Executable(graph, optimized=optimized)
    return found
