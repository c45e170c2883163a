"""Dependencies: nodes that only pass a value on are bypassed, nodes that do nothing are dropped."""

from __future__ import annotations

from collections.abc import Sequence

from headrace.ir.graph import Graph, Value
from headrace.ir.patterns import Hole, Maker, Match, Op, Rule
from headrace.passes.base import Pass, Result, counted
from headrace.passes.rewrite import rewrite

X = Hole("x")


def _fits(match: Match) -> bool:
    return match["x"].shape.is_subtype_of(match.root.attrs["shape"])


def _inputs(match: Match, maker: Maker) -> Sequence[Value]:
    del maker
    return match.root.inputs


RULES = (
    # identity(x) -> x; gradients are built before the optimizer runs
    Rule("identity", Op("Identity|Snapshot|StopGradient|PreventGradient|GuaranteeConst", X), X),
    # identity_n(x, y, ...) -> x, y, ...
    Rule("identity_n", Op("IdentityN"), _inputs),
    # ensure_shape(x, shape that x has) -> x
    Rule("ensure_shape", Op("EnsureShape", X), X, (_fits,)),
)


def run(graph: Graph) -> Result:
    """Rewrites in place."""
    statistics = rewrite(graph, RULES)
    kept = [node for node in graph.nodes if node.op != "NoOp"]
    statistics["no_op"] += len(graph.nodes) - len(kept)
    graph.nodes = kept
    return counted(graph, statistics)


PASS = Pass("dependency", "dependency_optimization", run)
