"""Attention, written as two products around a softmax, becomes one node.

    # matmul(softmax(add(mul(matmul(q, k, adj_y), scale), bias)), v) -> _FusedAttention(q, k, v, [bias])

The products are BatchMatMul or the einsums of Keras' attention layers. A training graph keeps its steps, whose values the
gradient reads.
"""

from __future__ import annotations

from headrace.ir.graph import Graph, Node, Value
from headrace.ir.patterns import Constant, Either, Hole, Maker, Match, Op, Rule
from headrace.passes.base import Pass, Result, counted
from headrace.passes.conditions import floating
from headrace.passes.rewrite import rewrite

ADD = "AddV2|Add"
BATCH_PRODUCT = "BatchMatMulV2|BatchMatMul"

SCORES = {
    "abcd,aecd->acbe": ("BTNH", False),
    "abcd,aecd->aceb": ("BTNH", True),
    "abcd,abed->abce": ("BNTH", False),
    "abcd,abed->abec": ("BNTH", True),
    "abc,adc->abd": ("BNTH", False),
    "abc,adc->adb": ("BNTH", True),
}
"""Einsums that give scores, letters named in order of their appearance -> layout, and whether the key is the first input."""

MIXES = {"abcd,adbe->acbe": "BTNH", "abcd,abde->abce": "BNTH", "abc,acd->abd": "BNTH"}
"""Einsums that mix the values by the weights -> layout."""


def _scalar(name: str) -> Constant:
    return Constant(name, lambda array: array.ndim == 0)


PRODUCT = Either(Op(BATCH_PRODUCT, name="scores", adj_x=False, adj_y=True), Op("Einsum", name="scores"))
SCALED = Either(Op("Mul", PRODUCT, _scalar("scale"), commutes=True), Op("RealDiv|Div", PRODUCT, _scalar("divisor")), PRODUCT)
BIASED = Either(Op(ADD, SCALED, Hole("bias"), name="biased", commutes=True), SCALED)
MASKED = Either(Op("SelectV2", Hole("mask"), BIASED, _scalar("fill"), name="masked"), BIASED)
WEIGHTS = Op("Softmax", MASKED, name="softmax")


def letters_in_order(equation: str) -> str:
    """An einsum equation with its letters renamed a, b, c, ... in order of appearance."""
    names: dict[str, str] = {}
    plain = equation.replace(" ", "")
    return "".join(names.setdefault(c, chr(ord("a") + len(names))) if c.isalpha() else c for c in plain)


def _layout_of_scores(node: Node) -> tuple[str, bool] | None:
    return SCORES.get(letters_in_order(node.attrs["equation"])) if node.op == "Einsum" else ("BNTH", False)


def _layout_of_mix(node: Node) -> str | None:
    return MIXES.get(letters_in_order(node.attrs["equation"])) if node.op == "Einsum" else "BNTH"


def _attends(match: Match, maker: Maker) -> Value | None:
    scores = match.nodes["scores"]
    found, layout = _layout_of_scores(scores), _layout_of_mix(match.root)
    if found is None or layout != found[0] or len(scores.inputs) != 2:
        return None
    query, key = reversed(scores.inputs) if found[1] else scores.inputs
    factor = 1.0
    if "scale" in match.values:
        factor = float(match.array("scale"))
    elif "divisor" in match.values:
        factor = 1.0 / float(match.array("divisor"))
    attrs = {"layout": layout, "scale": factor}
    if "mask" in match.values:
        attrs["fill"] = float(match.array("fill"))
    bias, mask = ([match[name]] if name in match.values else [] for name in ("bias", "mask"))
    return maker.make("_FusedAttention", [query, key, match["value"], *bias, *mask], attrs, [len(bias), len(mask)])[0]


def _divides(match: Match) -> bool:
    return "divisor" not in match.values or float(match.array("divisor")) != 0


def _broadcasts(match: Match) -> bool:
    """Bias and mask have no more dimensions than the scores, each 1, the same, or not known yet."""
    scores = match.nodes["scores"].outputs[0].shape
    for shape in (match[name].shape for name in ("bias", "mask") if name in match.values):
        if shape.rank is None or scores.rank is None or shape.rank > scores.rank:
            return False
        pairs = zip(shape, scores.as_tuple()[scores.rank - shape.rank :], strict=True)
        if any(dim not in (1, None) and dim != full for dim, full in pairs):
            return False
    return True


def _plain_batches(match: Match) -> bool:
    """Ranks of products agree and are 3 at least."""
    ranks = {value.shape.rank for value in (*match.nodes["scores"].inputs, match["value"])}
    return len(ranks) == 1 and (ranks.pop() or 0) >= 3


WHEN = (floating, _divides, _broadcasts, _plain_batches)

RULES = (
    # batch_matmul(softmax(scores(q, k)), v) -> attention(q, k, v)
    Rule("products", Op(BATCH_PRODUCT, WEIGHTS, Hole("value"), adj_x=False, adj_y=False), _attends, WHEN, alone=True),
    # einsum(softmax(scores(q, k)), v) -> attention(q, k, v)
    Rule("einsums", Op("Einsum", WEIGHTS, Hole("value")), _attends, WHEN, alone=True),
)


def run(graph: Graph) -> Result:
    """Fuses in place."""
    return counted(graph, rewrite(graph, RULES))


PASS = Pass("attention", "remapping", run)
