"""Channels first become channels last, and transposes cancel."""

from __future__ import annotations

import jax
import numpy as np
import pytest

import headrace as tf
from headrace.passes import layout
from headrace.passes.options import PassOptions
from headrace.passes.pipeline import Report, optimize
from tests.passes.expressions import build
from tests.passes.test_remapper import check_numbers, summary

INPUTS = "x: float32[2, 3, 5, 6]; w: float32[2, 2, 3, 3]; d: float32[2, 2, 3, 1]; b: float32[3]; s: float32[3]; v: float32[3]"
CONV = "Conv2D(x, w, strides=[1, 1, 1, 2], padding='SAME', data_format='NCHW')"
SAME = "Conv2D(x, w, strides=[1, 1, 1, 1], padding='SAME', data_format='NCHW')"
PADDED = "Conv2D(x, w, strides=[1, 1, 1, 1], padding='EXPLICIT', explicit_paddings=[0, 0, 0, 0, 1, 0, 2, 1], data_format='NCHW')"
AROUND = "Transpose; {}; Transpose"

TURNED = [
    (CONV, AROUND.format("Conv2D")),
    (PADDED, AROUND.format("Conv2D")),
    (
        "DepthwiseConv2dNative(x, d, strides=[1, 1, 1, 1], padding='SAME', data_format='NCHW')",
        AROUND.format("DepthwiseConv2dNative"),
    ),
    (f"BiasAdd({CONV}, b, data_format='NCHW')", AROUND.format("Conv2D; BiasAdd")),
    (f"FusedBatchNormV3({CONV}, s, b, b, v, is_training=False, data_format='NCHW')", AROUND.format("Conv2D; FusedBatchNormV3")),
    (
        f"MaxPool({CONV}, ksize=[1, 1, 2, 1], strides=[1, 1, 2, 1], padding='SAME', data_format='NCHW')",
        AROUND.format("Conv2D; MaxPool"),
    ),
    (f"Relu({CONV})", AROUND.format("Conv2D; Relu")),
    (f"AddV2({SAME}, Relu({SAME}))", "Transpose; Conv2D; Transpose; Conv2D; Relu; AddV2; Transpose"),
    (f"AddV2({SAME}, x)", "Transpose; Conv2D; Transpose; AddV2; Transpose"),
    (f"Sub(x, {SAME})", "Transpose; Conv2D; Transpose; Sub; Transpose"),
    (f"Mul({CONV}, float32(2))", AROUND.format("Conv2D; Mul")),
    (f"Sub(float32(2), {CONV})", AROUND.format("Conv2D; Sub")),
    (f"Mean({CONV}, int32([2, 3]))", "Transpose; Conv2D; Mean"),
    (f"Max({CONV}, int32([-1, -2]), keep_dims=True)", AROUND.format("Conv2D; Max")),
    (f"Pad({CONV}, int32([[0, 0], [1, 0], [2, 0], [0, 3]]))", AROUND.format("Conv2D; Pad")),
    (
        f"Conv2D(Relu({CONV}), w, strides=[1, 1, 1, 1], padding='VALID', data_format='NCHW')",
        AROUND.format("Conv2D; Relu; Conv2D"),
    ),
]

KEPT = [
    "MaxPool(x, ksize=[1, 1, 2, 1], strides=[1, 1, 2, 1], padding='SAME', data_format='NCHW')",
    "Relu(Transpose(x, int32([3, 2, 1, 0])))",
    "Conv2D(x, Transpose(w, int32([0, 1, 3, 2])), strides=[1, 1, 1, 1], padding='SAME')".replace(
        "x,", "Transpose(x, int32([0, 2, 3, 1])),"
    ),
    f"Conv2DBackpropInput(int32([2, 3, 5, 6]), w, {SAME}, strides=[1, 1, 1, 1], padding='SAME', data_format='NCHW')",
]


@pytest.mark.parametrize(("before", "after"), TURNED)
def test_channels_come_last(before: str, after: str) -> None:
    graph = build(INPUTS, before)
    turned = optimize(graph, passes=[layout.PASS])
    assert summary(turned) == after
    assert all(node.attrs.get("data_format", "NHWC") == "NHWC" for node in turned.nodes)
    check_numbers(graph, turned)


@pytest.mark.parametrize("before", KEPT)
def test_what_holds_no_such_convolution_stays(before: str) -> None:
    graph = build(INPUTS, before)
    assert summary(optimize(graph, passes=[layout.PASS])) == summary(graph)


def test_every_rule_fires_in_some_case() -> None:
    report = Report()
    for before, _ in TURNED:
        optimize(build(INPUTS, before), passes=[layout.PASS], report=report)
    assert set(report.statistics["layout"]) == {rule.name for rule in layout.RULES}


def test_it_can_be_turned_off_and_leaves_other_devices_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = build(INPUTS, CONV)
    assert summary(optimize(graph, options=PassOptions(layout_optimizer=False))) == "Conv2D"
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert summary(optimize(graph)) == "Conv2D"


def test_a_block_with_channels_first_is_fused_as_one_with_channels_last() -> None:
    random = np.random.default_rng(0)
    kernel = tf.Variable(random.normal(size=(3, 3, 4, 4)).astype(np.float32))
    ones = tf.ones([4])

    def block(x: tf.Tensor, form: str) -> tf.Tensor:
        y = tf.nn.conv2d(x, kernel, 1, "SAME", data_format=form)
        y = tf.raw_ops.FusedBatchNormV3(x=y, scale=ones, offset=ones, mean=ones, variance=ones, is_training=False, data_format=form)
        return tf.nn.relu(y[0] + x)

    x = random.normal(size=(2, 4, 5, 6)).astype(np.float32)
    first = tf.function(lambda x: block(block(x, "NCHW"), "NCHW"))
    after = optimize(first.get_concrete_function(tf.constant(x)).graph)
    fused = "_FusedConv2D FusedBatchNorm Add Relu"
    assert summary(after) == f"ReadVariableOp; Transpose; {fused}; {fused}; Transpose"
    last = block(block(tf.constant(x.transpose(0, 2, 3, 1)), "NHWC"), "NHWC").numpy().transpose(0, 3, 1, 2)
    np.testing.assert_allclose(first(tf.constant(x)).numpy(), last, rtol=1e-4, atol=1e-4)
