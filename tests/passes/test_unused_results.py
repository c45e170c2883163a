"""Unused results: what goes, what stays, and that gradients leave no trace in calls and models that need none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import headrace as tf
from headrace import saved_model
from headrace.ir.graph import subgraphs
from headrace.passes import unused_results
from headrace.passes.pipeline import optimize
from tests.passes.texts import check


def test_a_branch_computes_only_what_is_read() -> None:
    check(
        unused_results.PASS,
        """
        graph @main(%p: bool[], %x: float32[2], %y: float32[2]) {
          if = If(%p, %x, %y) {Tcond = bool, Tin = (float32, float32), Tout = (float32, float32), output_shapes = ([2], [2]),
            then_branch = @then, else_branch = @else} : float32[2], float32[2]
          return %if:0
        }
        graph @then(%x: float32[2], %y: float32[2]) {
          exp = Exp(%x) {T = float32} : float32[2]
          tanh = Tanh(%y) {T = float32} : float32[2]
          return %exp, %tanh
        }
        graph @else(%x: float32[2], %y: float32[2]) {
          return %x, %y
        }
        """,
        """
        graph @main(%p: bool[], %x: float32[2], %y: float32[2]) {
          if = If(%p, %x) {Tcond = bool, Tin = (float32,), Tout = (float32,), output_shapes = ([2],), GRAPHS} : float32[2]
          return %if
        }

        graph @then(%x: float32[2]) {
          exp = Exp(%x) {T = float32} : float32[2]
          return %exp
        }

        graph @else(%x: float32[2]) {
          return %x
        }
        """.replace("GRAPHS", "then_branch = @then, else_branch = @else"),
    )


def test_a_loop_carries_only_what_counts() -> None:
    """`k` decides nothing but is read by what does; `l` is read by itself alone."""
    check(
        unused_results.PASS,
        """
        graph @main(%i: float32[], %k: float32[], %l: float32[]) {
          loop = While(%i, %k, %l) {T = (float32, float32, float32), body = @body, cond = @cond,
            output_shapes = ([], [], [])} : float32[], float32[], float32[]
          return %loop:0
        }
        graph @body(%i: float32[], %k: float32[], %l: float32[]) {
          next = AddV2(%i, %k) {T = float32} : float32[]
          half = Tanh(%k) {T = float32} : float32[]
          gone = Mul(%l, %i) {T = float32} : float32[]
          return %next, %half, %gone
        }
        graph @cond(%i: float32[], %k: float32[], %l: float32[]) {
          ten = Const() {value = tensor<float32[]>(10.0), dtype = float32} : float32[]
          less = Less(%i, %ten) {T = float32} : bool[]
          return %less
        }
        """,
        """
        graph @main(%i: float32[], %k: float32[], %l: float32[]) {
          loop = While(%i, %k) {T = (float32, float32), body = @body, cond = @cond, output_shapes = ([], [])} : float32[], float32[]
          return %loop:0
        }

        graph @body(%i: float32[], %k: float32[]) {
          next = AddV2(%i, %k) {T = float32} : float32[]
          half = Tanh(%k) {T = float32} : float32[]
          return %next, %half
        }

        graph @cond(%i: float32[], %k: float32[]) {
          ten = Const() {value = tensor<float32[]>(10.0), dtype = float32} : float32[]
          less = Less(%i, %ten) {T = float32} : bool[]
          return %less
        }
        """,
    )


class Nested(tf.Module):
    """A loop in a branch in a loop."""

    def __init__(self) -> None:
        super().__init__()
        self.w, self.r = tf.Variable(0.5), tf.Variable(0.25)

    @tf.function(input_signature=[tf.TensorSpec([3]), tf.TensorSpec([], tf.int32)])
    def __call__(self, x: Any, n: Any) -> Any:
        def inner(i: Any, y: Any) -> Any:
            return tf.while_loop(lambda j, _: j < i, lambda j, z: (j + 1, z * self.w + tf.reduce_sum(x)), [tf.constant(0), y])[1]

        def body(i: Any, y: Any) -> Any:
            return i + 1, tf.cond(tf.equal(i % 2, 0), lambda: inner(i, y), lambda: y - self.r)

        return tf.while_loop(lambda i, _: i < n, body, [tf.constant(0), x])[1]


def test_a_gradient_leaves_no_trace_in_calls_and_models(tmp_path: Path) -> None:
    model = Nested()
    x, n = tf.constant([1.0, 2.0, 3.0]), tf.constant(3)
    before = model(x, n).numpy()
    nodes = _size(optimize(model.__call__.get_concrete_function().graph))
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(model(x, n))
    gradients = tape.gradient(total, [model.w, model.r])
    # sum over x of ((x - r) w + 6) w + 6
    assert [float(g) for g in gradients] == pytest.approx([23.25, -0.75])
    assert _size(optimize(model.__call__.get_concrete_function().graph)) == nodes
    np.testing.assert_array_equal(model(x, n), before)
    saved_model.save(model, tmp_path / "model", signatures=model.__call__)
    loaded = saved_model.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded(x, n), before)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(loaded(x, n))
    assert [float(g) for g in tape.gradient(total, [loaded.w, loaded.r])] == pytest.approx([23.25, -0.75])


def _size(graph: Any) -> int:
    """The number of nodes, those of branches and loops included."""
    return sum(1 + sum(map(_size, subgraphs(node))) for node in graph.nodes)


def test_effects_stay() -> None:
    """A branch whose result nobody reads still assigns, and what it assigns is computed."""
    seen = tf.Variable([0.0])

    @tf.function
    def step(x: Any) -> Any:
        for i in tf.range(3):
            if tf.reduce_sum(x) > 0.0:
                seen.assign_add(tf.exp(x) * tf.cast(i, tf.float32))
        return x

    step(tf.constant([1.0]))
    np.testing.assert_allclose(seen, np.exp([1.0]) * 3, rtol=1e-6)
