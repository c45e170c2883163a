"""What each pass does to a graph, before and after XLA."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import jax

from headrace.core.errors import HeadraceError
from headrace.ir.graph import Graph, subgraphs
from headrace.ir.printer import print_graph
from headrace.passes.options import current
from headrace.passes.pipeline import PASSES, optimize
from headrace.runtime.executable import Executable
from headrace.runtime.memory import hlo
from headrace.runtime.segments import Compiled

NO_KERNEL = frozenset({"parameter", "constant", "tuple", "get-tuple-element", "bitcast"})
"""Instructions that run nothing."""


@dataclass(frozen=True)
class Cost:
    """What XLA makes of a graph.

    Attributes:
        flops: floating-point operations, as XLA counts them.
        bytes: read and written.
        kernels: instructions of the entry computation that run something.
    """

    flops: float
    bytes: float
    kernels: int


@dataclass(frozen=True)
class Effect:
    """The graph after a pass. `cost` is None where the graph is as before the pass, or runs in parts on the host."""

    name: str
    nodes: int
    changed: bool
    cost: Cost | None


def effects(graph: Graph, arguments: Sequence[Any]) -> Iterator[tuple[Effect, Graph]]:
    """The graph as traced, then after each enabled pass in turn, the last one settled.

    Args:
        graph: as traced.
        arguments: for its inputs: arrays, shapes in their place, or Resources.
    """
    enabled = [step for step in PASSES if current().enables(step.option)]
    before = graph.copy()
    yield Effect("as traced", count_nodes(graph), True, cost(graph, arguments)), before
    for position, step in enumerate(enabled):
        last = position == len(enabled) - 1
        after = optimize(graph) if last else optimize(before, passes=[step._replace(requires=())])
        changed = print_graph(after) != print_graph(before)
        name = f"{step.name}, and all again" if last else step.name
        yield Effect(name, count_nodes(after), changed, cost(after, arguments) if changed else None), after
        before = after


def count_nodes(graph: Graph) -> int:
    """The nodes of a graph and of those that its nodes hold."""
    return len(graph.nodes) + sum(count_nodes(body) for node in graph.nodes for body in subgraphs(node))


def cost(graph: Graph, arguments: Sequence[Any]) -> Cost | None:
    """What XLA makes of a graph as it is; None when part of it runs on the host."""
    if Executable(graph, optimized=True).plan.obstacles:
        return None
    try:
        compiled = Compiled(graph).compile(arguments)
    except HeadraceError:
        return None  # a part that cannot be compiled shows only now; the graph still prints and draws
    module = hlo.parse(compiled.as_text() or "")
    entry = module.computations[module.entry]
    found: Any = compiled.cost_analysis() or {}
    kernels = sum(step.opcode not in NO_KERNEL for step in entry)
    return Cost(float(found.get("flops", 0)), float(found.get("bytes accessed", 0)), kernels)


def shaped(graph: Graph, captured: Sequence[Any], batch: int) -> list[Any]:
    """Arguments for a graph: shapes for its tensor inputs, `batch` for unknown dimensions, then what it captured."""
    count = len(graph.inputs) - len(captured)
    shapes = [tuple(batch if d is None else d for d in value.shape) for value in graph.inputs[:count]]
    tensors = [jax.ShapeDtypeStruct(shape, v.dtype.np_dtype) for shape, v in zip(shapes, graph.inputs, strict=False)]
    return [*tensors, *captured]
