"""What a pass is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from headrace.ir.graph import Graph


class Result(NamedTuple):
    """What a pass did: the graph (the one given, changed in place, or a new one) and counts by name."""

    graph: Graph
    changed: bool
    statistics: Mapping[str, int]


class Pass(NamedTuple):
    """One step of the optimizer.

    Attributes:
        name: names the pass in statistics, errors and logs.
        option: the option that turns it on (see options.py).
        run: takes a graph that it may change.
        requires: passes that must stand before it in the pipeline.
    """

    name: str
    option: str
    run: Callable[[Graph], Result]
    requires: tuple[str, ...] = ()


def counted(graph: Graph, statistics: Mapping[str, int]) -> Result:
    """A Result that counts as a change when anything was counted."""
    return Result(graph, any(statistics.values()), statistics)
