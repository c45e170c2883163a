"""Before and After of every rule of the arithmetic, dependency, shape and debugging passes."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
import pytest

from headrace.ir.graph import Graph
from headrace.ir.patterns import Rule
from headrace.passes import arithmetic, constant_folding, debug_stripper, dependency, shape_materialization
from headrace.passes.base import Pass
from headrace.passes.pipeline import optimize
from tests.passes.expressions import build, evaluate, samples, show

F = "x: float32[2, ?]; y: float32[2, ?]"
I = "x: int32[2, ?]; y: int32[2, ?]; z: int32[2, ?]"  # noqa: E741


class Case(NamedTuple):
    rule: str
    inputs: str
    before: str
    after: str


NEUTRAL = [
    Case("add_zero", F, "AddV2(x, float32(-0.0))", "x"),
    Case("add_zero", F, "Add(float32([[-0.0]]), x)", "x"),
    Case("add_zero", I, "AddV2(int32(0), x)", "x"),
    Case("add_zero", "x: complex64[2]", "AddV2(x, complex64(0))", "AddV2(x, complex64(0j))"),
    Case("add_zero", F, "AddV2(x, float32(0.0))", "AddV2(x, float32(0.0))"),
    Case("add_zero", "x: int32[?]", "AddV2(x, int32([0, 0, 0]))", "AddV2(x, int32([0, 0, 0]))"),
    Case("add_zero", "x: int32[2]", "AddV2(x, int32([0, 0]))", "x"),
    Case("add_zero", "x: int32[2]", "AddV2(x, int32([[0, 0]]))", "AddV2(x, int32([[0, 0]]))"),
    Case("add_zero", "x: int32[*]", "AddV2(x, int32(0))", "x"),
    Case("subtract_zero", F, "Sub(x, float32(0.0))", "x"),
    Case("subtract_zero", F, "Sub(x, float32(-0.0))", "Sub(x, float32(-0.0))"),
    Case("subtract_zero", F, "Sub(float32(0.0), x)", "Sub(float32(0.0), x)"),
    Case("multiply_one", F, "Mul(float32(1.0), x)", "x"),
    Case("multiply_one", "x: bfloat16[2]", "Mul(x, bfloat16(1.0))", "x"),
    Case("multiply_one", "x: complex64[2]", "Mul(x, complex64(1))", "Mul(x, complex64((1+0j)))"),
    Case("divide_one", F, "RealDiv(x, float32(1.0))", "x"),
    Case("divide_one", I, "TruncateDiv(x, int32(1))", "x"),
    Case("floor_divide_one", I, "FloorDiv(x, int32(1))", "x"),
    Case("floor_divide_one", F, "FloorDiv(x, float32(1.0))", "FloorDiv(x, float32(1.0))"),
    Case("power_one", F, "Pow(x, float32(1.0))", "x"),
    Case("multiply_zero", "x: int32[2]", "Mul(x, int32(0))", "int32([0, 0])"),
    Case("multiply_zero", I, "Mul(x, int32(0))", "Mul(x, int32(0))"),
    Case("multiply_zero", "x: float32[2]", "Mul(x, float32(0.0))", "Mul(x, float32(0.0))"),
    Case("subtract_self", "x: int32[2]", "Sub(x, x)", "int32([0, 0])"),
    Case("subtract_self", "x: float32[2]", "Sub(x, x)", "Sub(x, x)"),
    Case("and_true", "x: bool[?]", "LogicalAnd(x, bool(True))", "x"),
    Case("or_false", "x: bool[?]", "LogicalOr(bool(False), x)", "x"),
    Case("and_false", "x: bool[2]", "LogicalAnd(x, bool(False))", "bool([False, False])"),
    Case("or_true", "x: bool[2]", "LogicalOr(x, bool(True))", "bool([True, True])"),
    Case("select_true", F, "SelectV2(bool(True), x, y)", "SelectV2(bool(True), x, y)"),
    Case("select_true", "x: float32[2]; y: float32[2]", "SelectV2(bool(True), x, y)", "x"),
    Case("select_false", "x: float32[]; y: float32[2]", "SelectV2(bool(False), x, y)", "y"),
    Case("select_false", "x: float32[2]; y: float32[]", "SelectV2(bool(False), x, y)", "SelectV2(bool(False), x, y)"),
]

SIGNS = [
    Case("negate_twice", F, "Neg(Neg(x))", "x"),
    Case("add_negated", F, "AddV2(x, Neg(y))", "Sub(x, y)"),
    Case("add_negated", F, "AddV2(Neg(x), y)", "Sub(y, x)"),
    Case("subtract_negated", F, "Sub(x, Neg(y))", "AddV2(x, y)"),
    Case("multiply_negated", F, "Mul(Neg(x), Neg(y))", "Mul(x, y)"),
    Case("divide_negated", F, "RealDiv(Neg(x), Neg(y))", "RealDiv(x, y)"),
    Case("negate_difference", I, "Neg(Sub(x, y))", "Sub(y, x)"),
    Case("negate_difference", F, "Neg(Sub(x, y))", "Neg(Sub(x, y))"),
    Case("absolute_negated", F, "Abs(Neg(x))", "Abs(x)"),
    Case("square_negated", F, "Square(Neg(x))", "Square(x)"),
    Case("square_absolute", F, "Square(Abs(x))", "Square(x)"),
]

POWERS = [
    Case("power_two", F, "Pow(x, float32(2.0))", "Square(x)"),
    Case("power_two", I, "Pow(x, int32(2))", "Square(x)"),
    Case("power_minus_one", F, "Pow(x, float32(-1.0))", "RealDiv(float32(1.0), x)"),
    Case("power_two", F, "Pow(x, float32(0.5))", "Pow(x, float32(0.5))"),
    Case("reciprocal_root", F, "Reciprocal(Sqrt(x))", "Rsqrt(x)"),
    Case("divide_by_root", F, "RealDiv(x, Sqrt(y))", "Mul(x, Rsqrt(y))"),
    Case("divide_by_root", F, "RealDiv(x, s := Sqrt(y)), s", "RealDiv(x, Sqrt(y)), Sqrt(y)"),
    Case("divide_by_power_of_two", F, "RealDiv(x, float32(4.0))", "Mul(x, float32(0.25))"),
    Case("divide_by_power_of_two", F, "RealDiv(x, float32(3.0))", "RealDiv(x, float32(3.0))"),
    Case("divide_by_power_of_two", "x: float16[2]", "RealDiv(x, float16([-8.0, 0.5]))", "Mul(x, float16([-0.125, 2.0]))"),
]

SAME = [
    *(Case("same_operands", F, f"{op}(x, x)", "x") for op in ("Maximum", "Minimum")),
    *(Case("same_operands", I, f"{op}(x, x)", "x") for op in ("BitwiseAnd", "BitwiseOr")),
    Case("same_operands", F, "Maximum(x, y)", "Maximum(x, y)"),
    Case("not_twice", "x: bool[?]", "LogicalNot(LogicalNot(x))", "x"),
    Case("invert_twice", I, "Invert(Invert(x))", "x"),
    Case("conjugate_twice", "x: complex64[?]", "Conj(Conj(x))", "x"),
    Case("not_equal", F, "LogicalNot(Equal(x, y))", "NotEqual(x, y)"),
    Case("not_equal", F, "LogicalNot(NotEqual(x, y))", "Equal(x, y)"),
    Case("not_less", I, "LogicalNot(Less(x, y))", "GreaterEqual(x, y)"),
    Case("not_less", I, "LogicalNot(LessEqual(x, y))", "Greater(x, y)"),
    Case("not_less", F, "LogicalNot(Less(x, y))", "LogicalNot(Less(x, y))"),
    *(Case(f"{op.lower()}_twice", F, f"{op}({op}(x))", f"{op}(x)") for op in ("Abs", "Ceil", "Floor", "Rint", "Round", "Sign")),
    Case("relu_twice", F, "Relu(Relu(x))", "Relu(x)"),
    Case("relu6_twice", F, "Relu6(Relu6(x))", "Relu6(x)"),
]

WHOLE = [
    Case("add_constants", I, "AddV2(AddV2(x, int32(3)), int32(4))", "AddV2(x, int32(7))"),
    Case("add_constants", F, "AddV2(AddV2(x, float32(3)), float32(4))", "AddV2(AddV2(x, float32(3.0)), float32(4.0))"),
    Case("multiply_constants", I, "Mul(int32(4), Mul(x, int32(3)))", "Mul(x, int32(12))"),
    Case("common_factor", I, "AddV2(Mul(x, z), Mul(z, y))", "Mul(AddV2(x, y), z)"),
    Case("common_factor", "x: float32[]; y: float32[]", "AddV2(Mul(x, y), Mul(y, y))", "AddV2(Mul(x, y), Mul(y, y))"),
]

MOVES = [
    Case("transpose_nothing", F, "Transpose(x, int32([0, 1]))", "x"),
    Case(
        "transpose_twice",
        "x: int8[2, 3, 4]",
        "Transpose(Transpose(x, int32([1, 2, 0])), int32([1, 0, 2]))",
        "Transpose(x, int32([2, 1, 0]))",
    ),
    Case("transpose_twice", F, "Transpose(Transpose(x, int32([1, 0])), int32([1, 0]))", "x"),
    Case("transpose_a_in_product", F, "MatMul(Transpose(x, int32([1, 0])), y)", "MatMul(x, y, transpose_a=True)"),
    Case(
        "transpose_b_in_product",
        "x: float32[2, 3]; y: float32[3, 2]",
        "MatMul(x, Transpose(y, int32([-1, 0])), transpose_b=True)",
        "MatMul(x, y)",
    ),
    Case("transpose_b_in_product", F, "MatMul(x, Transpose(y, int32([1, 0])))", "MatMul(x, y, transpose_b=True)"),
    Case(
        "transpose_a_in_product",
        "x: complex64[2, 2]; y: complex64[2, 2]",
        "MatMul(Transpose(x, int32([1, 0])), y)",
        "MatMul(Transpose(x, int32([1, 0])), y)",
    ),
    Case(
        "adj_x_in_product",
        "x: float32[4, 2, 3]; y: float32[4, 2, 3]",
        "BatchMatMulV2(Transpose(x, int32([0, 2, 1])), y)",
        "BatchMatMulV2(x, y, adj_x=True)",
    ),
    Case(
        "adj_y_in_product",
        "x: float32[4, 2, 3]; y: float32[4, 2, 3]",
        "BatchMatMulV2(x, Transpose(y, int32([0, 2, 1])))",
        "BatchMatMulV2(x, y, adj_y=True)",
    ),
    Case(
        "adj_y_in_product",
        "x: float32[4, 2, 3]; y: float32[3, 2, 4]",
        "BatchMatMulV2(x, Transpose(y, int32([2, 0, 1])))",
        "BatchMatMulV2(x, Transpose(y, int32([2, 0, 1])))",
    ),
    Case("reshape_to_same", F, "Reshape(x, int32([2, -1]))", "x"),
    Case("reshape_to_same", "x: int32[?, ?]", "Reshape(x, int32([-1, 3]))", "Reshape(x, int32([-1, 3]))"),
    Case("reshape_to_same", "x: int32[?, 0]", "Reshape(x, int32([5, 0]))", "Reshape(x, int32([5, 0]))"),
    Case("reshape_to_own", "x: int32[?, ?]", "Reshape(x, Shape(x))", "x"),
    Case("reshape_twice", "x: int32[4, ?]", "Reshape(Reshape(x, int32([2, 2, -1])), int32([-1]))", "Reshape(x, int32([-1]))"),
    Case("reshape_twice", "x: int32[4, ?]", "Reshape(ExpandDims(x, int32(0)), int32([-1]))", "Reshape(x, int32([-1]))"),
    Case("reshape_squeezed", "x: int32[4, 1, ?]", "Reshape(Squeeze(x, squeeze_dims=[1]), int32([-1]))", "Reshape(x, int32([-1]))"),
    Case("squeeze_expanded", "x: int32[4, ?]", "Squeeze(ExpandDims(x, int32(-1)), squeeze_dims=[2])", "x"),
    Case(
        "squeeze_expanded",
        "x: int32[1, 3]",
        "Squeeze(ExpandDims(x, int32(1)), squeeze_dims=[0])",
        "Squeeze(ExpandDims(x, int32(1)), squeeze_dims=[0])",
    ),
    Case("broadcast_to_same", "x: int32[2, 3]", "BroadcastTo(x, int32([2, 3]))", "x"),
    Case("broadcast_to_same", "x: int32[1, 3]", "BroadcastTo(x, int32([2, 3]))", "BroadcastTo(x, int32([2, 3]))"),
    Case("tile_once", F, "Tile(x, int32([1, 1]))", "x"),
    Case("pad_nothing", F, "Pad(x, int32([[0, 0], [0, 0]]))", "x"),
    Case("pad_nothing_with", F, "PadV2(x, int32([[0, 0], [0, 0]]), float32(1))", "x"),
    Case("slice_all", F, "Slice(x, int32([0, 0]), int32([2, -1]))", "x"),
    Case("slice_all", F, "Slice(x, int32([0, 0]), int32([1, -1]))", "Slice(x, int32([0, 0]), int32([1, -1]))"),
    Case("strided_slice_all", F, "StridedSlice(x, int32([0]), int32([0]), int32([1]), begin_mask=1, end_mask=1)", "x"),
    Case(
        "strided_slice_all",
        F,
        "StridedSlice(x, int32([0]), int32([0]), int32([-1]), begin_mask=1, end_mask=1)",
        "StridedSlice(x, int32([0]), int32([0]), int32([-1]), begin_mask=1, end_mask=1)",
    ),
    Case("concat_one", F, "ConcatV2([x], int32(0))", "x"),
    Case("split_into_one", F, "Split(int32(0), x, num_split=1)", "x"),
    Case("unpack_packed", F, "(u := Unpack(Pack([x, y], axis=1), num=2, axis=1))[1], u", "y, x"),
    Case("unpack_packed", "x: int32[2]; y: int32[2]", "Unpack(Pack([x, y], axis=1), num=2)", "Unpack(Pack([x, y], axis=1), num=2)"),
    Case("add_one", F, "AddN([x])", "x"),
    Case("add_two", F, "AddN([x, y])", "AddV2(x, y)"),
    Case("reverse_nothing", F, "ReverseV2(x, int32([]))", "x"),
    Case("reverse_twice", F, "ReverseV2(ReverseV2(x, a := int32([0])), a)", "x"),
    Case("reduce_nothing", F, "Max(x, int32([]))", "x"),
    Case("reduce_one", "x: float32[?, 1]", "Min(x, int32([1]), keep_dims=True)", "x"),
    Case("reduce_one", "x: float32[?, 1]", "Min(x, int32([0]), keep_dims=True)", "Min(x, int32([0]), keep_dims=True)"),
    Case("reduce_one", "x: float32[?, 1]", "Sum(x, int32([1]), keep_dims=True)", "Sum(x, int32([1]), keep_dims=True)"),
    Case("cast_to_same", F, "Cast(x, DstT=float32)", "x"),
    Case("cast_back", I, "Cast(Cast(x, DstT=float64), DstT=int32)", "x"),
    Case("cast_back", I, "Cast(Cast(x, DstT=float32), DstT=int32)", "Cast(Cast(x, DstT=float32), DstT=int32)"),
    Case("cast_back", "x: bool[2]", "Cast(Cast(x, DstT=float16), DstT=bool)", "x"),
    Case("cast_through", "x: int8[2]", "Cast(Cast(x, DstT=int32), DstT=float32)", "Cast(x, DstT=float32)"),
    Case("cast_through", "x: int8[2]", "Cast(Cast(x, DstT=int32), DstT=uint8)", "Cast(x, DstT=uint8)"),
    Case("cast_through", F, "Cast(Cast(x, DstT=float64), DstT=int32)", "Cast(Cast(x, DstT=float64), DstT=int32)"),
]

DEPENDENCY = [
    Case("identity", F, "Neg(Identity(StopGradient(x)))", "Neg(x)"),
    Case("identity_n", F, "(n := IdentityN([x, y]))[1], n", "y, x"),
    Case("ensure_shape", F, "EnsureShape(x, shape=[None, None])", "x"),
    Case("ensure_shape", F, "EnsureShape(x, shape=[2, 3])", "EnsureShape(x, shape=[2, 3])"),
]

SHAPES = [
    Case("shape", "x: int8[2, 3]", "Shape(x)", "int32([2, 3])"),
    Case("shape", "x: int8[2, 3]; y: int8[0]", "(s := ShapeN([x, x]))[1], s", "int32([2, 3]), int32([2, 3])"),
    Case("shape", F, "Shape(x)", "Shape(x)"),
    Case("variable_shape", "v: resource[]<float32[2, 3]>", "VariableShape(v, out_type=int64)", "int64([2, 3])"),
    Case("variable_shape", "v: resource[]<float32[2, ?]>", "VariableShape(v)", "VariableShape(v)"),
    Case("rank", F, "Rank(x)", "int32(2)"),
    Case("rank", "x: int8[*]", "Rank(x)", "Rank(x)"),
    Case("size", "x: int8[2, 3]", "Size(x, out_type=int64)", "int64(6)"),
    Case("size", F, "Size(x)", "Size(x)"),
    Case("dimension", F, "StridedSlice(Shape(x), int32([0]), int32([1]), int32([1]), shrink_axis_mask=1)", "int32(2)"),
    Case(
        "dimension",
        F,
        "StridedSlice(Shape(x), int32([-1]), int32([9]), int32([1]))",
        "StridedSlice(Shape(x), int32([-1]), int32([9]), int32([1]))",
    ),
    Case(
        "dimension",
        "x: int8[?, 3, 4]",
        "Slice(Reshape(Shape(x, out_type=int64), int32([3, 1])), int32([1, 0]), int32([2, 1]))",
        "int64([[3], [4]])",
    ),
    Case("filled_like", "x: bfloat16[2]", "OnesLike(x)", "bfloat16([1.0, 1.0])"),
    Case("filled_like", F, "ZerosLike(x)", "ZerosLike(x)"),
]

DEBUG = [Case("check_numerics", I, "CheckNumerics(Cast(x, DstT=float32), message='m')", "Cast(x, DstT=float32)")]

TABLES: list[tuple[Pass, tuple[Rule, ...], list[Case]]] = [
    (arithmetic.PASS, arithmetic.RULES, [*NEUTRAL, *SIGNS, *POWERS, *SAME, *WHOLE, *MOVES]),
    (dependency.PASS, dependency.RULES, DEPENDENCY),
    (shape_materialization.PASS, shape_materialization.RULES, SHAPES),
    (debug_stripper.PASS, debug_stripper.RULES, DEBUG),
]

ALL = [(step, case) for step, _, cases in TABLES for case in cases]
FOLDED = {"add_constants", "multiply_constants"}
ROUNDED = {
    "power_two",
    "power_minus_one",
    "reciprocal_root",
    "divide_by_root",
    "transpose_a_in_product",
    "transpose_b_in_product",
    "adj_x_in_product",
    "adj_y_in_product",
}


def _ids(item: Any) -> str:
    return item.before[:60] if isinstance(item, Case) else item.name


@pytest.mark.parametrize(("step", "case"), ALL, ids=_ids)
def test_before_and_after(step: Pass, case: Case) -> None:
    graph = build(case.inputs, case.before)
    steps = [step._replace(option="constant_folding", requires=())]
    after = optimize(graph, passes=[*steps, constant_folding.PASS] if case.rule in FOLDED else steps)
    assert show(after) == case.after
    check_equal(graph, after, rounded=case.rule in ROUNDED)


def check_equal(before: Graph, after: Graph, *, rounded: bool) -> None:
    """Bit for bit (any NaN for any NaN), or within four units in the last place; on the host and on the device."""
    arrays = samples(before, special=not any("MatMul" in node.op for node in before.nodes))
    for given in (arrays, [jnp.asarray(a) if isinstance(a, np.ndarray) else a for a in arrays]):
        compare(before, after, given, rounded=rounded)


def compare(before: Graph, after: Graph, arrays: list[Any], *, rounded: bool) -> None:
    for first, second in zip(evaluate(before, arrays), evaluate(after, arrays), strict=True):
        assert first.dtype == second.dtype
        assert first.shape == second.shape
        if rounded and first.dtype.kind == "f":
            np.testing.assert_allclose(second, first, rtol=4 * np.finfo(first.dtype).eps, atol=0)
            np.testing.assert_array_equal(np.signbit(first) | np.isnan(first), np.signbit(second) | np.isnan(second))
        elif first.dtype.kind in "fV":
            wide, other = first.astype(np.float64), second.astype(np.float64)
            np.testing.assert_array_equal(wide, other)
            np.testing.assert_array_equal(np.signbit(wide) | np.isnan(wide), np.signbit(other) | np.isnan(other))
        else:
            np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(
    ("rules", "cases"), [(rules, cases) for _, rules, cases in TABLES], ids=[step.name for step, _, _ in TABLES]
)
def test_every_rule_fires_in_some_case(rules: tuple[Rule, ...], cases: list[Case]) -> None:
    assert len({rule.name for rule in rules}) == len(rules)
    fired = {case.rule for case in cases if case.before != case.after}
    assert fired == {rule.name for rule in rules}
