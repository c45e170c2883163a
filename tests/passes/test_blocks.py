"""Layer normalization and attention, in the forms in which programs write them, become one node each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import pytest

import headrace as tf
from headrace.core.errors import InvalidArgumentError
from headrace.ir.patterns import Rule
from headrace.ops.nn.attention import takes_flash
from headrace.passes import attention, common_subexpressions, layer_norm
from headrace.passes.base import Pass
from headrace.passes.pipeline import Report, optimize
from tests.passes.expressions import build
from tests.passes.test_remapper import check_numbers, summary

ROWS = "x: float32[?, 5, 4]; s: float32[4]; o: float32[4]"
MEAN = "(m := Mean(x, int32([-1]), keep_dims=True))"
VARIANCE = "Mean(SquaredDifference(x, m), int32([-1]), keep_dims=True)"
INVERSE = f"Rsqrt(AddV2({VARIANCE}, float32(0.001)))"
CENTERED = f"(c := Sub(x, {MEAN}))"

NORMALIZED = [
    (ROWS, f"Mul({CENTERED}, {INVERSE})", 0),
    (ROWS, f"Mul({CENTERED}, {INVERSE.replace(VARIANCE, 'Mean(Square(c), int32([-1]), keep_dims=True)')})", 0),
    (ROWS, f"RealDiv({CENTERED}, Sqrt(AddV2(float32(1e-6), {VARIANCE})))", 0),
    (ROWS, f"AddV2(Mul(Mul({CENTERED}, {INVERSE}), s), o)", 2),
    (ROWS, f"AddV2(Mul({CENTERED}, Mul({INVERSE}, s)), o)", 2),
    (ROWS, f"AddV2(Mul(x, (k := Mul({INVERSE.replace('m)', MEAN + ')')}, s))), Sub(o, Mul(m, k)))", 2),
    (ROWS, f"AddV2(Mul(x, (k := Mul({INVERSE.replace('m)', MEAN + ')')}, s))), AddV2(Mul(Neg(m), k), o))", 2),
    (ROWS, f"AddV2(Mul(x, (k := {INVERSE.replace('m)', MEAN + ')')})), Sub(o, Mul(m, k)))", 1),
    (ROWS, f"Sub(Mul(x, (k := {INVERSE.replace('m)', MEAN + ')')})), Mul(m, k))", 0),
    (
        "x: float32[?, 5, 4]; s: float32[5, 4]; o: float32[1, 5, 4]",
        f"AddV2(Mul(Mul({CENTERED}, {INVERSE}), s), o)".replace("[-1]", "[1, 2]"),
        2,
    ),
    (
        ROWS,
        "AddV2(Mul(Reshape(FusedBatchNormV3(Reshape(x, int32([1, -1, 4, 1])), Fill((n := ExpandDims(FloorDiv(Size(x), int32(4)),"
        " int32(0))), float32(1)), Fill(n, float32(0)), float32([]), float32([]), epsilon=0.01, data_format='NCHW'), Shape(x)),"
        " s), o)",
        2,
    ),
    (
        "x: float32[2, 3, 4]",
        "Reshape(FusedBatchNormV3(Reshape(x, int32([1, 6, 4, 1])), float32([1, 1, 1, 1, 1, 1]), float32([0, 0, 0, 0, 0, 0]),"
        " float32([]), float32([]), data_format='NCHW'), int32([2, 3, 4]))",
        0,
    ),
]
"""Inputs, an expression, and how many of scale and offset the fused node has."""

NOT_NORMALIZED = [
    (ROWS, f"Mul({CENTERED}, {INVERSE}), m"),
    (ROWS, f"Mul({CENTERED}, {INVERSE})".replace("int32([-1]), keep_dims=True), float32", "int32([1]), keep_dims=True), float32")),
    ("x: float32[4, 4]; s: float32[4]", f"Mul({CENTERED}, {INVERSE})".replace("keep_dims=True", "keep_dims=False")),
    (
        "x: float32[2, 3, 4]",
        "Reshape(FusedBatchNormV3(Reshape(x, int32([1, 3, 8, 1])), float32([1, 1, 1]), float32([0, 0, 0]), float32([]),"
        " float32([]), data_format='NCHW'), int32([2, 3, 4]))",
    ),
]

QKV = "q: float32[?, 2, 3, 8]; k: float32[?, 2, 5, 8]; v: float32[?, 2, 5, 8]; b: float32[?, 1, 3, 5]; m: bool[?, 1, 1, 5]"
MIXED = "q: float32[?, 3, 2, 8]; k: float32[?, 5, 2, 8]; v: float32[?, 5, 2, 8]; b: float32[1, 2, 3, 5]; m: bool[3, 5]"
SCORES = "BatchMatMulV2(q, k, adj_y=True)"
KERAS = "Einsum([k, q], equation='aecd,abcd->acbe')"

ATTENDING = [
    (QKV, f"BatchMatMulV2(Softmax({SCORES}), v)", "BNTH", 1.0),
    (QKV, f"BatchMatMulV2(Softmax(Mul({SCORES}, float32(0.25))), v)", "BNTH", 0.25),
    (QKV, f"BatchMatMulV2(Softmax(AddV2(b, RealDiv({SCORES}, float32(4)))), v)", "BNTH", 0.25),
    (QKV, f"BatchMatMulV2(Softmax(SelectV2(m, Mul({SCORES}, float32(0.5)), float32(-1e9))), v)", "BNTH", 0.5),
    (QKV, "Einsum([Softmax(Einsum([q, k], equation='bhqd,bhkd->bhqk')), v], equation='bhqk,bhkd->bhqd')", "BNTH", 1.0),
    ("q: float32[2, 3, 4]; k: float32[2, 5, 4]; v: float32[2, 5, 6]", f"BatchMatMul(Softmax({SCORES}), v)", "BNTH", 1.0),
    (MIXED, f"Einsum([Softmax({KERAS}), v], equation='acbe,aecd->abcd')", "BTNH", 1.0),
    (MIXED, f"Einsum([Softmax(SelectV2(m, AddV2({KERAS}, b), float32(-1e9))), v], equation='acbe,aecd->abcd')", "BTNH", 1.0),
]
"""Inputs, an expression, the layout found, the scale found."""

NOT_ATTENDING = [
    (QKV, f"BatchMatMulV2((w := Softmax({SCORES})), v), w"),
    (QKV, f"BatchMatMulV2(Softmax({SCORES}), v, adj_x=True)".replace("v, ", "q, ")),
    (QKV, "Einsum([Softmax(Einsum([q, k], equation='bhqd,bhkd->bhqk')), v], equation='bhqk,bhkd->bqhd')"),
    (QKV.replace("b: float32[?, 1", "b: float32[6, ?, 2"), f"BatchMatMulV2(Softmax(AddV2(b, {SCORES})), b)"),
    (QKV, f"BatchMatMulV2(Softmax(RealDiv({SCORES}, float32(0))), v)"),
]


@pytest.mark.parametrize(("inputs", "before", "parameters"), NORMALIZED)
def test_layer_normalization_becomes_one_node(inputs: str, before: str, parameters: int) -> None:
    graph = build(inputs, before)
    after = optimize(graph)
    assert summary(after) == "_FusedLayerNorm"
    (node,) = after.nodes
    assert len(node.inputs) == 1 + parameters
    check_numbers(graph, after)


@pytest.mark.parametrize(("inputs", "before"), NOT_NORMALIZED)
def test_what_is_read_elsewhere_or_is_something_else_is_left(inputs: str, before: str) -> None:
    assert "_FusedLayerNorm" not in summary(optimize(build(inputs, before)))


@pytest.mark.parametrize(("inputs", "before", "layout", "scale"), ATTENDING)
def test_attention_becomes_one_node(inputs: str, before: str, layout: str, scale: float) -> None:
    graph = build(inputs, before)
    after = optimize(graph)
    assert summary(after) == "_FusedAttention"
    node = after.outputs[0].node
    assert node is not None
    assert (node.attrs["layout"], node.attrs["scale"]) == (layout, scale)
    assert [value.name for value in node.inputs[:3]] == ["q", "k", "v"]
    check_numbers(graph, after)


@pytest.mark.parametrize(("inputs", "before"), NOT_ATTENDING)
def test_other_products_of_softmax_are_left(inputs: str, before: str) -> None:
    assert "_FusedAttention" not in summary(optimize(build(inputs, before)))


@pytest.mark.parametrize(
    ("step", "rules", "cases"),
    [(layer_norm.PASS, layer_norm.RULES, NORMALIZED), (attention.PASS, attention.RULES, ATTENDING)],
)
def test_every_rule_fires_in_some_case(step: Pass, rules: tuple[Rule, ...], cases: list[tuple[Any, ...]]) -> None:
    report = Report()
    for inputs, before, *_ in cases:
        optimize(build(inputs, before), passes=[common_subexpressions.PASS, step], report=report)
    assert {name for name, count in report.statistics[step.name].items() if count} == {rule.name for rule in rules}


def test_equations_are_compared_by_the_order_of_their_letters() -> None:
    assert attention.letters_in_order("BTNH, BSNH -> BNTS") == "abcd,aecd->acbe"


def test_an_unknown_layout_is_refused() -> None:
    q = tf.zeros([1, 2, 3, 4])
    with pytest.raises(InvalidArgumentError, match="no layout 'BHTN'; expected one of BTNH, BNTH"):
        tf.raw_ops._FusedAttention(query=q, key=q, value=q, bias=[], mask=[], layout="BHTN")


LONG = ((2, 4, 512, 64), (2, 4, 512, 64), (2, 4, 512, 64))

TAKEN = [
    (LONG, "bfloat16", [(2, 1, 1, 512)], -1e9, "BNTH", True),
    (((2, 512, 4, 64),) * 3, "float16", [], -1e9, "BTNH", True),
    (LONG, "float32", [], -1e9, "BNTH", False),
    (LONG, "bfloat16", [], -10.0, "BNTH", False),
    (LONG, "bfloat16", [(3, 2, 1, 1, 512)], -1e9, "BNTH", False),
    (((2, 4, 128, 64),) * 3, "bfloat16", [], -1e9, "BNTH", False),
    (((2, 4, 512, 256),) * 3, "bfloat16", [], -1e9, "BNTH", False),
    (((2, 4, 512, 64), (1, 4, 512, 64), (1, 4, 512, 64)), "bfloat16", [], -1e9, "BNTH", False),
    (((2, 512, 64),) * 3, "bfloat16", [], -1e9, "BNTH", False),
]


@pytest.mark.parametrize(("shapes", "dtype", "extra", "fill", "layout", "taken"), TAKEN)
def test_flash_attention_is_taken_on_a_gpu_for_long_rows_of_16_bits(
    shapes: Any, dtype: str, extra: Any, fill: float, layout: str, taken: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = [jax.ShapeDtypeStruct(shape, dtype) for shape in shapes]
    others = [jax.ShapeDtypeStruct(shape, "bool") for shape in extra]
    assert not takes_flash(*given, others, fill, layout)
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert takes_flash(*given, others, fill, layout) is taken


def _norm(x: Any, scale: Any, offset: Any) -> Any:
    mean, variance = tf.nn.moments(x, [-1], keepdims=True)
    return tf.nn.batch_normalization(x, mean, variance, offset, scale, 1e-3)


def _attention(x: Any, scale: Any, offset: Any) -> Any:
    return tf.matmul(tf.nn.softmax(tf.matmul(x * scale, x + offset, transpose_b=True) / 2.0), x)


@pytest.mark.parametrize(("function", "op"), [(_norm, "_FusedLayerNorm"), (_attention, "_FusedAttention")])
def test_functions_are_differentiated_from_outside_and_inside(function: Callable[..., Any], op: str) -> None:
    random = np.random.default_rng(0)
    arguments = [tf.constant(random.normal(size=shape).astype(np.float32)) for shape in ((2, 5, 4), (4,), (4,))]
    compiled = tf.function(function)
    assert op in summary(optimize(compiled.get_concrete_function(*arguments).graph))

    def gradients(call: Callable[..., Any]) -> list[Any]:
        with tf.GradientTape() as tape:
            tape.watch(arguments)
            loss = tf.reduce_sum(tf.square(call(*arguments)))
        return [loss, *tape.gradient(loss, arguments)]

    expected = gradients(function)
    for found in (gradients(compiled), tf.function(lambda: gradients(function))()):
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-4, atol=1e-5)
