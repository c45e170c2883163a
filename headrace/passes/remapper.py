"""Remapping: a product with its bias, normalization and activation becomes one node, where nothing else reads the steps.

    # relu(bias_add(conv2d(x, w), b)) -> _FusedConv2D(x, w, [b], fused_ops=["BiasAdd", "Relu"])
    # relu(batch_norm(conv2d(x, w), scale, offset, mean, variance))
    #     -> _FusedConv2D(x, w, [scale, offset, mean, variance], fused_ops=["FusedBatchNorm", "Relu"])

    # relu(add(bias_add(conv2d(x, w), b), y)) -> _FusedConv2D(x, w, [b, y], fused_ops=["BiasAdd", "Add", "Relu"])
    # gelu(bias_add(matmul(x, w), b)) -> _FusedMatMul(x, w, [b], fused_ops=["BiasAdd", "GeluExact"])

Fusions are built one step at a time: the node that the first step makes is what the next step's pattern matches. Bias and
activation also find a product behind a reshape that keeps its columns, as tf.tensordot makes it; the reshape then comes last.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from headrace.dispatch.opdef import find
from headrace.ir.graph import Graph, Value
from headrace.ir.patterns import Hole, Maker, Match, Op, Replacement, Rule
from headrace.passes import gelu
from headrace.passes.base import Pass, Result, counted
from headrace.passes.conditions import floating
from headrace.passes.rewrite import rewrite

FUSED = {"Conv2D": "_FusedConv2D", "MatMul": "_FusedMatMul"}

ACTIVATIONS = "Relu|Relu6|Elu|LeakyRelu|Tanh|Sigmoid"

BATCH_NORM = "FusedBatchNorm|FusedBatchNormV2|FusedBatchNormV3"

X, W, B = Hole("x"), Hole("w"), Hole("b")
SCALE, OFFSET, MEAN, VARIANCE = Hole("scale"), Hole("offset"), Hole("mean"), Hole("variance")
SHAPE, RESIDUAL = Hole("shape"), Hole("residual")
PRODUCT = Op("Conv2D|MatMul", X, W, name="product", once=True)
CONVOLVED = Op("_FusedConv2D", name="fused", once=True)
PRODUCED = Op("_FusedMatMul", name="fused")
RESHAPED = Op("Reshape", PRODUCED, SHAPE, name="reshape")


def _fused(op: str, inputs: Sequence[Value], arguments: Sequence[Value], attrs: Mapping[str, Any], maker: Maker) -> Value | None:
    """A fused node; None where this build does not declare the op."""
    declared = find(op)
    if declared is None:
        return None
    known = {attr.name for attr in declared.explicit}
    given = {"num_args": len(arguments), "num_host_args": 0, "TArgs": tuple(v.dtype for v in arguments), **attrs}
    counts = [len(arguments) if arg.name == "args" else 0 for arg in declared.inputs if arg.is_list]
    return maker.make(op, [*inputs, *arguments], {key: value for key, value in given.items() if key in known}, counts)[0]


def _with_bias(match: Match, maker: Maker) -> Value | None:
    product = match.nodes["product"]
    return _fused(FUSED[product.op], product.inputs, [match["b"]], {**product.attrs, "fused_ops": ("BiasAdd",)}, maker)


def _with_normalization(match: Match, maker: Maker) -> Value | None:
    product = match.nodes["product"]
    arguments = [match[name] for name in ("scale", "offset", "mean", "variance")]
    attrs = {**product.attrs, "fused_ops": ("FusedBatchNorm",), "epsilon": match.root.attrs["epsilon"]}
    return _fused("_FusedConv2D", product.inputs, arguments, attrs, maker)


def _extended(match: Match, step: str, arguments: Sequence[Value], attrs: Mapping[str, Any], maker: Maker) -> Value | None:
    """The fused node with one more step; None after an activation, which comes last."""
    inner = match.nodes["fused"]
    steps: tuple[str, ...] = inner.attrs["fused_ops"]
    if steps[-1] not in ("BiasAdd", "FusedBatchNorm", "Add") or (step == "Add" and "Add" in steps):
        return None
    attrs = {**inner.attrs, **attrs, "fused_ops": (*steps, step)}
    return _fused(inner.op, inner.inputs[:2], [*inner.inputs[2:], *arguments], attrs, maker)


def _with_residual(match: Match, maker: Maker) -> Value | None:
    return _extended(match, "Add", [match["residual"]], {}, maker)


def _with_activation(match: Match, maker: Maker) -> Value | None:
    root = match.root
    return _extended(match, root.op, [], {"leakyrelu_alpha": root.attrs["alpha"]} if root.op == "LeakyRelu" else {}, maker)


def _with_gelu(step: str) -> Replacement:
    def replacement(match: Match, maker: Maker) -> Value | None:
        return _extended(match, step, [], {}, maker)

    return replacement


def _then_reshape(replacement: Replacement) -> Replacement:
    """What `replacement` makes, in the shape that the match's reshape gives."""

    def reshaped(match: Match, maker: Maker) -> Value | None:
        made = replacement(match, maker)
        return maker.make("Reshape", [made, match["shape"]], {})[0] if isinstance(made, Value) else None

    return reshaped


def _same_layout(match: Match) -> bool:
    product = match.nodes["product"]
    layout = product.attrs.get("data_format", "NHWC")
    return bool(match.root.attrs.get("data_format", "NHWC") == layout)


def _is_bias(match: Match) -> bool:
    """`b` is a vector, one number a column, which the product is not broadcast to."""
    product, bias = match.nodes["product"].outputs[0].shape, match["b"].shape
    rows_last = match.nodes["product"].attrs.get("data_format", "NHWC") == "NHWC"
    return rows_last and product.rank is not None and bias.rank == 1 and bias[0] is not None and product[-1] == bias[0]


def _keeps_columns(match: Match) -> bool:
    """The last dimension of the reshaped product is the product's own, and `b` has one number for each."""
    columns = match.nodes["product"].outputs[0].shape[-1]
    shape, bias = match.nodes["reshape"].outputs[0].shape, match["b"].shape
    return columns is not None and bool(shape.rank) and shape[-1] == columns and bias.rank == 1 and bias[0] == columns


def _same_size(match: Match) -> bool:
    """The residual has the static shape of the product, so that no sum is broadcast."""
    return match["residual"].shape == match.nodes["fused"].outputs[0].shape


def _normalizes_in_place(match: Match) -> bool:
    """Inference with statistics of the data's own dtype."""
    statistics = all(match[name].dtype is match["x"].dtype for name in ("scale", "offset", "mean", "variance"))
    return not match.root.attrs["is_training"] and statistics


RULES = (
    # bias_add(product(x, w), b) -> fused(x, w, [b])
    Rule("bias", Op("BiasAdd", PRODUCT, B), _with_bias, (_same_layout, floating)),
    # add(product(x, w), b) -> fused(x, w, [b]) where b is a vector
    Rule("bias_by_addition", Op("AddV2|Add", PRODUCT, B, commutes=True), _with_bias, (_is_bias, floating)),
    # batch_norm(conv2d(x, w), ...) -> fused(x, w, [scale, offset, mean, variance])
    Rule(
        "normalization",
        Op(BATCH_NORM, Op("Conv2D", X, W, name="product", once=True), SCALE, OFFSET, MEAN, VARIANCE),
        _with_normalization,
        (_same_layout, _normalizes_in_place),
    ),
    # add(reshape(matmul(x, w), s), b) -> reshape(fused(x, w, [b]), s) where s keeps the columns
    Rule(
        "bias_after_reshape",
        Op(
            "AddV2|Add|BiasAdd",
            Op("Reshape", Op("MatMul", X, W, name="product", once=True), SHAPE, name="reshape", once=True),
            B,
            commutes=True,
        ),
        _then_reshape(_with_bias),
        (_keeps_columns, floating),
    ),
    # add(fused(x, w, ...), y) -> fused(x, w, [..., y], add) where y has the same shape
    Rule("residual", Op("AddV2|Add", CONVOLVED, RESIDUAL, commutes=True), _with_residual, (_same_size, floating)),
    # activation(fused(x, w, ...)) -> fused(x, w, ..., activation)
    Rule("activation", Op(ACTIVATIONS, Op("_FusedConv2D|_FusedMatMul", name="fused", once=True)), _with_activation),
    # activation(reshape(fused(x, w, ...), s)) -> reshape(fused(x, w, ..., activation), s)
    Rule("activation_after_reshape", Op(ACTIVATIONS, RESHAPED), _then_reshape(_with_activation), alone=True),
    # gelu(fused(x, w, ...)) -> fused(x, w, ..., gelu), by erf
    *(Rule("gelu", form, _with_gelu("GeluExact"), (floating,), alone=True) for form in gelu.exact(PRODUCED)),
    # gelu(fused(x, w, ...)) -> fused(x, w, ..., gelu), by tanh
    *(Rule("gelu_tanh", form, _with_gelu("GeluApproximate"), (floating,), alone=True) for form in gelu.approximate(PRODUCED)),
    # gelu(reshape(fused(x, w, ...), s)) -> reshape(fused(x, w, ..., gelu), s), by erf
    *(
        Rule("gelu_after_reshape", form, _then_reshape(_with_gelu("GeluExact")), (floating,), alone=True)
        for form in gelu.exact(RESHAPED)
    ),
    # gelu(reshape(fused(x, w, ...), s)) -> reshape(fused(x, w, ..., gelu), s), by tanh
    *(
        Rule("gelu_tanh_after_reshape", form, _then_reshape(_with_gelu("GeluApproximate")), (floating,), alone=True)
        for form in gelu.approximate(RESHAPED)
    ),
)


def run(graph: Graph) -> Result:
    """Fuses in place."""
    return counted(graph, rewrite(graph, RULES))


PASS = Pass("remapper", "remapping", run, ("batch_norm_folding",))
