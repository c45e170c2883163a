"""A small graph run by numpy kernels alone, with everything looked up beforehand: for graphs that are called very often."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from headrace.core import dtypes
from headrace.core.errors import HeadraceError
from headrace.dispatch.infer import as_tuple, explain
from headrace.dispatch.opdef import OpDef, find
from headrace.ir.functional import FUNCTIONAL
from headrace.ir.graph import Graph, Node, Value
from headrace.runtime.executable import Executable
from headrace.runtime.host import as_host

MOST_ELEMENTS = 256
"""numpy is quicker than a call of compiled code for arrays of up to this many elements."""

_EXACT = frozenset(
    {"bool", "float32", "float64", "int8", "int16", "int32", "int64", "string", "uint8", "uint16", "uint32", "uint64"}
)
"""dtypes of which numpy's arithmetic keeps to what the compiled kernels do."""


class _Step(NamedTuple):
    """One node: its kernel with its attributes, and the places of its inputs and outputs."""

    node: Node
    op: OpDef
    kernel: Callable[..., Any]
    attrs: dict[str, Any]
    inputs: list[int]
    outputs: list[int]


class HostPlan:
    """A graph as a list of calls of numpy kernels. See `plan_for`."""

    def __init__(self, graph: Graph) -> None:
        places: dict[Value, int] = {}
        self._values: list[Any] = []

        def place(value: Value, content: Any = None) -> int:
            places[value] = len(self._values)
            self._values.append(content)
            return places[value]

        self._inputs = [place(value) for value in graph.inputs]
        self._steps: list[_Step] = []
        for node in graph.nodes:
            if node.op == "Const":
                place(node.output, node.attrs["value"])
                continue
            op = find(node.op)
            assert op is not None
            kernel = op.kernel if op.host_only or op.metadata else op.host
            assert kernel is not None
            inputs = [places[value] for value in node.inputs]
            outputs = [place(value) for value in node.outputs]
            attrs = dict(op.kernel_attrs(node.attrs))
            self._steps.append(_Step(node, op, kernel, attrs, inputs, outputs))
        self._outputs = [places[value] for value in graph.outputs]

    def __call__(self, arrays: Sequence[Any]) -> list[Any]:
        """The outputs of the graph."""
        values = self._values.copy()
        for place, array in zip(self._inputs, arrays, strict=True):
            values[place] = array
        with np.errstate(all="ignore"):
            for step in self._steps:
                self._run(step, values)
        return [values[place] for place in self._outputs]

    def _run(self, step: _Step, values: list[Any]) -> None:
        arguments = [values[place] for place in step.inputs]
        if step.op.has_lists:
            arguments = step.op.group(arguments, step.node.attrs)
        try:
            results = step.kernel(*arguments, **step.attrs)
        except HeadraceError as error:
            if step.node.source:
                error.add_note(f"raised by {step.op.name} (node {step.node.name}), from {step.node.source}")
            raise
        except (TypeError, ValueError, IndexError, ZeroDivisionError) as error:
            raise explain(step.op, step.node.inputs, error) from error
        if len(step.outputs) == 1 and not isinstance(results, tuple | list):
            values[step.outputs[0]] = as_host(results)
            return
        for place, result in zip(step.outputs, as_tuple(results), strict=True):
            values[place] = as_host(result)


def plan_for(executable: Executable) -> HostPlan | None:
    """The plan of a graph that runs on the host anyway, or that is small enough for numpy; None for others."""
    graph = executable.graph
    if not all(map(_has_kernel, graph.nodes)):
        return None
    segments = executable.plan.segments
    if executable.whole is None:
        return HostPlan(graph) if len(segments) == 1 and segments[0].on_host else None
    values = [*graph.inputs, *(value for node in graph.nodes for value in node.outputs)]
    return HostPlan(graph) if all(map(_is_small, values)) else None


def _has_kernel(node: Node) -> bool:
    if node.op == "Const":
        return True
    op = None if node.op in FUNCTIONAL else find(node.op)
    if op is None or (op.on_lists and not op.host_only) or op.updates or op.random:
        return False
    if op.has_resources and not op.host_only:
        return False
    return op.host_only or op.metadata or op.host is not None


def _is_small(value: Value) -> bool:
    if value.dtype is dtypes.resource:
        return True
    count = value.shape.num_elements()
    return value.dtype.name in _EXACT and count is not None and count <= MOST_ELEMENTS
