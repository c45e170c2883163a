"""Random graphs give the same results before and after the optimizer, and after printing and parsing."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.core import dtypes
from headrace.core.dtypes import DType
from headrace.core.shapes import TensorShape
from headrace.dispatch.opdef import get
from headrace.ir.graph import Graph, Node, Value
from headrace.ir.parser import parse
from headrace.ir.printer import print_graph
from headrace.passes.pipeline import optimize
from headrace.passes.rewrite import make_constant, make_node
from tests.passes.expressions import evaluate, samples

FLOAT_UNARY = ("Neg", "Abs", "Square", "Tanh", "Sigmoid", "Identity", "Sqrt", "ZerosLike")
FLOAT_BINARY = ("AddV2", "Sub", "Mul", "Maximum", "Minimum", "SquaredDifference")
INT_UNARY = ("Neg", "Abs", "Square", "Invert", "Identity", "OnesLike")
INT_BINARY = ("AddV2", "Sub", "Mul", "Maximum", "Minimum", "BitwiseAnd", "BitwiseOr")
NUMBERS = (0.0, -0.0, 1.0, -1.0, 2.0, 0.5, 3.0)


class Writer:
    """Appends random nodes to a graph whose values are all 3 by 3, or reduce or reshape to and from that."""

    def __init__(self, draw: st.DrawFn, dtype: DType) -> None:
        self.draw = draw
        self.dtype = dtype
        self.graph = Graph("random")
        dims = draw(st.sampled_from([(3, 3), (3, None), (None, None)]))
        self.values = [self.graph.add_input(dtype, TensorShape(dims), name) for name in "xy"]

    def node(self, op: str, *inputs: Value, **attrs: Any) -> Value:
        return make_node(self.graph, get(op), inputs, attrs, like=Node(op, [], {}, [], op)).outputs[0]

    def ints(self, value: Any) -> Value:
        return make_constant(self.graph, np.array(value, np.int32), dtypes.int32, "c").output

    def pick(self) -> Value:
        return self.draw(st.sampled_from(self.values))

    def unary(self) -> Value:
        return self.node(self.draw(st.sampled_from(FLOAT_UNARY if self.dtype.is_floating else INT_UNARY)), self.pick())

    def binary(self) -> Value:
        return self.node(
            self.draw(st.sampled_from(FLOAT_BINARY if self.dtype.is_floating else INT_BINARY)), self.pick(), self.pick()
        )

    def with_constant(self) -> Value:
        op = self.draw(st.sampled_from(["AddV2", "Sub", "Mul", "Pow" if self.dtype.is_floating else "Maximum"]))
        number = self.draw(st.sampled_from([1.0, 2.0] if op == "Pow" else NUMBERS))
        array = np.array(number).astype(self.dtype.np_dtype)
        pair = [self.pick(), make_constant(self.graph, array, self.dtype, "c").output]
        return self.node(op, *(pair[::-1] if op != "Pow" and self.draw(st.booleans()) else pair))

    def divided(self) -> Value:
        array = np.array(self.draw(st.sampled_from([1.0, 2.0, -4.0, 3.0]))).astype(self.dtype.np_dtype)
        constant = make_constant(self.graph, array, self.dtype, "c").output
        return self.node("RealDiv" if self.dtype.is_floating else "FloorDiv", self.pick(), constant)

    def product(self) -> Value:
        flags = {flag: self.draw(st.booleans()) for flag in ("transpose_a", "transpose_b")}
        return self.node("MatMul", self.pick(), self.pick(), **flags)

    def transposed(self) -> Value:
        return self.node("Transpose", self.pick(), self.ints(self.draw(st.permutations([0, 1]))))

    def reshaped(self) -> Value:
        flat = self.node("Reshape", self.pick(), self.ints(self.draw(st.sampled_from([[-1], [9], [1, 3, 3], [3, -1]]))))
        return self.node("Reshape", flat, self.ints(self.draw(st.sampled_from([[3, 3], [3, -1], [-1, 3]]))))

    def reshaped_to_own(self) -> Value:
        value = self.pick()
        return self.node("Reshape", value, self.node("Shape", value))

    def reduced(self) -> Value:
        value = self.pick()
        axes = self.ints(self.draw(st.sampled_from([[0], [1], [0, 1], []])))
        total = self.node(self.draw(st.sampled_from(["Sum", "Prod"])), value, axes, keep_dims=True)
        return self.node("AddV2", value, total)

    def cast(self) -> Value:
        there = self.node("Cast", self.pick(), DstT=dtypes.float64 if self.dtype.is_floating else dtypes.int64)
        return self.node("Cast", there, DstT=self.dtype)


def _steps(dtype: DType) -> list[Any]:
    steps: list[Any] = [Writer.unary, Writer.binary, Writer.with_constant, Writer.divided, Writer.transposed, Writer.reshaped]
    steps += [Writer.reshaped_to_own, Writer.cast, Writer.reduced]
    return [*steps, Writer.product] if dtype.is_floating else steps


@st.composite
def graphs(draw: st.DrawFn, dtype: DType) -> Graph:
    writer = Writer(draw, dtype)
    for step in draw(st.lists(st.sampled_from(_steps(dtype)), min_size=1, max_size=20)):
        writer.values.append(step(writer))
    writer.graph.outputs = [*writer.values[-2:], writer.pick()]
    return writer.graph


@settings(max_examples=40)
@given(graphs(dtypes.float64), st.integers(0, 100), st.booleans())
def test_floats_agree_to_rounding(graph: Graph, seed: int, special: bool) -> None:
    arrays = [jnp.asarray(a) for a in samples(graph, special=special, seed=seed)]
    expected = evaluate(graph, arrays)
    for first, second in zip(expected, evaluate(optimize(graph), arrays), strict=True):
        assert (first.dtype, first.shape) == (second.dtype, second.shape)
        np.testing.assert_allclose(second, first, rtol=1e-6, atol=1e-6)
    for first, second in zip(expected, evaluate(parse(print_graph(graph)), arrays), strict=True):
        assert first.tobytes() == second.tobytes()


@settings(max_examples=40)
@given(graphs(dtypes.int32), st.integers(0, 100))
def test_integers_agree_exactly(graph: Graph, seed: int) -> None:
    arrays = [jnp.asarray(a) for a in samples(graph, seed=seed)]
    after = optimize(graph)
    for first, second in zip(evaluate(graph, arrays), evaluate(after, arrays), strict=True):
        np.testing.assert_array_equal(second, first)
    for first, second in zip(evaluate(after, arrays), evaluate(parse(print_graph(after)), arrays), strict=True):
        np.testing.assert_array_equal(second, first)


@settings(max_examples=25)
@given(graphs(dtypes.int32))
def test_optimizing_twice_changes_nothing_more(graph: Graph) -> None:
    once = optimize(graph)
    assert len(optimize(once).nodes) == len(once.nodes)
