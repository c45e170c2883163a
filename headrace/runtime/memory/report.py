"""The memory report of a function: what XLA allocates, and the lifetimes of the values that it is for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from headrace.core.errors import UnimplementedError
from headrace.ir.graph import Graph, subgraphs
from headrace.runtime import executable
from headrace.runtime.memory import hlo
from headrace.runtime.memory.lifetimes import Lifetimes, analyze, arena_size
from headrace.runtime.segments import Compiled


@dataclass(frozen=True)
class ValueLife:
    """One value in memory.

    Attributes:
        node: the graph's node that it was computed for, or XLA's name of it.
        shape: XLA's text, such as `f32[2,3]{1,0}`.
        bytes: its size; 0 where it is written in place of an argument.
        first, last: the steps between which it is alive.
    """

    node: str
    shape: str
    bytes: int
    first: int
    last: int


@dataclass(frozen=True)
class MemoryReport:
    """What one call of a compiled function needs; all sizes in bytes.

    Attributes:
        name: of the function.
        arguments: its inputs, variables and captured tensors.
        outputs: its results and the new values of variables.
        donated: outputs that are written in place of an argument.
        temporaries: what XLA allocates besides.
        total: arguments + outputs - donated + temporaries.
        values: every value that is no argument, with its lifetime.
        peak: arguments and the values alive at the step where these are most.
        peak_node: what runs at that step.
        estimated_total: arguments and the values at fixed places, as packed here; compare with `total`.
        by_node: the most bytes alive while each node runs, arguments not counted.
    """

    name: str
    arguments: int
    outputs: int
    donated: int
    temporaries: int
    values: tuple[ValueLife, ...]
    peak: int
    peak_node: str
    peak_step: int
    estimated_total: int
    by_node: dict[str, int]

    @property
    def total(self) -> int:
        """What XLA's buffer assignment comes to."""
        return self.arguments + self.outputs - self.donated + self.temporaries

    def at_peak(self) -> list[ValueLife]:
        """The values alive at the peak, largest first."""
        alive = [v for v in self.values if v.first <= self.peak_step <= v.last and v.bytes]
        return sorted(alive, key=lambda v: -v.bytes)

    def __str__(self) -> str:
        rows = [
            f"memory of {self.name}: {_size(self.total)}",
            f"  arguments   {_size(self.arguments):>12}",
            f"  outputs     {_size(self.outputs):>12}, {_size(self.donated)} of it in place of arguments",
            f"  temporaries {_size(self.temporaries):>12}",
            f"  peak        {_size(self.peak):>12} at {self.peak_node}",
            "  alive at the peak:",
        ]
        rows += [f"    {_size(v.bytes):>12}  {v.node}  {v.shape}  (steps {v.first} to {v.last})" for v in self.at_peak()[:20]]
        rows.append("  nodes with the most memory:")
        most = sorted(self.by_node.items(), key=lambda item: -item[1])[:20]
        return "\n".join(rows + [f"    {_size(count):>12}  {node}" for node, count in most])


def report(graph: Graph, arguments: Sequence[Any], name: str) -> MemoryReport:
    """The report of a graph.

    Args:
        graph: not optimized yet.
        arguments: one an input: an array, a jax.ShapeDtypeStruct in its place, or a Resource.
        name: for people.

    Raises:
        UnimplementedError: part of the graph runs on the host.
    """
    made = executable.of(graph)
    if made.plan.obstacles:
        listed = "".join(f"\n  {obstacle}" for obstacle in made.plan.obstacles)
        raise UnimplementedError(f"memory_report needs a function that is compiled as a whole; {name} runs in parts:{listed}")
    compiled = Compiled(made.graph).compile(arguments)
    module = hlo.parse(compiled.as_text() or "")
    found = analyze(module)
    sizes: Any = compiled.memory_analysis()
    names = set(_names(made.graph))
    step = max(range(len(found.live)), key=found.live.__getitem__)
    return MemoryReport(
        name,
        sizes.argument_size_in_bytes,
        sizes.output_size_in_bytes,
        sizes.alias_size_in_bytes,
        sizes.temp_size_in_bytes,
        tuple(ValueLife(_node(b.instruction, names), b.instruction.shape, b.size, b.first, b.last) for b in found.buffers),
        sizes.argument_size_in_bytes + found.peak,
        _node(found.steps[step], names),
        step,
        sizes.argument_size_in_bytes + arena_size(found.buffers),
        _by_node(found, names),
    )


def _by_node(found: Lifetimes, names: set[str]) -> dict[str, int]:
    most: dict[str, int] = {}
    for step, live in zip(found.steps, found.live, strict=True):
        if step.opcode not in ("parameter", "constant", "tuple", "get-tuple-element", "bitcast"):
            node = _node(step, names)
            most[node] = max(most.get(node, 0), live)
    return most


def _names(graph: Graph) -> Iterator[str]:
    """The names of the nodes; those in the bodies of a node follow its own name."""
    for node in graph.nodes:
        yield node.name
        for body in subgraphs(node):
            yield from (f"{node.name}/{inner}" for inner in _names(body))


def _node(instruction: hlo.Instruction, names: set[str]) -> str:
    """The node that an instruction belongs to: the longest name on its path."""
    parts = [part for part in instruction.scope.split("/") if part not in ("while", "body", "cond", "branch_0_fun", "branch_1_fun")]
    for first in range(min(2, len(parts))):
        for end in range(len(parts), first, -1):
            candidate = "/".join(parts[first:end])
            if candidate in names:
                return candidate
    return instruction.scope or instruction.name


def _size(count: int) -> str:
    amount = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000 or unit == "GB":
            return f"{amount:.4g} {unit}"
        amount /= 1000
    raise AssertionError(count)
