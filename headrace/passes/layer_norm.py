"""Layer normalization, however it is written, becomes one node.

    # add(mul(mul(sub(x, mean), rsqrt(add(variance, epsilon))), scale), offset) -> _FusedLayerNorm(x, [scale, offset])
    # where mean = mean(x, axes) and variance = mean(squared_difference(x, mean), axes)

What tf.nn.batch_normalization and Keras 3 make of it (x * inverse + (offset - mean * inverse)) is recognized too, and the batch
normalization over rows of Keras 2. A training graph keeps its steps, whose values the gradient reads.
"""

from __future__ import annotations

from typing import Any

from headrace.ir.graph import Graph, Value
from headrace.ir.patterns import Constant, Either, Hole, Maker, Match, Op, Pattern, Rule
from headrace.passes.base import Pass, Result, counted
from headrace.passes.conditions import ONE, ZERO, floating
from headrace.passes.rewrite import rewrite

ADD = "AddV2|Add"

X, SCALE, OFFSET = Hole("x"), Hole("scale"), Hole("offset")
AXES, AXES_AGAIN, EPSILON = Constant("axes"), Constant("axes_again"), Constant("epsilon", lambda array: array.ndim == 0)

MEAN = Op("Mean", X, AXES, name="mean", keep_dims=True)
CENTERED = Op("Sub", X, MEAN, name="centered")
SQUARES = Either(Op("SquaredDifference", X, MEAN, commutes=True), Op("Square", CENTERED), Op("Mul", CENTERED, CENTERED))
VARIANCE = Op("Mean", SQUARES, AXES_AGAIN, name="variance", keep_dims=True)
SHIFTED = Op(ADD, VARIANCE, EPSILON, commutes=True)
INVERSE = Op("Rsqrt", SHIFTED, name="inverse")
SCALED = Op("Mul", INVERSE, SCALE, name="scaled", commutes=True)

ROWS = Op("Reshape", X, Hole("rows"))
ROWS_NORMALIZED = Op(
    "FusedBatchNormV3",
    ROWS,
    Either(Constant("ones", ONE), Op("Fill", Hole("count"), Constant("one", ONE))),
    Either(Constant("zeros", ZERO), Op("Fill", Hole("count_too"), Constant("zero", ZERO))),
    Hole("no_mean"),
    Hole("no_variance"),
    name="norm",
    is_training=True,
    data_format="NCHW",
)


def _times(x: Pattern, y: Pattern) -> Op:
    return Op("Mul", x, y, commutes=True)


def _folded(inverse: Op) -> tuple[Op, ...]:
    """x * inverse + (offset - mean * inverse), with and without an offset, in the orders met in the wild."""
    down, product = _times(MEAN, inverse), _times(X, inverse)
    negated = Either(_times(Op("Neg", MEAN), inverse), Op("Neg", down))
    shift = Either(Op("Sub", OFFSET, down), Op(ADD, negated, OFFSET, commutes=True))
    return Op(ADD, product, shift, commutes=True), Op("Sub", product, down), Op(ADD, product, negated, commutes=True)


def _normalized(match: Match, maker: Maker) -> Value:
    arguments = [match[name] for name in ("scale", "offset") if name in match.values]
    attrs: dict[str, Any] = {
        "axes": tuple(match.array("axes").ravel().tolist()),
        "epsilon": float(match.array("epsilon")),
        "has_scale": "scale" in match.values,
    }
    return maker.make("_FusedLayerNorm", [match["x"], *arguments], attrs, [len(arguments)])[0]


def _by_rows(match: Match, maker: Maker) -> Value:
    attrs = {"axes": (-1,), "epsilon": match.nodes["norm"].attrs["epsilon"], "has_scale": False}
    return maker.make("_FusedLayerNorm", [match["x"]], attrs, [0])[0]


def _rows_are_channels(match: Match) -> bool:
    """x [..., n] is normalized as [1, rows, n, 1], each row a channel, and takes its own shape again."""
    shape, inside = match["x"].shape, match.nodes["norm"].inputs[0].shape
    size = shape[-1] if shape.rank else None
    return inside.rank == 4 and size is not None and (inside[0], inside[2], inside[3]) == (1, size, 1)


def _extended(match: Match, maker: Maker) -> Value | None:
    """The fused node with a scale or, after that, an offset."""
    inner, more = match.nodes["fused"], match["more"]
    scales = match.root.op == "Mul"
    if len(inner.inputs) > (1 if scales else 1 + inner.attrs["has_scale"]):
        return None
    attrs = {"axes": inner.attrs["axes"], "epsilon": inner.attrs["epsilon"], "has_scale": scales or inner.attrs["has_scale"]}
    return maker.make("_FusedLayerNorm", [*inner.inputs, more], attrs, [len(inner.inputs)])[0]


def _same_axes(match: Match) -> bool:
    return match.array("axes").ravel().tolist() == match.array("axes_again").ravel().tolist()


def _are_parameters(match: Match) -> bool:
    """Scale, offset or what else is given has one number for each position on the axes, and none elsewhere."""
    shape = match.root.outputs[0].shape
    axes = match.nodes["fused"].attrs["axes"] if "fused" in match.nodes else match.array("axes").ravel().tolist()
    if shape.rank is None:
        return False
    normalized = {axis % shape.rank for axis in axes}
    for given in (match[name].shape for name in ("scale", "offset", "more") if name in match.values):
        if given.rank is None or given.rank > shape.rank:
            return False
        first = shape.rank - given.rank
        if any(dim != 1 and (first + i not in normalized or dim is None or dim != shape[first + i]) for i, dim in enumerate(given)):
            return False
    return True


def _keeps_shape(match: Match) -> bool:
    return match["x"].shape == match.root.outputs[0].shape


WHEN = (floating, _same_axes, _are_parameters, _keeps_shape)

RULES = (
    # mul(sub(x, mean), rsqrt(add(variance, epsilon))) -> layer_norm(x)
    Rule("centered", _times(CENTERED, INVERSE), _normalized, WHEN, alone=True),
    # div(sub(x, mean), sqrt(add(variance, epsilon))) -> layer_norm(x)
    Rule("divided", Op("RealDiv", CENTERED, Op("Sqrt", SHIFTED)), _normalized, WHEN, alone=True),
    # mul(sub(x, mean), mul(rsqrt(add(variance, epsilon)), scale)) -> layer_norm(x, scale)
    Rule("centered_and_scaled", _times(CENTERED, SCALED), _normalized, WHEN, alone=True),
    # add(mul(x, inverse * scale), sub(offset, mul(mean, inverse * scale))) -> layer_norm(x, scale, offset)
    *(Rule("folded_and_scaled", form, _normalized, WHEN, alone=True) for form in _folded(SCALED)),
    # add(mul(x, inverse), sub(offset, mul(mean, inverse))) -> layer_norm(x, offset)
    *(Rule("folded", form, _normalized, WHEN, alone=True) for form in _folded(INVERSE)),
    # reshape(batch_norm(reshape(x, [1, rows, n, 1]), 1, 0, NCHW, training), shape of x) -> layer_norm(x)
    Rule(
        "rows_as_channels",
        Op("Reshape", ROWS_NORMALIZED, Hole("back")),
        _by_rows,
        (*WHEN[:1], _rows_are_channels, _keeps_shape),
        alone=True,
    ),
    # mul(layer_norm(x), scale) -> layer_norm(x, scale)
    Rule("scale", _times(Op("_FusedLayerNorm", name="fused", once=True), Hole("more")), _extended, (_are_parameters,)),
    # add(layer_norm(x, ...), offset) -> layer_norm(x, ..., offset)
    Rule(
        "offset",
        Op(ADD, Op("_FusedLayerNorm", name="fused", once=True), Hole("more"), commutes=True),
        _extended,
        (_are_parameters,),
    ),
)


def run(graph: Graph) -> Result:
    """Fuses in place."""
    return counted(graph, rewrite(graph, RULES))


PASS = Pass("layer_norm", "remapping", run)
