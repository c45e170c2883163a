"""Layout: on a CPU, inference with channels first (NCHW) is done with channels last (NHWC).

    # conv2d(x, NCHW) -> transpose(conv2d(transpose(x, NHWC), NHWC), NCHW)
    # relu(transpose(y, NCHW)) -> transpose(relu(y), NCHW)
    # transpose(transpose(y, NCHW), NHWC) -> y

Convolutions turn, and the transposes behind them move down the graph until they meet the next convolution's and cancel; then
the remapper fuses what it fuses with channels last. XLA on a CPU convolves in NHWC anyway, and pools slower with channels first.
Other devices choose layouts themselves, and a graph with gradients of convolutions is left alone: every value would be needed
both ways.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from headrace.core.dtypes import int32
from headrace.ir.graph import Graph, Value
from headrace.ir.patterns import Constant, Hole, Maker, Match, Op, Rule
from headrace.passes.base import Pass, Result, counted
from headrace.passes.rewrite import rewrite

TO_LAST, TO_FIRST = (0, 2, 3, 1), (0, 3, 1, 2)

PER_DIMENSION = ("strides", "dilations", "ksize")
"""Attributes with a number for each dimension of the data."""

GRADIENTS = frozenset(
    {"Conv2DBackpropInput", "Conv2DBackpropFilter", "DepthwiseConv2dNativeBackpropInput", "DepthwiseConv2dNativeBackpropFilter"}
)

UNARY = "Abs|Elu|Erf|Exp|LeakyRelu|Neg|Relu|Relu6|Rsqrt|Selu|Sigmoid|Softplus|Softsign|Sqrt|Square|Tanh"
BINARY = "Add|AddV2|Maximum|Minimum|Mul|RealDiv|SquaredDifference|Sub"

X, Y = Hole("x"), Hole("y")


def _order(name: str, order: tuple[int, ...]) -> Constant:
    return Constant(name, lambda array: tuple(array.ravel().tolist()) == order)


FIRST = Op("Transpose", X, _order("p", TO_FIRST))
FIRST_TOO = Op("Transpose", Y, _order("q", TO_FIRST))
SCALAR = Constant("c", lambda array: array.ndim == 0)


def _transposed(value: Value, order: tuple[int, ...], maker: Maker) -> Value:
    return maker.make("Transpose", [value, maker.constant(np.array(order, np.int32), int32)], {})[0]


def _turned(match: Match, maker: Maker, data: Value) -> Sequence[Value]:
    """The root's op with channels last on `data`, its first output with channels first again."""
    attrs: dict[str, Any] = {key: value for key, value in match.root.attrs.items() if key not in ("T", "U")}
    attrs["data_format"] = "NHWC"
    for name in PER_DIMENSION:
        if len(attrs.get(name, ())) == len(TO_LAST):
            attrs[name] = tuple(attrs[name][axis] for axis in TO_LAST)
    pads = attrs.get("explicit_paddings", ())
    if len(pads) == 2 * len(TO_LAST):
        attrs["explicit_paddings"] = tuple(pads[2 * axis + side] for axis in TO_LAST for side in (0, 1))
    first, *rest = maker.make(match.root.op, [data, *match.root.inputs[1:]], attrs)
    return _transposed(first, TO_FIRST, maker), *rest


def _convolution(match: Match, maker: Maker) -> Sequence[Value]:
    return _turned(match, maker, _transposed(match.root.inputs[0], TO_LAST, maker))


def _follower(match: Match, maker: Maker) -> Sequence[Value]:
    return _turned(match, maker, match.nodes["first"].inputs[0])


def _elementwise(match: Match, maker: Maker) -> Value:
    attrs = {key: value for key, value in match.root.attrs.items() if key != "T"}
    inputs = []
    for value in match.root.inputs:
        if value.node is not None and value.node in match.covered:
            inputs.append(value.node.inputs[0])
        else:
            inputs.append(_transposed(value, TO_LAST, maker) if value.shape.rank == len(TO_LAST) else value)
    return _transposed(maker.make(match.root.op, inputs, attrs)[0], TO_FIRST, maker)


def _reduced(match: Match, maker: Maker) -> Value:
    keep_dims = match.root.attrs["keep_dims"]
    axes = maker.constant(np.array([TO_FIRST[axis] for axis in match.array("axes").ravel().tolist()], np.int32), int32)
    made = maker.make(match.root.op, [match["x"], axes], {"keep_dims": keep_dims})[0]
    return _transposed(made, TO_FIRST, maker) if keep_dims else made


def _padded(match: Match, maker: Maker) -> Value:
    pads = match.array("pads")[list(TO_LAST)]
    return _transposed(maker.make("Pad", [match["x"], maker.constant(pads, match["pads"].dtype)], {})[0], TO_FIRST, maker)


def _over_space(match: Match) -> bool:
    """A reduction over height and width: what is left has the same order either way."""
    return sorted(axis % len(TO_LAST) for axis in match.array("axes").ravel().tolist()) == [2, 3]


def _same_shapes(match: Match) -> bool:
    """Both operands are images of one known size."""
    first, second = (value.shape for value in match.root.inputs)
    return first == second and first.rank == len(TO_LAST) and None not in first.as_tuple()[1:]


def _of_images(match: Match) -> bool:
    return match.root.inputs[0].shape.rank == len(TO_LAST)


NAMED = Op("Transpose", X, _order("p", TO_FIRST), name="first")
NCHW: dict[str, Any] = {"data_format": "NCHW"}

RULES = (
    # conv2d(x, w, NCHW) -> transpose(conv2d(transpose(x), w, NHWC))
    Rule("convolution", Op("Conv2D|DepthwiseConv2dNative", **NCHW), _convolution, (_of_images,)),
    # pool(transpose(x), NCHW) -> transpose(pool(x, NHWC))
    Rule("pooling", Op("MaxPool|AvgPool", NAMED, **NCHW), _follower),
    # bias_add(transpose(x), b, NCHW) -> transpose(bias_add(x, b, NHWC))
    Rule("bias", Op("BiasAdd", NAMED, Hole("b"), **NCHW), _follower),
    # batch_norm(transpose(x), ..., NCHW) -> transpose(batch_norm(x, ..., NHWC))
    Rule(
        "normalization",
        Op("FusedBatchNorm|FusedBatchNormV2|FusedBatchNormV3", NAMED, Hole("s"), Hole("o"), Hole("m"), Hole("v"), **NCHW),
        _follower,
    ),
    # relu(transpose(x)) -> transpose(relu(x))
    Rule("unary", Op(UNARY, FIRST), _elementwise),
    # add(transpose(x), transpose(y)) -> transpose(add(x, y))
    Rule("binary", Op(BINARY, FIRST, FIRST_TOO), _elementwise),
    # mul(transpose(x), c) -> transpose(mul(x, c)) of scalars c
    Rule("scalar", Op(BINARY, FIRST, SCALAR), _elementwise),
    # sub(c, transpose(x)) -> transpose(sub(c, x)) of scalars c
    Rule("scalar_first", Op(BINARY, SCALAR, FIRST), _elementwise),
    # add(transpose(x), y) -> transpose(add(x, transpose(y))): y, a residual, often feeds the convolution too
    Rule("residual", Op(BINARY, FIRST, Y), _elementwise, (_same_shapes,)),
    # sub(y, transpose(x)) -> transpose(sub(transpose(y), x))
    Rule("residual_first", Op(BINARY, Y, FIRST), _elementwise, (_same_shapes,)),
    # mean(transpose(x), (2, 3)) -> mean(x, (1, 2))
    Rule("reduction", Op("Mean|Sum|Max|Min", FIRST, Constant("axes")), _reduced, (_over_space,)),
    # pad(transpose(x), p) -> transpose(pad(x, p in the other order))
    Rule("padding", Op("Pad", FIRST, Constant("pads")), _padded),
    # transpose(transpose(x, NCHW), NHWC) -> x
    Rule("there_and_back", Op("Transpose", FIRST, _order("back", TO_LAST)), X),
)


def run(graph: Graph) -> Result:
    """Turns a graph in place, on a CPU and without gradients of convolutions."""
    if jax.default_backend() != "cpu" or any(node.op in GRADIENTS for node in graph.nodes):
        return counted(graph, {})
    return counted(graph, rewrite(graph, RULES))


PASS = Pass("layout", "layout_optimizer", run)
