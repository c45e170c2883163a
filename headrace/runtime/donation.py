"""Donation between segments: a compiled segment writes over the inputs that nothing reads after it.

A value may be donated when a compiled segment made it, this segment is the last to read it, no host segment reads it (numpy
arrays may be views of its memory), and an output of the same shape and dtype can take its place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from headrace.core import dtypes
from headrace.dispatch.resource import Resource
from headrace.ir.graph import Graph, Value
from headrace.runtime.partition import Segment


def spent_inputs(graph: Graph, segments: Sequence[Segment]) -> list[list[Value]]:
    """For each segment the inputs whose memory it may take for its outputs."""
    last = {value: position for position, segment in enumerate(segments) for value in segment.inputs}
    kept = set(graph.outputs).union(*({*s.inputs} if s.on_host else s.statics for s in segments))
    made = {value for segment in segments if not segment.on_host for value in segment.outputs}
    return [
        [] if segment.on_host else _matched(segment, [v for v in segment.inputs if v in made - kept and last[v] == position])
        for position, segment in enumerate(segments)
    ]


def _matched(segment: Segment, dead: list[Value]) -> list[Value]:
    """Those of the dead inputs that find an output of their shape and dtype, one output each."""
    free = Counter(_form(value) for value in segment.outputs if value.shape.is_fully_defined())
    found = []
    for value in dead:
        if value.dtype in (dtypes.variant, dtypes.resource) or not value.shape.is_fully_defined():
            continue
        if free[_form(value)]:
            free[_form(value)] -= 1
            found.append(value)
    return found


def _form(value: Value) -> tuple[object, ...]:
    return (value.dtype, *value.shape.concrete())


def shared(values: Sequence[Value], results: Sequence[Any], arguments: Sequence[Any]) -> set[Value]:
    """The outputs of a segment whose very array something else holds: a variable, an argument, or another output."""
    held = Counter(map(id, results))
    held.update(id(a.array) if isinstance(a, Resource) else id(a) for a in arguments)
    return {value for value, result in zip(values, results, strict=True) if held[id(result)] > 1}
