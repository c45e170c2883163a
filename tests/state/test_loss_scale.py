"""Loss scales against real TensorFlow's, step by step, eagerly and compiled."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import numpy as np
import pytest

import headrace as tf
from tests.interop import environments
from tests.ops.harness import ROOT
from tests.state.loss_scale_cases import CASES


@pytest.fixture(name="theirs", scope="module")
def _theirs() -> Any:
    command = [str(environments.ensure("tensorflow")), "-m", "tests.state.peer_loss_scale"]
    environment = environments.clean_environment()
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=500, check=False)
    if done.returncode:
        pytest.fail(f"the TensorFlow peer failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


@pytest.mark.interop
@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_a_dynamic_scale_moves_as_tensorflows(name: str, compiled: bool, theirs: Any) -> None:
    arguments, steps = CASES[name]
    scale = tf.mixed_precision.DynamicLossScale(**arguments)

    def update(gradient: Any) -> Any:
        return scale.update([None, gradient])[1]

    call = tf.function(update) if compiled else update
    rows = []
    for step in steps:
        apply = bool(call(tf.constant([1.0, 1.0 if step == "f" else float("inf")])))
        rows.append([float(scale()), apply])
    assert rows == theirs[name]


def test_small_gradients_survive_float16() -> None:
    x = tf.constant([1e-4], tf.float16)
    scale = tf.mixed_precision.FixedLossScale(2.0**15)
    weight = tf.Variable([1.0])

    def gradient(scaled: bool) -> Any:
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.cast(x * tf.cast(weight, tf.float16) * tf.constant(1e-4, tf.float16), tf.float32))
            loss = scale.get_scaled_loss(loss) if scaled else loss
        (found,) = tape.gradient(loss, [weight])
        return scale.get_unscaled_gradients([found])[0] if scaled else found

    assert gradient(scaled=False).numpy() == 0
    np.testing.assert_allclose(gradient(scaled=True).numpy(), [1e-8], rtol=1e-2)


def test_none_and_slices_stay_such() -> None:
    scale = tf.mixed_precision.DynamicLossScale(4.0)
    slices = tf.IndexedSlices(tf.constant([[8.0]]), tf.constant([2]), tf.constant([5, 1]))
    nothing, unscaled = scale.get_unscaled_gradients([None, slices])
    assert nothing is None
    assert unscaled.values.numpy().tolist() == [[2.0]]
    assert bool(scale.update([nothing, unscaled])[1])


def test_scales_describe_themselves_and_refuse_what_makes_no_sense() -> None:
    fixed = tf.mixed_precision.FixedLossScale(128)
    assert repr(fixed) == "FixedLossScale(128.0)"
    assert fixed.update([]) == (None, True)
    assert float(tf.mixed_precision.FixedLossScale.from_config(fixed.get_config())()) == 128
    dynamic = tf.mixed_precision.DynamicLossScale(16, 5, 3)
    again = tf.mixed_precision.DynamicLossScale.from_config(dynamic.get_config())
    assert (again.initial_loss_scale, again.increment_period, again.multiplier) == (16.0, 5, 3.0)
    with pytest.raises(ValueError, match=r"at least 1; got 0\.5"):
        tf.mixed_precision.FixedLossScale(0.5)
    with pytest.raises(ValueError, match="int or float; got 'big'"):
        tf.mixed_precision.FixedLossScale("big")
