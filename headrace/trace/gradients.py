"""Gradients of whole functions: a forward graph that also returns what the backward graph needs.

With one tape active the backward graph differentiates the function's outputs. When more tapes are active, or a
persistent one, the values that the first backward graph needs are outputs too, and gradients may flow into them; so a
second level differentiates those as well, and so on, one level a tape.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from headrace.autodiff.reverse import Gradient, Record, backward
from headrace.core.spec import TensorSpec
from headrace.dispatch import context
from headrace.dispatch.composite import IndexedSlices
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import get
from headrace.dispatch.tensor import GraphTensor, Tensor
from headrace.ir.graph import Graph
from headrace.trace.builder import GraphBuilder


class Level(NamedTuple):
    """One backward graph.

    Attributes:
        targets: how many of the forward graph's outputs it takes gradients of.
        differentiable: the graph; its inputs are the gradients of the differentiable targets, then `needed`.
        needed: forward tensors that it reads, and tensors and variables of the outside that a gradient rule reads.
        structure: for each forward input what comes back: None, "dense" or "slices".
    """

    targets: int
    differentiable: DifferentiableGraph
    needed: list[Tensor]
    structure: list[str | None]


class DifferentiableGraph:
    """A graph with the records of its construction, callable under tapes.

    Args:
        graph: the forward graph.
        inputs: the graph's inputs as tensors.
        outputs: the graph's outputs as tensors.
        records: gives what the gradient walks over; called when a gradient is first needed.
    """

    def __init__(
        self,
        graph: Graph,
        inputs: Sequence[GraphTensor],
        outputs: Sequence[GraphTensor],
        records: Callable[[], Sequence[Record]],
    ) -> None:
        self.graph = graph
        self._inputs = list(inputs)
        self._outputs = list(outputs)
        self._records = records
        self._levels: list[Level] = []
        self._forwards: dict[int, Graph] = {}

    @property
    def records(self) -> Sequence[Record]:
        """What the gradient walks over."""
        return self._records()

    def call(self, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Runs the graph on `inputs` and records the call on the active tapes."""
        state = context.state()
        inputs = [state.executor.adopt(t) for t in inputs]
        depth = sum(2 if getattr(tape, "_persistent", False) else 1 for tape in state.tapes if tape.watches(inputs))
        levels = [self._level(i) for i in range(depth)]
        with context.paused_tapes():
            outputs = state.executor.call(self._forward(depth), inputs)
        known = dict(zip(map(id, self._forward_tensors(depth)), outputs, strict=True))
        known.update(zip(map(id, self._inputs), inputs, strict=True))

        def rule(*gradients: Gradient) -> Sequence[Gradient]:
            last = max(i for i, g in enumerate(gradients) if g is not None)
            level = next((candidate for candidate in levels if last < candidate.targets), None)
            if level is None:
                raise RuntimeError(
                    f"the gradient is of a higher order than the tapes active when {self.graph.name!r} was called; open one more"
                    " GradientTape around the call"
                )
            return self._backward(level, gradients, outputs, known)

        for tape in state.tapes:
            tape.record_custom(inputs, outputs, rule)
        return outputs[: len(self._outputs)]

    def _backward(
        self, level: Level, gradients: Sequence[Gradient], outputs: Sequence[Tensor], known: dict[int, Tensor]
    ) -> list[Gradient]:
        seeds = [
            get("ZerosLike")(output) if gradient is None else convert_to_tensor(gradient)
            for output, gradient in zip(outputs[: level.targets], gradients, strict=False)
            if output.dtype.is_differentiable
        ]
        arguments = [*seeds, *(known.get(id(tensor), tensor) for tensor in level.needed)]
        if context.state().tapes:
            flat = iter(level.differentiable.call(arguments))
        else:
            flat = iter(context.state().executor.call(level.differentiable.graph, arguments))
        found: list[Gradient] = []
        for kind in level.structure:
            if kind == "slices":
                found.append(IndexedSlices(next(flat), next(flat), next(flat)))
            else:
                found.append(None if kind is None else next(flat))
        return found

    def _forward_tensors(self, depth: int) -> list[GraphTensor]:
        """The forward graph's outputs: the function's own, then what the backward graphs up to `depth` need."""
        tensors = list(self._outputs)
        seen = {id(t) for t in [*self._inputs, *tensors]}
        for index in range(depth):
            for tensor in self._level(index).needed:
                if isinstance(tensor, GraphTensor) and id(tensor) not in seen:
                    seen.add(id(tensor))
                    tensors.append(tensor)
        return tensors

    def _forward(self, depth: int) -> Graph:
        graph = self._forwards.get(depth)
        if graph is None:
            graph = Graph(f"{self.graph.name}_forward{depth}" if depth else self.graph.name)
            graph.inputs, graph.nodes = self.graph.inputs, self.graph.nodes
            graph.outputs = [t.value for t in self._forward_tensors(depth)]
            self._forwards[depth] = graph
        return graph

    def _level(self, index: int) -> Level:
        while len(self._levels) <= index:
            self._levels.append(self._build(self._forward_tensors(len(self._levels))))
        return self._levels[index]

    def _build(self, targets: list[GraphTensor]) -> Level:
        builder = GraphBuilder(f"{self.graph.name}_backward{len(self._levels)}")
        state = context.state()
        scope, device = state.name_scope, state.device
        state.name_scope, state.device = "", ""
        try:
            with context.using(builder, tapes=(builder.log,)):
                seeds = [
                    (t, builder.add_argument(TensorSpec(t.shape, t.dtype), "grad")) for t in targets if t.dtype.is_differentiable
                ]
                found = backward(self._records(), seeds, {id(t) for t in self._inputs})
                structure, flat = self._flatten([found.get(id(t)) for t in self._inputs])
                flat = [builder.adopt(t) for t in flat]
        finally:
            state.name_scope, state.device = scope, device
        builder.graph.outputs = [t.value for t in flat]
        arguments = [seed for _, seed in seeds]
        inputs = [*arguments, *(builder.adopt(t) for t in builder.captured)]
        differentiable = DifferentiableGraph(builder.graph, inputs, flat, lambda: builder.log.records)
        return Level(len(targets), differentiable, list(builder.captured), structure)

    @staticmethod
    def _flatten(gradients: Sequence[Gradient]) -> tuple[list[str | None], list[Any]]:
        structure: list[str | None] = []
        flat: list[Any] = []
        for gradient in gradients:
            if isinstance(gradient, IndexedSlices) and gradient.dense_shape is not None:
                structure.append("slices")
                flat += [gradient.values, gradient.indices, convert_to_tensor(gradient.dense_shape)]
            elif gradient is None:
                structure.append(None)
            else:
                structure.append("dense")
                flat.append(convert_to_tensor(gradient))
        return structure, flat
