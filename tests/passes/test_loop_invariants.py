"""Loop-invariant motion: what moves, what stays, and that results, gradients and effects are the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import headrace as tf
from headrace.core.errors import InvalidArgumentError
from headrace.passes import loop_invariants, options
from headrace.passes.pipeline import Report, optimize
from tests.passes.texts import check


def loop(*inputs: str) -> str:
    """A While node over scalars."""
    count = len(inputs)
    given, kinds, shapes, values = (
        ", ".join(items) for items in ([f"%{name}" for name in inputs], ["float32"] * count, ["[]"] * count, ["float32[]"] * count)
    )
    return f"loop = While({given}) {{T = ({kinds}), body = @body, cond = @cond, output_shapes = ({shapes})}} : {values}"


def test_what_is_the_same_in_every_iteration_is_computed_before_the_loop() -> None:
    check(
        loop_invariants.PASS,
        """
        graph @main(%i: float32[], %x: float32[], %y: float32[]) {
          LOOP
          return %loop:1
        }
        graph @body(%i: float32[], %x: float32[], %y: float32[]) {
          one = Const() {value = tensor<float32[]>(1.0), dtype = float32} : float32[]
          next = AddV2(%i, %one) {T = float32} : float32[]
          shape = Const() {value = tensor<int32[0]>(), dtype = int32} : int32[0]
          same = Reshape(%y, %shape) {T = float32, Tshape = int32} : float32[]
          exp = Exp(%same) {T = float32} : float32[]
          tanh = Tanh(%exp) {T = float32} : float32[]
          sum = AddV2(%x, %tanh) {T = float32} : float32[]
          return %next, %sum, %y
        }
        graph @cond(%i: float32[], %x: float32[], %y: float32[]) {
          ten = Const() {value = tensor<float32[]>(10.0), dtype = float32} : float32[]
          less = Less(%i, %ten) {T = float32} : bool[]
          return %less
        }
        """.replace("LOOP", loop("i", "x", "y")),
        """
        graph @main(%i: float32[], %x: float32[], %y: float32[]) {
          shape = Const() {value = tensor<int32[0]>(), dtype = int32} : int32[0]
          same = Reshape(%y, %shape) {T = float32, Tshape = int32} : float32[]
          exp = Exp(%same) {T = float32} : float32[]
          tanh = Tanh(%exp) {T = float32} : float32[]
          LOOP
          return %loop:1
        }

        graph @body(%i: float32[], %x: float32[], %y: float32[], %tanh_1: float32[]) {
          one = Const() {value = tensor<float32[]>(1.0), dtype = float32} : float32[]
          next = AddV2(%i, %one) {T = float32} : float32[]
          shape = Const() {value = tensor<int32[0]>(), dtype = int32} : int32[0]
          same = Reshape(%y, %shape) {T = float32, Tshape = int32} : float32[]
          sum = AddV2(%x, %tanh_1) {T = float32} : float32[]
          return %next, %sum, %y, %tanh_1
        }

        graph @cond(%i: float32[], %x: float32[], %y: float32[], %tanh: float32[]) {
          ten = Const() {value = tensor<float32[]>(10.0), dtype = float32} : float32[]
          less = Less(%i, %ten) {T = float32} : bool[]
          return %less
        }
        """.replace("LOOP", loop("i", "x", "y", "tanh")),
    )


def nested(x: Any, w: Any, n: Any) -> Any:
    """Two loops; both their lengths and what they add are invariant."""
    y = x
    for _ in tf.range(n):
        j = 0.0
        while j < tf.reduce_sum(tf.abs(w)) + 1.0:
            y = tf.tanh(tf.matmul(y, tf.exp(w))) + tf.reshape(tf.sin(x), tf.shape(y))
            j += 1.0
    return y


def moved(function: Any, *arguments: Any) -> int:
    """How many nodes the pass moves out of the loops of a function."""
    report = Report()
    optimize(function.get_concrete_function(*arguments).graph, report=report)
    return report.statistics.get("loop_invariants", {}).get("nodes", 0)


@pytest.mark.parametrize("n", [0, 3])
def test_nested_loops_give_the_same_results_and_gradients(n: int) -> None:
    x, w = (tf.constant(np.random.default_rng(i).normal(size=(3, 3)).astype(np.float32)) for i in (1, 2))
    found = []
    for on in (True, False):
        tf.config.optimizer.set_experimental_options({"loop_optimization": on})
        function = tf.function(nested)
        assert (moved(function, x, w, tf.constant(n)) > 0) == on
        with tf.GradientTape() as tape:
            tape.watch([x, w])
            y = function(x, w, tf.constant(n))
        found.append([y, *tape.gradient(y, [x, w], unconnected_gradients="zero")])
    for with_motion, without in zip(*found, strict=True):
        np.testing.assert_allclose(with_motion, without, rtol=1e-5)
    options.reset()


@pytest.mark.parametrize(("writes", "expected"), [(False, 2.0 + 3 * np.tanh(2.0)), (True, None)])
def test_a_variable_is_read_before_the_loop_unless_the_loop_writes_one(writes: bool, expected: float | None) -> None:
    v = tf.Variable(2.0)

    @tf.function
    def run(x: Any) -> Any:
        for _ in tf.range(3):
            x += tf.tanh(v)
            if writes:
                v.assign_add(1.0)
        return x

    start = tf.constant(2.0)
    assert (moved(run, start) > 0) != writes
    wanted = 2.0 + sum(np.tanh([2.0, 3.0, 4.0])) if expected is None else expected
    np.testing.assert_allclose(run(start), wanted, rtol=1e-6)


def test_what_may_fail_or_draws_or_prints_stays() -> None:
    @tf.function
    def run(x: Any, n: Any) -> Any:
        for _ in tf.range(n):
            x += tf.random.normal([]) * 0.0
            x += tf.debugging.check_numerics(tf.constant(1.0) / x[:1], "bad")[0] * 0.0
            x += tf.reduce_sum(tf.gather(tf.ones([3]), n))
        return x

    x = tf.constant([0.0, 1.0])
    np.testing.assert_array_equal(run(x, tf.constant(0)), x)
    with pytest.raises(InvalidArgumentError, match="bad"):
        run(x, tf.constant(1))
