"""The optimizer: a flat, named list of passes, run in order on a copy of the graph."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from headrace.ir.graph import Graph, Node, subgraphs
from headrace.ir.verify import verify
from headrace.passes import (
    arithmetic,
    attention,
    auto_mixed_precision,
    batch_norm_folding,
    common_subexpressions,
    constant_folding,
    debug_stripper,
    dependency,
    example_decoding,
    inline,
    layer_norm,
    layout,
    loop_invariants,
    prune,
    remapper,
    shape_materialization,
    shapes,
    unused_results,
)
from headrace.passes.base import Pass
from headrace.passes.checks import verify_ops
from headrace.passes.options import PassOptions, current

PASSES: tuple[Pass, ...] = (
    inline.PASS,
    debug_stripper.PASS,
    dependency.PASS,
    prune.PASS,
    unused_results.PASS,
    shapes.PASS,
    shape_materialization.PASS,
    constant_folding.PASS,
    arithmetic.PASS,
    common_subexpressions.PASS,
    example_decoding.PASS,
    loop_invariants.PASS,
    layout.PASS,
    batch_norm_folding.PASS,
    layer_norm.PASS,
    attention.PASS,
    remapper.PASS,
    auto_mixed_precision.PASS,
    *auto_mixed_precision.BFLOAT16_PASSES,
    prune.PASS,
)

MOST_ROUNDS = 4
"""The list is run again while it changes the graph, this often at most."""

_log = logging.getLogger(__name__)


@dataclass
class Report:
    """What an optimization did.

    Attributes:
        statistics: for each pass, counts by name, over all rounds and nested graphs.
        failed: the passes that raised, in order.
        before: nodes before, nested graphs included.
        after: nodes after.
    """

    statistics: dict[str, Counter[str]] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    before: int = 0
    after: int = 0


def optimize(
    graph: Graph, *, passes: Sequence[Pass] = PASSES, options: PassOptions | None = None, report: Report | None = None
) -> Graph:
    """An optimized copy of `graph`; it has the same inputs and outputs.

    A pass that raises is named in a warning, and the graph before it is used. With HEADRACE_VERIFY_PASSES=1 the graph is
    checked after every pass, and what a pass raises is raised.

    Args:
        graph: stays as it is, as do the graphs that its nodes hold.
        passes: the steps, in order.
        options: which of them run; those set for the program by default.
        report: filled with what was done.

    Raises:
        ValueError: a pass stands before one that it requires.
    """
    _check_order(passes)
    chosen = options or current()
    optimizer = _Optimizer([p for p in passes if chosen.enables(p.option)], chosen, report or Report())
    return optimizer.optimized(graph)


def _check_order(passes: Sequence[Pass]) -> None:
    seen: set[str] = set()
    for step in passes:
        missing = [name for name in step.requires if name not in seen]
        if missing:
            raise ValueError(f"pass {step.name!r} requires {', '.join(missing)} before it in the pipeline")
        seen.add(step.name)


def verifying() -> bool:
    """True when every pass is checked and may fail loudly."""
    return os.environ.get("HEADRACE_VERIFY_PASSES", "") not in ("", "0")


class _Optimizer:
    """One call of `optimize`: every graph that is reached is optimized once."""

    def __init__(self, passes: Sequence[Pass], options: PassOptions, report: Report) -> None:
        self.passes = passes
        self.options = options
        self.report = report
        self.strict = verifying()
        self.done: dict[Graph, Graph] = {}

    def optimized(self, graph: Graph) -> Graph:
        """The optimized twin of a graph; what its nodes hold after inlining is optimized too."""
        twin = self.done.get(graph)
        if twin is None:
            twin = self.done[graph] = graph.copy()
            self.report.before += len(graph.nodes)
            if not self.options.disable_meta_optimizer and len(graph.nodes) >= self.options.min_graph_nodes:
                self.run_passes(twin)
                for node in twin.nodes:
                    self.optimize_bodies(node)
            self.report.after += len(twin.nodes)
        return twin

    def optimize_bodies(self, node: Node) -> None:
        if any(True for _ in subgraphs(node)):
            node.attrs = {name: self.optimized_attr(value) for name, value in node.attrs.items()}

    def optimized_attr(self, value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(map(self.optimized_attr, value))
        return self.optimized(value) if isinstance(value, Graph) else value

    def run_passes(self, graph: Graph) -> None:
        """Runs the list until nothing changes, each pass in place; `before` is a copy of the graph to go back to."""
        before = graph.copy()
        for _ in range(MOST_ROUNDS):
            settled = True
            for step in self.passes:
                if self.run_pass(step, graph, before):
                    settled = False
                    before = graph.copy()
            if settled:
                return

    def run_pass(self, step: Pass, graph: Graph, before: Graph) -> bool:
        """Runs one pass on `graph` in place and tells whether it changed anything; on failure puts `before` back."""
        try:
            result = step.run(graph)
            if self.strict:
                verify(result.graph, step.name)
                verify_ops(result.graph, step.name)
        except Exception as error:
            if self.strict:
                error.add_note(f"raised by pass {step.name!r} on graph @{graph.name}")
                raise
            # An optimizer's fault must not stop a program that runs without it.
            _log.warning("pass %r failed on graph @%s and was left out: %s: %s", step.name, graph.name, type(error).__name__, error)
            self.report.failed.append(step.name)
            _become(graph, before.copy())
            return False
        if result.graph is not graph:
            _become(graph, result.graph)
        self.report.statistics.setdefault(step.name, Counter()).update(result.statistics)
        return result.changed


def _become(graph: Graph, other: Graph) -> None:
    """Makes `graph` have what `other` has; references to it stay valid."""
    graph.inputs, graph.nodes, graph.outputs, graph._names = other.inputs, other.nodes, other.outputs, other._names
