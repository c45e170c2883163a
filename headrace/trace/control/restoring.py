"""Graphs that were not traced here, such as loaded ones, made ready for gradients."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from headrace.autodiff.reverse import CustomRule, Gradient, Record, carries_gradient, zeros_like
from headrace.autodiff.tape import GradientTape, record_on_tapes
from headrace.dispatch import context
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import get
from headrace.dispatch.tensor import GraphTensor, Tensor
from headrace.ir.functional import BRANCHES, LOOPS, branches
from headrace.ir.graph import Graph, Value
from headrace.trace.builder import GraphBuilder
from headrace.trace.control.bodies import Body
from headrace.trace.control.conditional import Conditional
from headrace.trace.control.loop import Loop
from headrace.trace.gradients import DifferentiableGraph


class SavedGradient:
    """The gradient of a node that a model was saved with.

    Args:
        build: makes the function: it takes the gradients of the node's outputs, then what was captured.
        captured: values of the node's graph, and tensors of the outside.
        present: for each input of the node, whether the function gives a gradient.
    """

    def __init__(self, build: Callable[[], Graph], captured: Sequence[Value | Tensor], present: Sequence[bool]) -> None:
        self._build = build
        self._captured = captured
        self._present = present
        self._graph: Graph | None = None

    def input_gradients(
        self, outputs: Sequence[Tensor], tensors: Mapping[Value, Tensor], *gradients: Gradient
    ) -> list[Tensor | None]:
        """The gradients of the node's inputs.

        Args:
            outputs: of the node.
            tensors: those of the node's graph, by value.
            gradients: of the outputs.

        Raises:
            HeadraceError: the function cannot be built here.
        """
        if self._graph is None:
            self._graph = self._build()
        filled = [zeros_like(o) if g is None else convert_to_tensor(g) for o, g in zip(outputs, gradients, strict=True)]
        adopt = context.state().executor.adopt
        inputs = [adopt(t) for t in (*filled, *(tensors[c] if isinstance(c, Value) else c for c in self._captured))]
        with context.paused_tapes():
            results = context.state().executor.call(self._graph, inputs)
        record_on_tapes(inputs, results, partial(self._second, self._graph, inputs))
        found = iter(results)
        return [next(found) if there else None for there in self._present]

    @staticmethod
    def _second(graph: Graph, inputs: Sequence[Tensor], *gradients: Gradient) -> Sequence[Gradient]:
        """The gradients of the function itself, which is run again for them."""
        body = restore(graph)
        whole = DifferentiableGraph(graph, body.inputs, body.outputs, lambda: body.builder.log.records)
        with GradientTape() as tape:
            for tensor in inputs:
                if carries_gradient(tensor):
                    tape.watch(tensor)
            results = whole.call(inputs)
        pairs = [(r, g) for r, g in zip(results, gradients, strict=True) if g is not None]
        found: Sequence[Gradient] = tape.gradient([r for r, _ in pairs], list(inputs), [g for _, g in pairs])
        return found


def restore(graph: Graph) -> Body:
    """A graph as if it had just been traced: its inputs and outputs as tensors, and a record of each node.

    Args:
        graph: without calls (inline them first).
    """
    builder = GraphBuilder(graph.name)
    builder.graph = graph
    tensors: dict[Value, GraphTensor] = {value: GraphTensor(value, builder) for value in graph.inputs}
    inputs = list(tensors.values())
    for node in graph.nodes:
        given = [tensors[value] for value in node.inputs]
        if node.op in BRANCHES | LOOPS:
            with context.using(builder, tapes=(builder.log,)):
                if node.op in BRANCHES:
                    outputs = Conditional(builder, node, given, [restore(branch) for branch in branches(node)]).outputs
                else:
                    outputs = Loop(builder, node, given, restore(node.attrs["cond"]), restore(node.attrs["body"])).outputs
        else:
            outputs = [GraphTensor(value, builder) for value in node.outputs]
            if node in graph.gradients:
                rule = CustomRule(partial(graph.gradients[node].input_gradients, outputs, tensors))
                builder.log.record_custom(given, outputs, rule)
                tensors.update(zip(node.outputs, outputs, strict=True))
                continue
            op = None if node.op == "Const" else get(node.op)
            if op is not None and op.differentiable:
                builder.log.records.append(Record(op, op.kernel_attrs(node.attrs), given, outputs))
        tensors.update(zip(node.outputs, outputs, strict=True))
    return Body(builder, inputs, [tensors[value] for value in graph.outputs])
