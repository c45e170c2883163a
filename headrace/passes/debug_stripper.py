"""Debug stripping (off by default): assertions, numeric checks and prints are dropped."""

from __future__ import annotations

from headrace.ir.graph import Graph
from headrace.ir.patterns import Hole, Op, Rule
from headrace.passes.base import Pass, Result, counted
from headrace.passes.rewrite import rewrite

DROPPED = frozenset({"Assert", "PrintV2"})

X = Hole("x")

RULES = (
    # check_numerics(x) -> x
    Rule("check_numerics", Op("CheckNumerics|CheckNumericsV2", X), X),
)


def run(graph: Graph) -> Result:
    """Rewrites in place; what only the checks needed is left to the pruning pass."""
    statistics = rewrite(graph, RULES)
    kept = [node for node in graph.nodes if node.op not in DROPPED]
    statistics["dropped"] += len(graph.nodes) - len(kept)
    graph.nodes = kept
    return counted(graph, statistics)


PASS = Pass("debug_stripper", "debug_stripper", run)
