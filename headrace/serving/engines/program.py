"""A frozen signature whose dense parts another engine runs; strings, tables and parsing stay with Headrace's runtime."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from headrace.core.errors import UnimplementedError
from headrace.ir.graph import Graph
from headrace.runtime.executable import Partitioned, graph_of
from headrace.runtime.partition import Segment, partition
from headrace.saved_model.graph_export import problem
from headrace.serving.engines.base import Array
from headrace.serving.engines.frozen import Frozen
from headrace.trace.concrete import ConcreteFunction


class Part(Protocol):
    """A graph that an engine has compiled. It is run by several threads at once."""

    @property
    def memory_bytes(self) -> int:
        """What its constants take, in bytes."""

    def run(self, arguments: Sequence[Any], spent: tuple[int, ...] = ()) -> Sequence[Array]:
        """The outputs of the graph; `arguments` are arrays, one an input. `spent` does not matter here."""


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


class Program:
    """A signature, run by another engine as far as that can.

    Args:
        function: the signature's function.
        frozen: its graph.
        compiler: the other engine.

    Raises:
        UnimplementedError: that can run nothing of it.
    """

    def __init__(self, function: ConcreteFunction, frozen: Frozen, compiler: Compiler) -> None:
        graph = frozen.graph
        segments = partition(graph).segments
        parts: dict[int, Part] = {}
        refusals: list[str] = []
        for position, segment in enumerate(segments):
            if segment.on_host:
                continue
            try:
                parts[position] = compiler.compile(_part(graph, segment, position))
            except UnimplementedError as error:
                refusals.append(error.message)
        if not parts:
            raise UnimplementedError(refusals[0] if refusals else "it has no part that works on numbers alone")
        self._names = [str(spec.name) for spec in function.specs]
        self._outputs: dict[str, int] = function.pack(range(len(graph.outputs)))
        self._held = frozen.held
        self._segments, self._parts = segments, parts
        self._run = Partitioned(graph, segments, parts)
        self.memory_bytes = sum(part.memory_bytes for part in parts.values())
        self.remaining = refusals
        """Why parts that XLA could compile stay with it."""

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """The signature's outputs by name; see LoadedModel.run."""
        flat = self._run([*(inputs[name] for name in self._names), *self._held])
        return {name: np.asarray(flat[position]) for name, position in self._outputs.items()}

    def settle(self) -> None:
        """Lets go of the constants that the other engine has its own copy of. Nothing more can be compiled of the graph then."""
        needed = {node for i, segment in enumerate(self._segments) if i not in self._parts for node in segment.nodes}
        for i in self._parts:
            for node in self._segments[i].nodes:
                if node.op == "Const" and node not in needed:
                    node.attrs = {}
            self._segments[i].nodes = []


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
