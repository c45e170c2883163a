"""Fusions: what becomes one node, what stays apart, and that the numbers agree."""

from __future__ import annotations

import numpy as np
import pytest

from headrace.dispatch.opdef import get
from headrace.ir.graph import Graph
from headrace.ir.patterns import Rule
from headrace.passes import batch_norm_folding, prune, remapper
from headrace.passes.base import Pass
from headrace.passes.pipeline import Report, optimize
from tests.passes.expressions import build, evaluate, samples

MATRICES = "x: float32[?, 3]; w: float32[3, 4]; b: float32[4]"
IMAGES = "x: float32[?, 5, 5, 3]; w: float32[2, 2, 3, 4]; b: float32[4]; s: float32[4]; m: float32[4]; v: float32[4]"
CONV = "Conv2D(x, w, strides=[1, 2, 1, 1], padding='SAME')"
NORM = "FusedBatchNormV3({}, s, b, m, v, is_training=False, epsilon=0.01)"

FUSED = [
    (MATRICES, "BiasAdd(MatMul(x, w), b)", "_FusedMatMul BiasAdd"),
    (MATRICES, "AddV2(b, MatMul(x, w))", "_FusedMatMul BiasAdd"),
    (MATRICES, "Relu(BiasAdd(MatMul(x, w), b))", "_FusedMatMul BiasAdd Relu"),
    (
        "x: float32[3, ?]; w: float32[4, 3]; b: float32[4]",
        "Relu(BiasAdd(MatMul(x, w, transpose_a=True, transpose_b=True), b))",
        "_FusedMatMul BiasAdd Relu",
    ),
    (IMAGES, f"BiasAdd({CONV}, b)", "_FusedConv2D BiasAdd"),
    *((IMAGES, f"{op}(BiasAdd({CONV}, b))", f"_FusedConv2D BiasAdd {op}") for op in ("Relu", "Relu6", "Elu", "Tanh", "Sigmoid")),
    (IMAGES, f"LeakyRelu(BiasAdd({CONV}, b), alpha=0.3)", "_FusedConv2D BiasAdd LeakyRelu"),
    (IMAGES, NORM.format(CONV), "_FusedConv2D FusedBatchNorm"),
    (IMAGES, f"Relu({NORM.format(CONV)})", "_FusedConv2D FusedBatchNorm Relu"),
    (IMAGES, f"Relu(Relu6(BiasAdd({CONV}, b)))", "_FusedConv2D BiasAdd Relu6; Relu"),
]

COLUMNS = "x: float32[?, 2, 3]; w: float32[3, 4]; b: float32[4]"
FLAT = "Reshape(MatMul(Reshape(x, int32([-1, 3])), w), int32([-1, 2, 4]))"
EXACT = [
    "Mul(Mul(float32(0.5), (y := {})), AddV2(float32(1), Erf(Mul(y, float32(0.70710677)))))",
    "Mul(Mul((y := {}), float32(0.5)), AddV2(Erf(RealDiv(y, float32(1.4142135))), float32(1)))",
    "Mul((y := {}), Mul(AddV2(float32(1), Erf(Mul(y, float32(0.70710677)))), float32(0.5)))",
    "Mul(float32(0.5), Mul((y := {}), AddV2(float32(1), Erf(Mul(y, float32(0.70710677))))))",
    "Mul(Mul(float32(0.5), (y := {})), Erfc(Mul(Neg(y), float32(0.70710677))))",
    "Mul(Mul(float32(0.5), (y := {})), Erfc(Mul(float32(-0.70710677), y)))",
]
TANH = "Mul(Mul(float32(0.5), (y := {})), AddV2(float32(1), Tanh(Mul(float32(0.7978846), AddV2(y, %s)))))"
APPROXIMATE = [
    TANH % cube
    for cube in (
        "Mul(float32(0.044715), Pow(y, float32(3)))",
        "Mul(Mul(Mul(float32(0.044715), y), y), y)",
        "Mul(float32(0.044715), Mul(y, Mul(y, y)))",
        "Mul(float32(0.044715), Mul(Square(y), y))",
    )
]
FUSED += [
    (f"{IMAGES}; r: float32[?, 3, 5, 4]", f"AddV2(BiasAdd({CONV}, b), r)", "_FusedConv2D BiasAdd Add"),
    (f"{IMAGES}; r: float32[?, 3, 5, 4]", f"Relu(AddV2(r, {NORM.format(CONV)}))", "_FusedConv2D FusedBatchNorm Add Relu"),
    (COLUMNS, f"AddV2({FLAT}, b)", "Reshape; _FusedMatMul BiasAdd; Reshape"),
    (COLUMNS, f"Relu(BiasAdd({FLAT}, b))", "Reshape; _FusedMatMul BiasAdd Relu; Reshape"),
    *((MATRICES, form.format("BiasAdd(MatMul(x, w), b)"), "_FusedMatMul BiasAdd GeluExact") for form in EXACT),
    *((MATRICES, form.format("BiasAdd(MatMul(x, w), b)"), "_FusedMatMul BiasAdd GeluApproximate") for form in APPROXIMATE),
    (COLUMNS, EXACT[0].format(f"AddV2({FLAT}, b)"), "Reshape; _FusedMatMul BiasAdd GeluExact; Reshape"),
    (COLUMNS, APPROXIMATE[1].format(f"AddV2({FLAT}, b)"), "Reshape; _FusedMatMul BiasAdd GeluApproximate; Reshape"),
]

APART = [
    (MATRICES, EXACT[0].format("BiasAdd(MatMul(x, w), b)") + ", y", "_FusedMatMul BiasAdd; Mul; Mul; Erf; AddV2; Mul"),
    (
        MATRICES,
        EXACT[0].format("BiasAdd(MatMul(x, w), b)").replace("0.70710677", "0.7"),
        "_FusedMatMul BiasAdd; Mul; Mul; Erf; AddV2; Mul",
    ),
    (
        COLUMNS,
        "AddV2(Reshape(MatMul(Reshape(x, int32([-1, 3])), w), int32([-1, 2])), float32([1, 2]))",
        "Reshape; MatMul; Reshape; AddV2",
    ),
    (f"{IMAGES}; r: float32[3, 5, 4]", f"AddV2(BiasAdd({CONV}, b), r)", "_FusedConv2D BiasAdd; AddV2"),
    (
        f"{IMAGES}; r: float32[?, 3, 5, 4]",
        f"AddV2(Relu(BiasAdd({CONV}, b)), r)",
        "_FusedConv2D BiasAdd Relu; AddV2",
    ),
    (MATRICES, "BiasAdd(p := MatMul(x, w), b), p", "MatMul; BiasAdd"),
    (MATRICES, "Relu(y := BiasAdd(MatMul(x, w), b)), y", "_FusedMatMul BiasAdd; Relu"),
    ("x: float32[?, 3]; w: float32[3, 3]; b: float32[?]", "AddV2(MatMul(x, w), b)", "MatMul; AddV2"),
    ("x: float32[1, 3]; w: float32[3, 4]; b: float32[4, 4]", "AddV2(MatMul(x, w), b)", "MatMul; AddV2"),
    (IMAGES, f"(n := {NORM.format(CONV)})[1], n", "Conv2D; FusedBatchNormV3"),
    (IMAGES, f"FusedBatchNormV3({CONV}, s, b, m, v, is_training=True)", "Conv2D; FusedBatchNormV3"),
]

OTHERS = "float32([0, 1, -1, 2]), float32([1, -1, 0.5, 2]), float32([1, 0.25, 4, 2])"
PARAMETERS = f"float32([1, 2, 0.5, 3]), {OTHERS}"
WEIGHTS = f"float32({np.arange(48, dtype=np.float32).reshape(2, 2, 3, 4).tolist()})"
DEPTHWISE = f"float32({np.arange(16, dtype=np.float32).reshape(2, 2, 2, 2).tolist()})"
CONST_CONV = f"Conv2D(x, {WEIGHTS}, strides=[1, 1, 1, 1], padding='VALID')"
DEPTHWISE_CONV = f"DepthwiseConv2dNative(x, {DEPTHWISE}, strides=[1, 1, 1, 1], padding='SAME')"
BIASED = f"BiasAdd({CONST_CONV}, float32([1, 2, 3, 4]))"

FOLDED = [
    ("x: float32[?, 5, 5, 3]", f"FusedBatchNormV3({CONST_CONV}, {PARAMETERS}, is_training=False)", "Conv2D; BiasAdd"),
    ("x: float32[?, 5, 5, 3]", f"FusedBatchNormV3({BIASED}, {PARAMETERS}, is_training=False)", "Conv2D; BiasAdd"),
    (
        "x: float32[?, 5, 5, 2]",
        f"FusedBatchNormV3({DEPTHWISE_CONV}, {PARAMETERS}, is_training=False)",
        "DepthwiseConv2dNative; BiasAdd",
    ),
    ("x: float32[?, 5, 5, 4]", f"FusedBatchNormV3(x, {PARAMETERS}, is_training=False)", "Mul; AddV2"),
    ("x: float32[?, 4, 2, 2]", f"FusedBatchNormV3(x, {PARAMETERS}, is_training=False, data_format='NCHW')", "Mul; AddV2"),
    ("x: float32[2, 2, 2, 4]", f"FusedBatchNormV3(x, {PARAMETERS}, is_training=True)", "FusedBatchNormV3"),
    ("x: float32[2, 2, 2, 4]; s: float32[4]", f"FusedBatchNormV3(x, s, {OTHERS}, is_training=False)", "FusedBatchNormV3"),
]


def summary(graph: Graph) -> str:
    """The ops in order, with what is fused into them."""
    return "; ".join(" ".join([n.op, *n.attrs.get("fused_ops", ())]) for n in graph.nodes if n.op != "Const")


def check_numbers(before: Graph, after: Graph) -> None:
    arrays = [np.abs(a) if value.name == "v" else a for value, a in zip(before.inputs, samples(before, special=False), strict=True)]
    for first, second in zip(evaluate(before, arrays), evaluate(after, arrays), strict=True):
        np.testing.assert_allclose(second, first, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize(("inputs", "before", "after"), [*FUSED, *APART])
def test_remapper(inputs: str, before: str, after: str) -> None:
    graph = build(inputs, before)
    fused = optimize(graph, passes=[remapper.PASS._replace(requires=())])
    assert summary(fused) == after
    check_numbers(graph, fused)


@pytest.mark.parametrize(("inputs", "before", "after"), FOLDED)
def test_batch_norm_folding(inputs: str, before: str, after: str) -> None:
    graph = build(inputs, before)
    folded = optimize(graph, passes=[batch_norm_folding.PASS, prune.PASS])
    assert summary(folded) == after
    check_numbers(graph, folded)


def test_the_whole_pipeline_folds_then_fuses() -> None:
    graph = build("x: float32[?, 5, 5, 3]", f"Relu(FusedBatchNormV3({BIASED}, {PARAMETERS}, is_training=False))")
    after = optimize(graph)
    assert summary(after) == "_FusedConv2D BiasAdd Relu"
    check_numbers(graph, after)


@pytest.mark.parametrize(
    ("step", "rules", "cases"),
    [(remapper.PASS, remapper.RULES, FUSED), (batch_norm_folding.PASS, batch_norm_folding.RULES, FOLDED)],
)
def test_every_rule_fires_in_some_case(step: Pass, rules: tuple[Rule, ...], cases: list[tuple[str, str, str]]) -> None:
    report = Report()
    for inputs, before, _ in cases:
        optimize(build(inputs, before), passes=[step._replace(requires=())], report=report)
    assert set(report.statistics[step.name]) == {rule.name for rule in rules}


def test_fused_nodes_have_what_their_ops_declare() -> None:
    graph = optimize(build(MATRICES, "Relu(BiasAdd(MatMul(x, w), b))"))
    (node,) = graph.nodes
    assert set(node.attrs) == set(get("_FusedMatMul").attrs)
