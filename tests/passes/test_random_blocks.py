"""Random chains of the blocks that fusions look for, with random readers of what lies within: results stay the same."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import jax.numpy as jnp
import numpy as np
from hypothesis import HealthCheck, find, given, settings
from hypothesis import strategies as st

from headrace.core import dtypes
from headrace.core.shapes import TensorShape
from headrace.dispatch.opdef import get
from headrace.ir.graph import Graph, Node, Value
from headrace.passes.options import PassOptions
from headrace.passes.pipeline import optimize
from headrace.passes.rewrite import make_constant, make_node
from tests.passes.expressions import evaluate, samples

BATCH, ROWS, COLUMNS = 2, 3, 4
ACTIVATIONS = ("Relu", "Relu6", "Elu", "LeakyRelu", "Tanh", "Sigmoid")


class Writer:
    """Appends blocks to a graph whose values are [batch, rows, columns]; every value made may be read again."""

    def __init__(self, draw: st.DrawFn, dtype: dtypes.DType) -> None:
        self.draw = draw
        self.dtype = dtype
        self.graph = Graph("blocks")
        batch = draw(st.sampled_from([BATCH, None]))
        self.shape = TensorShape((batch, ROWS, COLUMNS))
        self.values = [self.graph.add_input(dtype, self.shape, name) for name in "xyz"]
        self.weight = self.graph.add_input(dtype, TensorShape((COLUMNS, COLUMNS)), "w")
        self.kernel = self.graph.add_input(dtype, TensorShape((1, 2, COLUMNS, COLUMNS)), "k")
        self.vector = self.graph.add_input(dtype, TensorShape((COLUMNS,)), "b")
        self.mask = self.graph.add_input(dtypes.bool_, TensorShape((batch, 1, ROWS)), "m")

    def node(self, op: str, *inputs: Value, **attrs: Any) -> Value:
        made = make_node(self.graph, get(op), inputs, attrs, like=Node(op, [], {}, [], op)).outputs[0]
        if made.shape.is_compatible_with(self.shape) and made.shape.rank == 3 and self.draw(st.integers(0, 9)) == 0:
            self.values.append(made)
        return made

    def number(self, value: float) -> Value:
        return make_constant(self.graph, np.array(value, self.dtype.np_dtype), self.dtype, "c").output

    def ints(self, *value: int) -> Value:
        return make_constant(self.graph, np.array(value, np.int32), dtypes.int32, "c").output

    def pick(self) -> Value:
        return self.draw(st.sampled_from(self.values))

    def pair(self, op: str, x: Value, y: Value) -> Value:
        """A commutative op, either way round."""
        return self.node(op, *((x, y) if self.draw(st.booleans()) else (y, x)))

    def maybe(self) -> bool:
        return self.draw(st.booleans())

    def finished(self, x: Value, other: Value) -> Value:
        """Perhaps a residual, perhaps an activation."""
        if self.maybe():
            x = self.pair("AddV2", x, other)
        step = self.draw(st.sampled_from(["", *ACTIVATIONS, "gelu", "gelu_tanh"]))
        if step.startswith("gelu"):
            return self.gelu(x, tanh=step == "gelu_tanh")
        return self.node(step, x) if step else x

    def gelu(self, x: Value, *, tanh: bool) -> Value:
        if tanh:
            cube = self.node("Pow", x, self.number(3.0)) if self.maybe() else self.pair("Mul", x, self.node("Mul", x, x))
            inner = self.pair("AddV2", x, self.pair("Mul", self.number(0.044715), cube))
            curve = self.node("Tanh", self.pair("Mul", self.number(math.sqrt(2 / math.pi)), inner))
        else:
            curve = self.node("Erf", self.node("RealDiv", x, self.number(math.sqrt(2.0))))
        doubled = self.pair("AddV2", self.number(1.0), curve)
        if self.maybe():
            return self.pair("Mul", doubled, self.pair("Mul", x, self.number(0.5)))
        return self.pair("Mul", x, self.pair("Mul", doubled, self.number(0.5)))

    def dense(self) -> Value:
        x, other = self.pick(), self.pick()
        flat = self.node("Reshape", x, self.ints(-1, COLUMNS))
        product = self.node("MatMul", flat, self.weight, transpose_b=self.maybe())
        if self.maybe():
            product = self.node("BiasAdd", product, self.vector)
        back = self.node("Reshape", product, self.ints(-1, ROWS, COLUMNS))
        return self.finished(self.pair("AddV2", back, self.vector) if self.maybe() else back, other)

    def convolution(self) -> Value:
        images = self.node("ExpandDims", self.pick(), self.ints(1))
        product = self.node("Conv2D", images, self.kernel, strides=[1, 1, 1, 1], padding="SAME")
        if self.maybe():
            product = self.node("BiasAdd", product, self.vector)
        if self.maybe():
            product = self.finished(product, images)
        return self.finished(self.node("Squeeze", product, squeeze_dims=[1]), self.pick())

    def layer_norm(self) -> Value:
        x = self.pick()
        axes = self.ints(*self.draw(st.sampled_from([(-1,), (2,), (1, 2), (1,)])))
        mean = self.node("Mean", x, axes, keep_dims=True)
        centered = self.node("Sub", x, mean)
        squares = self.node("Square", centered) if self.maybe() else self.node("SquaredDifference", x, mean)
        inverse = self.node("Rsqrt", self.pair("AddV2", self.node("Mean", squares, axes, keep_dims=True), self.number(0.01)))
        if self.maybe():
            inverse = self.pair("Mul", inverse, self.vector)
        if self.maybe():
            y = self.pair("AddV2", self.pair("Mul", x, inverse), self.node("Neg", self.pair("Mul", mean, inverse)))
        else:
            y = self.pair("Mul", centered, inverse)
        if self.maybe():
            y = self.pair("Mul", y, self.vector)
        return self.pair("AddV2", y, self.vector) if self.maybe() else y

    def attention(self) -> Value:
        query, key, value = self.pick(), self.pick(), self.pick()
        by_einsum = self.maybe()
        if by_einsum:
            scores = self.node_of_list("Einsum", [query, key], equation="btd,bsd->bts")
        else:
            scores = self.node("BatchMatMulV2", query, key, adj_y=True)
        if self.maybe():
            scores = self.pair("Mul", scores, self.number(0.5))
        if self.maybe():
            scores = self.pair("AddV2", scores, self.node_of_list("Einsum", [query, key], equation="btd,bsd->bts"))
        if self.maybe():
            scores = self.node("SelectV2", self.mask, scores, self.number(-1e9))
        weights = self.node("Softmax", scores)
        if by_einsum:
            return self.node_of_list("Einsum", [weights, value], equation="bts,bsd->btd")
        return self.node("BatchMatMulV2", weights, value)

    def node_of_list(self, op: str, inputs: list[Value], **attrs: Any) -> Value:
        return make_node(self.graph, get(op), inputs, attrs, like=Node(op, [], {}, [], op), counts=[len(inputs)]).outputs[0]


BLOCKS = (Writer.dense, Writer.convolution, Writer.layer_norm, Writer.attention)


@st.composite
def graphs(draw: st.DrawFn, dtype: dtypes.DType = dtypes.float64) -> Graph:
    writer = Writer(draw, dtype)
    for block in draw(st.lists(st.sampled_from(BLOCKS), min_size=1, max_size=5)):
        writer.values.append(block(writer))
    writer.graph.outputs = [writer.values[-1], writer.pick()]
    return writer.graph


def arguments(graph: Graph, seed: int) -> list[Any]:
    """Unknown dimensions are the batch."""
    arrays = samples(graph, special=False, seed=seed)
    return [jnp.asarray(a[:BATCH] if v.shape.rank == 3 else a) for v, a in zip(graph.inputs, arrays, strict=True)]


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(graphs(), st.integers(0, 100))
def test_fused_blocks_agree(graph: Graph, seed: int) -> None:
    arrays = arguments(graph, seed)
    expected = evaluate(graph, arrays)
    for first, second in zip(expected, evaluate(optimize(graph), arrays), strict=True):
        assert (first.dtype, first.shape) == (second.dtype, second.shape)
        np.testing.assert_allclose(second, first, rtol=1e-5, atol=1e-6)


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(graphs(dtypes.float32), st.integers(0, 100))
def test_blocks_in_bfloat16_keep_dtypes_and_shapes(graph: Graph, seed: int) -> None:
    arrays = arguments(graph, seed)
    narrow = optimize(graph, options=PassOptions(auto_mixed_precision=True))
    again = optimize(narrow, options=PassOptions(auto_mixed_precision=True))
    assert len(again.nodes) <= len(narrow.nodes)
    for first, second in zip(evaluate(graph, arrays), evaluate(narrow, arrays), strict=True):
        assert (first.dtype, first.shape) == (second.dtype, second.shape)
        assert np.isfinite(second).all()
        assert np.linalg.norm(second - first) <= 0.3 * np.linalg.norm(first) + 0.3


def _fused(graph: Graph) -> Counter[str]:
    return Counter(node.op for node in optimize(graph).nodes)


def test_every_fusion_happens_in_some_random_graph() -> None:
    for op in ("_FusedMatMul", "_FusedConv2D", "_FusedLayerNorm", "_FusedAttention"):
        find(graphs(), lambda graph, op=op: _fused(graph)[op] > 0, settings=settings(max_examples=500, database=None))
