"""Batch normalization for inference, folded into the weights of the convolution before it or turned into a product and a sum.

With k = scale / sqrt(variance + epsilon), batch_norm(x) = x * k + (offset - mean * k), and convolution is linear in its
weights. Constants are folded in 64 bits and rounded once.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from headrace.ir.graph import Graph, Node, Value
from headrace.ir.patterns import Constant, Hole, Maker, Match, Op, Rule
from headrace.passes.base import Pass, Result, counted
from headrace.passes.rewrite import rewrite

BATCH_NORM = "FusedBatchNorm|FusedBatchNormV2|FusedBatchNormV3"
CONVOLUTION = "Conv2D|DepthwiseConv2dNative"

X, WEIGHTS = Hole("x"), Constant("weights")
STATISTICS = (Constant("scale"), Constant("offset"), Constant("mean"), Constant("variance"))
CONV = Op(CONVOLUTION, X, WEIGHTS, name="conv", once=True)

Array = np.ndarray[Any, Any]


def _factors(match: Match) -> tuple[Array, Array]:
    """k and offset - mean * k, float64 [channels]."""
    scale, offset, mean, variance = (match.array(name).astype(np.float64) for name in ("scale", "offset", "mean", "variance"))
    factor = scale / np.sqrt(variance + match.root.attrs["epsilon"])
    return factor, offset - mean * factor


def _into_weights(match: Match, maker: Maker) -> Value:
    conv, dtype = match.nodes["conv"], match["x"].dtype
    factor, shift = _factors(match)
    if "bias" in match.values:
        shift = shift + match.array("bias").astype(np.float64) * factor
    weights = match.array("weights")
    per_output = factor.reshape(weights.shape[2:]) if conv.op == "DepthwiseConv2dNative" else factor
    scaled = maker.constant((weights.astype(np.float64) * per_output).astype(weights.dtype), dtype)
    explicit = {key: value for key, value in conv.attrs.items() if key != "T"}
    result = maker.make(conv.op, [match["x"], scaled], explicit)[0]
    bias = maker.constant(shift.astype(weights.dtype), dtype)
    return maker.make("BiasAdd", [result, bias], {"data_format": conv.attrs["data_format"]})[0]


def _into_arithmetic(match: Match, maker: Maker) -> Value:
    value = match["x"]
    channels = (-1, 1, 1) if match.root.attrs["data_format"] == "NCHW" else (-1,)
    factor, shift = (maker.constant(a.astype(value.dtype.np_dtype).reshape(channels), value.dtype) for a in _factors(match))
    return maker.make("AddV2", [maker.make("Mul", [value, factor], {})[0], shift], {})[0]


def _for_inference(match: Match) -> bool:
    """Statistics are given, one a channel, in the dtype of the data."""
    arrays = [match.array(name) for name in ("scale", "offset", "mean", "variance")]
    dtype = match["x"].dtype.np_dtype
    fits = all(a.dtype == dtype and a.ndim == 1 and a.size == arrays[0].size > 0 for a in arrays)
    return fits and not match.root.attrs["is_training"] and match.root.attrs["data_format"] in ("NHWC", "NCHW")


def _on_its_output(match: Match) -> bool:
    """Convolution, bias and normalization agree on where the channels are, and how many there are."""
    chain = [node for node in match.covered if node.op != "Const"]
    layouts = {node.attrs["data_format"] for node in chain}
    weights = match.array("weights")
    channels = match.array("scale").size
    depthwise = match.nodes["conv"].op == "DepthwiseConv2dNative"
    outputs = weights.shape[2] * weights.shape[3] if depthwise else weights.shape[3]
    return len(layouts) == 1 and channels == outputs


def _follows_no_convolution(match: Match) -> bool:
    """What follows a convolution is the remapper's."""
    before: Node | None = match["x"].node
    if before is not None and before.op == "BiasAdd":
        before = before.inputs[0].node
    return before is None or before.op not in CONVOLUTION.split("|")


RULES = (
    # batch_norm(conv(x, w)) -> bias_add(conv(x, w * k), offset - mean * k)
    Rule("into_weights", Op(BATCH_NORM, CONV, *STATISTICS), _into_weights, (_for_inference, _on_its_output)),
    # batch_norm(bias_add(conv(x, w), b)) -> bias_add(conv(x, w * k), offset + (b - mean) * k)
    Rule(
        "into_weights_and_bias",
        Op(BATCH_NORM, Op("BiasAdd", CONV, Constant("bias"), once=True), *STATISTICS),
        _into_weights,
        (_for_inference, _on_its_output),
    ),
    # batch_norm(x) -> add(mul(x, k), offset - mean * k)
    Rule("into_arithmetic", Op(BATCH_NORM, X, *STATISTICS), _into_arithmetic, (_for_inference, _follows_no_convolution)),
)


def run(graph: Graph) -> Result:
    """Folds in place."""
    return counted(graph, rewrite(graph, RULES))


PASS = Pass("batch_norm_folding", "remapping", run)
