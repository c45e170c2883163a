"""Memory reports against XLA's own buffer assignment."""

import numpy as np
import pytest

import headrace as tf
from benchmarks import models
from headrace.runtime.memory import hlo
from headrace.runtime.memory.lifetimes import Buffer, analyze, arena_size


def _step(name, batch):
    model = getattr(models, name)(tf)
    raw = models.make_step(model)
    return tf.function(lambda x, y: raw(x, y)), model.inputs(batch)  # noqa: PLW0108 - without AutoGraph's view of the model


@pytest.mark.parametrize(("name", "batch"), [("Mlp", 256), ("ResNet50", 8)])
def test_the_report_agrees_with_the_buffers_that_xla_assigned(name, batch):
    step, inputs = _step(name, batch)
    report = step.memory_report(*inputs)
    assert report.estimated_total == pytest.approx(report.total, rel=0.1)
    assert report.donated > 0.9 * report.outputs
    assert report.peak <= report.estimated_total * 1.001


def test_the_report_names_nodes_and_says_what_is_alive():
    w = tf.Variable(tf.ones([256, 256]))

    @tf.function
    def f(x):
        hidden = tf.matmul(x, w, name="hidden")
        return tf.reduce_sum(tf.sin(hidden, name="wave")) + tf.reduce_sum(tf.matmul(hidden, w, name="again"))

    report = f.memory_report(tf.TensorSpec([1024, 256]))
    assert report.arguments == 4 * (1024 * 256 + 256 * 256)
    assert {"hidden"} <= {value.node for value in report.at_peak()}
    assert max(value.bytes for value in report.at_peak()) == 4 * 1024 * 256
    assert "hidden" in report.by_node
    text = str(report)
    assert "memory of f" in text
    assert "alive at the peak" in text


def test_recomputing_takes_less_memory():
    weights = [tf.Variable(tf.random.normal([128, 128], stddev=0.05)) for _ in range(8)]

    def block(x, w):
        for _ in range(4):
            x = tf.nn.relu(tf.matmul(x, w)) + x
        return x

    def step(f):
        @tf.function
        def train(x):
            with tf.GradientTape() as tape:
                h = x
                for w in weights:
                    h = f(h, w)
                loss = tf.reduce_sum(h)
            return [loss, *tape.gradient(loss, weights)]

        return train

    x = tf.random.normal([1024, 128])
    kept, recomputed = step(block), step(tf.recompute_grad(block))
    for a, b in zip(kept(x), recomputed(x), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=2e-3, atol=2e-2)
    assert recomputed.memory_report(x).temporaries < 0.6 * kept.memory_report(x).temporaries


def test_a_function_that_runs_in_parts_is_refused_with_the_reason():
    f = tf.function(lambda x: tf.strings.as_string(x * 2.0))
    with pytest.raises(tf.errors.UnimplementedError, match=r"compiled as a whole.*\n.*AsString"):
        f.memory_report(tf.TensorSpec([2]))


MODULE = """HloModule m, is_scheduled=true, input_output_alias={ {1}: (0, {}, may-alias) }, entry_computation_layout={()->()}

ENTRY %main (p: f32[4]) -> (f32[8], f32[4]) {
  %p = f32[4]{0} parameter(0), metadata={op_name="p"}
  %a = f32[8]{0} custom-call(%p), metadata={op_name="jit(f)/a/dot"}
  %b = f32[8]{0} exponential(%a), metadata={op_name="jit(f)/b/exp"}
  %c = (f32[8]{0}, s32[]) custom-call(%b)
  %d = f32[8]{0} get-tuple-element(%c), index=0
  %e = f32[4]{0} slice(%d), slice={[0:4]}
  ROOT %t = (f32[8]{0}, f32[4]{0}) tuple(%d, %e)
}
"""


def test_lifetimes_of_a_module():
    found = analyze(hlo.parse(MODULE))
    # b is written over a; c is a tuple of 32 and 4 bytes, the latter read by nothing but d; e stands in the argument's place.
    assert found.live == [0, 32, 32, 68, 36, 32, 32]
    assert [buffer.size for buffer in found.buffers] == [32, 32, 4, 0]


def test_an_arena_packs_values_that_are_not_alive_together():
    step = hlo.parse(MODULE).computations["main"][1]
    buffers = [Buffer(step, 128, 0, 2), Buffer(step, 64, 1, 3), Buffer(step, 128, 3, 5), Buffer(step, 64, 4, 5)]
    assert arena_size(buffers) == 192
