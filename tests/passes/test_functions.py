"""tf.function with the optimizer on and off: same results, same effects, fewer nodes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import headrace as tf
from headrace.dispatch.opdef import get
from headrace.ir.graph import Graph
from headrace.passes import options
from headrace.passes.pipeline import optimize
from tests.passes.expressions import build

raw = tf.raw_ops
Step = Callable[[Any], Any]


def _train() -> tuple[Step, Callable[[], list[Any]]]:
    """A step of gradient descent on a dense layer with a helper function inside."""
    w = tf.Variable(np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4))
    b = tf.Variable(np.zeros(4, np.float32))

    @tf.function
    def layer(x: Any) -> Any:
        return raw.Relu(features=raw.BiasAdd(value=raw.MatMul(a=x, b=w), bias=b))

    @tf.function
    def step(x: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = get("Sum")(raw.Square(x=layer(x)), [0, 1])
        for variable, gradient in zip((w, b), tape.gradient(loss, [w, b]), strict=True):
            variable.assign_sub(gradient * 0.01)
        return loss

    return step, lambda: [w, b]


def _counter() -> tuple[Step, Callable[[], list[Any]]]:
    """Reads on both sides of writes, one of them inside a called function."""
    v = tf.Variable(np.float32(1))

    @tf.function
    def double() -> Any:
        return v.assign(v * 2.0)

    @tf.function
    def step(x: Any) -> Any:
        first = v + 0.0
        v.assign_add(get("Sum")(x, [0, 1]))
        second = v + 0.0
        double()
        third = v + 0.0
        return [first, second, third, v.read_value()]

    return step, lambda: [v]


def _run(make: Callable[[], tuple[Step, Callable[[], list[Any]]]]) -> list[Any]:
    step, state = make()
    found: list[Any] = []
    for scale in (1.0, 0.5):
        result = step(tf.constant(np.full((2, 3), scale, np.float32)))
        found += [np.asarray(r) for r in (result if isinstance(result, list) else [result])]
    return [*found, *(np.asarray(v) for v in state())]


@pytest.mark.parametrize("make", [_train, _counter])
def test_results_and_effects_are_the_same(make: Callable[[], Any]) -> None:
    optimized = _run(make)
    options.set_experimental_options({"disable_meta_optimizer": True})
    for first, second in zip(_run(make), optimized, strict=True):
        np.testing.assert_allclose(second, first, rtol=1e-5, atol=1e-6)


def test_the_graph_of_a_layer_becomes_one_product() -> None:
    w = tf.Variable(np.ones((3, 4), np.float32))
    b = tf.Variable(np.zeros(4, np.float32))

    @tf.function
    def layer(x: Any) -> Any:
        return raw.Relu(features=raw.BiasAdd(value=raw.MatMul(a=tf.raw_ops.Identity(input=x), b=w), bias=b))

    graph: Graph = layer.get_concrete_function(tf.TensorSpec((None, 3), tf.float32)).graph
    assert [node.op for node in optimize(graph).nodes] == ["ReadVariableOp", "ReadVariableOp", "_FusedMatMul"]


def test_a_static_batch_folds_shape_arithmetic() -> None:
    reshape = "Reshape(x, Pack([StridedSlice(Shape(x), int32([0]), int32([1]), int32([1]), shrink_axis_mask=1), int32(-1)]))"
    folded = optimize(build("x: float32[2, 3, 4]", reshape))
    assert [node.op for node in folded.nodes] == ["Const", "Reshape"]
    np.testing.assert_array_equal(folded.nodes[0].attrs["value"], [2, -1])
