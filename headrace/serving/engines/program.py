"""A frozen signature whose dense parts another engine runs; strings, tables and parsing stay with Headrace's runtime."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from headrace.core.errors import InternalError, UnimplementedError
from headrace.ir.graph import Graph
from headrace.runtime.executable import Partitioned, graph_of
from headrace.runtime.partition import Segment, partition
from headrace.saved_model.graph_export import problem
from headrace.serving.engines.base import Array, Store, Told
from headrace.serving.engines.frozen import Frozen
from headrace.trace.concrete import ConcreteFunction


class Part(Protocol):
    """A graph that an engine has compiled. It is run by several threads at once."""

    @property
    def memory_bytes(self) -> int:
        """What its constants take, in bytes."""

    def run(self, arguments: Sequence[Any], spent: tuple[int, ...] = ()) -> Sequence[Array]:
        """The outputs of the graph; `arguments` are arrays, one an input. `spent` does not matter here."""

    def hand_over(self, store: Store) -> Told:
        """Writes the compiled graph down for another process; see Compiler.take_over."""


class Compiler(Protocol):
    """An engine that runs dense numeric graphs.

    Attributes:
        name: such as "openvino-f32".
        tolerance: by how much an output may differ from the reference, as a part of its largest magnitude.
        quantizes: True when it computes graphs that simulate integers with integers.
    """

    name: str
    tolerance: float
    quantizes: bool

    def compile(self, graph: Graph) -> Part:
        """The graph, ready to run. Its inputs and outputs are numbers, and it holds no variables.

        Raises:
            UnimplementedError: the engine cannot run it.
        """

    def take_over(self, told: Told, content: Array) -> Part:
        """A graph that another process has compiled.

        Args:
            told: what `Part.hand_over` said there.
            content: the bytes that it stored; they stay as long as the part.

        Raises:
            InternalError: they are of no use here.
        """


class Whole:
    """A signature that is one compiled part.

    Args:
        names: of the inputs, in the part's order.
        outputs: the positions of the part's outputs, by the signature's names.
        part: what runs it.
    """

    def __init__(self, names: Sequence[str], outputs: Mapping[str, int], part: Part) -> None:
        self.names = list(names)
        self.outputs = dict(outputs)
        self.part = part

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """The signature's outputs by name; see LoadedModel.run."""
        flat = self.part.run([inputs[name] for name in self.names])
        return {name: flat[position] for name, position in self.outputs.items()}


class Program:
    """A signature, run by another engine as far as that can.

    Args:
        function: the signature's function.
        frozen: its graph.
        compiler: the other engine.
        handed: the parts that another process's program has, as `hand_over` says; None compiles them here.
        content: the bytes of `handed`.

    Raises:
        UnimplementedError: that can run nothing of it.
        InternalError: `handed` is of another graph.
    """

    def __init__(
        self,
        function: ConcreteFunction,
        frozen: Frozen,
        compiler: Compiler,
        handed: Told | None = None,
        content: Array | None = None,
    ) -> None:
        graph = frozen.graph
        segments = partition(graph).segments
        if handed is not None and content is not None:
            parts, refusals = _taken_over(handed, segments, compiler, content), list(handed["remaining"])
        else:
            parts, refusals = _compiled(graph, segments, compiler)
        if not parts:
            raise UnimplementedError(refusals[0] if refusals else "it has no part that works on numbers alone")
        self._names = [str(spec.name) for spec in function.specs]
        self._outputs: dict[str, int] = function.pack(range(len(graph.outputs)))
        self._held = frozen.held
        self._segments, self._parts = segments, parts
        self._run = Partitioned(graph, segments, parts)
        alone = (
            len(segments) == 1 and not frozen.held and segments[0].inputs == graph.inputs and segments[0].outputs == graph.outputs
        )
        self.whole = Whole(self._names, self._outputs, parts[0]) if alone else None
        """The signature without anything around its one part; None where there is more to it."""
        self.memory_bytes = sum(part.memory_bytes for part in parts.values())
        self.remaining = refusals
        """Why parts that XLA could compile stay with it."""

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """The signature's outputs by name; see LoadedModel.run."""
        if self.whole is not None:
            return self.whole.run(inputs)
        flat = self._run([*(inputs[name] for name in self._names), *self._held])
        return {name: np.asarray(flat[position]) for name, position in self._outputs.items()}

    def hand_over(self, store: Store) -> Told:
        """Writes the compiled parts down, with what they connect, for the same signature's program in another process."""
        parts = {
            str(position): {"ends": _ends(self._segments[position]), "part": part.hand_over(store)}
            for position, part in self._parts.items()
        }
        whole = None if self.whole is None else {"names": self.whole.names, "outputs": self.whole.outputs}
        return {"parts": parts, "remaining": self.remaining, "whole": whole}

    def settle(self) -> None:
        """Lets go of the constants that the other engine has its own copy of. Nothing more can be compiled of the graph then."""
        needed = {node for i, segment in enumerate(self._segments) if i not in self._parts for node in segment.nodes}
        for i in self._parts:
            for node in self._segments[i].nodes:
                if node.op == "Const" and node not in needed:
                    node.attrs = {}
            self._segments[i].nodes = []


def _compiled(graph: Graph, segments: Sequence[Segment], compiler: Compiler) -> tuple[dict[int, Part], list[str]]:
    """The parts that an engine has compiled, by the position of the segment, and why it refuses others."""
    parts: dict[int, Part] = {}
    refusals: list[str] = []
    for position, segment in enumerate(segments):
        if segment.on_host:
            continue
        try:
            parts[position] = compiler.compile(_part(graph, segment, position))
        except UnimplementedError as error:
            refusals.append(error.message)
    return parts, refusals


def _taken_over(handed: Told, segments: Sequence[Segment], compiler: Compiler, content: Array) -> dict[int, Part]:
    """The parts that another process has compiled, by the position of the segment."""
    parts: dict[int, Part] = {}
    for key, told in handed["parts"].items():
        position = int(key)
        if position >= len(segments) or segments[position].on_host or _ends(segments[position]) != told["ends"]:
            raise InternalError(f"part {key} that was handed over is of another graph")
        parts[position] = compiler.take_over(told["part"], content)
    return parts


def _ends(segment: Segment) -> list[list[str]]:
    """The labels of what a segment takes and gives."""
    return [[value.label for value in segment.inputs], [value.label for value in segment.outputs]]


def _part(graph: Graph, segment: Segment, position: int) -> Graph:
    """A segment as a graph that TensorFlow could read.

    Raises:
        UnimplementedError: it has ops of our own, or depends on sizes that only a run tells.
    """
    if segment.statics:
        raise UnimplementedError("a shape or size in it depends on data")
    part = graph_of(segment, f"{graph.name}_part{position}").copy()  # its inputs are outputs of no other node then
    used = {value for node in part.nodes for value in node.inputs}.union(part.outputs)
    why = problem(part)
    if why is not None:
        raise UnimplementedError(why)
    if any(value not in used for value in part.inputs):
        raise UnimplementedError("it has an input that nothing reads")
    return part
