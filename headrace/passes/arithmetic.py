"""Arithmetic: rewrites that make an expression cheaper and keep its value.

Results stay the same bit for bit, or within the rounding of one operation where a rule says so; NaN, infinities and the
sign of zero are respected. So log(exp(x)), sqrt(square(x)), x * 0 and x - x are left alone for floats, which Grappler
rewrites: they overflow, or have NaN, where the shorter form does not.
"""

from __future__ import annotations

import numpy as np

from headrace.ir.graph import Graph, Value
from headrace.ir.patterns import Constant, Hole, Maker, Match, Op, Rule
from headrace.passes.base import Pass, Result, counted
from headrace.passes.conditions import (
    MINUS_ONE,
    ONE,
    TWO,
    ZERO,
    ZERO_TO_ADD,
    ZERO_TO_SUBTRACT,
    exact_reciprocal,
    false,
    floating,
    integral,
    integral_input,
    keeps,
    not_complex,
    true,
)
from headrace.passes.movement import RULES as MOVEMENT
from headrace.passes.rewrite import rewrite

ADD = "AddV2|Add"
DIVIDE = "RealDiv|Div"

MOST_ELEMENTS = 4096
"""Zeros are made a constant up to this many; larger ones would only take memory."""

X, Y, Z = Hole("x"), Hole("y"), Hole("z")
C, D = Constant("c"), Constant("d")


def _zeros(match: Match, maker: Maker) -> Value | None:
    value = match.root.outputs[0]
    count = value.shape.num_elements()
    if count is None or count > MOST_ELEMENTS:
        return None
    return maker.constant(np.zeros(value.shape.concrete(), value.dtype.np_dtype), value.dtype)


def _constant_true(match: Match, maker: Maker) -> Value | None:
    value = match.root.outputs[0]
    count = value.shape.num_elements()
    if count is None or count > MOST_ELEMENTS:
        return None
    return maker.constant(np.ones(value.shape.concrete(), np.bool_), value.dtype)


def _reciprocal(match: Match, maker: Maker) -> Value:
    array = match.array("c")
    inverse = np.asarray(1 / array.astype(np.float64)).astype(array.dtype)
    return maker.make("Mul", [match["x"], maker.constant(inverse, match["c"].dtype)], {})[0]


def _one_over(match: Match, maker: Maker) -> Value:
    dtype = match["x"].dtype
    return maker.make("RealDiv", [maker.constant(np.ones((), dtype.np_dtype), dtype), match["x"]], {})[0]


def _inverse_comparison(match: Match, maker: Maker) -> Value:
    inner = match.nodes["inner"]
    attrs = {key: value for key, value in inner.attrs.items() if key != "T"}
    return maker.make(_OPPOSITE[inner.op], inner.inputs, attrs)[0]


_OPPOSITE = {
    "Equal": "NotEqual",
    "NotEqual": "Equal",
    "Less": "GreaterEqual",
    "GreaterEqual": "Less",
    "Greater": "LessEqual",
    "LessEqual": "Greater",
}

NEUTRAL = (
    # add(x, 0) -> x; the 0 of floats is -0.0
    Rule("add_zero", Op(ADD, X, Constant("c", ZERO_TO_ADD), commutes=True), X, (keeps("x"),)),
    # sub(x, 0) -> x
    Rule("subtract_zero", Op("Sub", X, Constant("c", ZERO_TO_SUBTRACT)), X, (keeps("x"),)),
    # mul(x, 1) -> x; complex products mix the parts, so that infinities give NaN
    Rule("multiply_one", Op("Mul", X, Constant("c", ONE), commutes=True), X, (keeps("x"), not_complex)),
    # div(x, 1) -> x
    Rule("divide_one", Op(f"{DIVIDE}|DivNoNan|TruncateDiv", X, Constant("c", ONE)), X, (keeps("x"), not_complex)),
    # floor_div(x, 1) -> x of integers
    Rule("floor_divide_one", Op("FloorDiv", X, Constant("c", ONE)), X, (keeps("x"), integral)),
    # pow(x, 1) -> x
    Rule("power_one", Op("Pow", X, Constant("c", ONE)), X, (keeps("x"), not_complex)),
    # mul(x, 0) -> 0 of integers
    Rule("multiply_zero", Op("Mul", X, Constant("c", ZERO), commutes=True), _zeros, (integral,)),
    # sub(x, x) -> 0 of integers
    Rule("subtract_self", Op("Sub", X, X), _zeros, (integral,)),
    # and(x, true) -> x
    Rule("and_true", Op("LogicalAnd", X, Constant("c", true), commutes=True), X, (keeps("x"),)),
    # or(x, false) -> x
    Rule("or_false", Op("LogicalOr", X, Constant("c", false), commutes=True), X, (keeps("x"),)),
    # and(x, false) -> false
    Rule("and_false", Op("LogicalAnd", X, Constant("c", false), commutes=True), _zeros),
    # or(x, true) -> true
    Rule("or_true", Op("LogicalOr", X, Constant("c", true), commutes=True), _constant_true),
    # select(true, x, y) -> x
    Rule("select_true", Op("SelectV2|Select", Constant("c", true), X, Y), X, (keeps("x"),)),
    # select(false, x, y) -> y
    Rule("select_false", Op("SelectV2|Select", Constant("c", false), X, Y), Y, (keeps("y"),)),
)

SIGNS = (
    # neg(neg(x)) -> x
    Rule("negate_twice", Op("Neg", Op("Neg", X)), X),
    # add(x, neg(y)) -> sub(x, y)
    Rule("add_negated", Op(ADD, X, Op("Neg", Y), commutes=True), Op("Sub", X, Y)),
    # sub(x, neg(y)) -> add(x, y)
    Rule("subtract_negated", Op("Sub", X, Op("Neg", Y)), Op("AddV2", X, Y)),
    # mul(neg(x), neg(y)) -> mul(x, y)
    Rule("multiply_negated", Op("Mul", Op("Neg", X), Op("Neg", Y)), Op("Mul", X, Y), (not_complex,)),
    # div(neg(x), neg(y)) -> div(x, y); of integers the smallest one overflows
    Rule("divide_negated", Op("RealDiv", Op("Neg", X), Op("Neg", Y)), Op("RealDiv", X, Y), (floating,)),
    # neg(sub(x, y)) -> sub(y, x) of integers; of floats 0 would change its sign
    Rule("negate_difference", Op("Neg", Op("Sub", X, Y)), Op("Sub", Y, X), (integral,)),
    # abs(neg(x)) -> abs(x)
    Rule("absolute_negated", Op("Abs", Op("Neg", X)), Op("Abs", X)),
    # square(neg(x)) -> square(x)
    Rule("square_negated", Op("Square", Op("Neg", X)), Op("Square", X), (not_complex,)),
    # square(abs(x)) -> square(x)
    Rule("square_absolute", Op("Square", Op("Abs", X)), Op("Square", X)),
)

POWERS = (
    # pow(x, 2) -> square(x); rounds once, pow may be off by one more unit
    Rule("power_two", Op("Pow", X, Constant("c", TWO)), Op("Square", X), (keeps("x"), not_complex)),
    # pow(x, -1) -> 1 / x
    Rule("power_minus_one", Op("Pow", X, Constant("c", MINUS_ONE)), _one_over, (keeps("x"), floating)),
    # reciprocal(sqrt(x)) -> rsqrt(x); rounds once less
    Rule("reciprocal_root", Op("Reciprocal|Inv", Op("Sqrt", X)), Op("Rsqrt", X), (floating,)),
    # div(x, sqrt(y)) -> mul(x, rsqrt(y)); rounds as often
    Rule("divide_by_root", Op("RealDiv", X, Op("Sqrt", Y, once=True)), Op("Mul", X, Op("Rsqrt", Y)), (floating,)),
    # div(x, c) -> mul(x, 1 / c) where c is a power of two
    Rule("divide_by_power_of_two", Op(DIVIDE, X, Constant("c", exact_reciprocal)), _reciprocal),
)

SAME = (
    # max(x, x), min(x, x), and(x, x), or(x, x) -> x
    Rule("same_operands", Op("Maximum|Minimum|LogicalAnd|LogicalOr|BitwiseAnd|BitwiseOr", X, X), X),
    # not(not(x)) -> x
    Rule("not_twice", Op("LogicalNot", Op("LogicalNot", X)), X),
    # invert(invert(x)) -> x
    Rule("invert_twice", Op("Invert", Op("Invert", X)), X),
    # conj(conj(x)) -> x
    Rule("conjugate_twice", Op("Conj", Op("Conj", X)), X),
    # not(equal(x, y)) -> not_equal(x, y), and the other way
    Rule("not_equal", Op("LogicalNot", Op("Equal|NotEqual", name="inner")), _inverse_comparison),
    # not(less(x, y)) -> greater_equal(x, y), ... of integers; NaN is neither
    Rule(
        "not_less",
        Op("LogicalNot", Op("Less|LessEqual|Greater|GreaterEqual", name="inner")),
        _inverse_comparison,
        (integral_input,),
    ),
    # f(f(x)) -> f(x)
    *(
        Rule(f"{name.lower()}_twice", Op(name, Op(name, X)), Op(name, X))
        for name in ("Abs", "Ceil", "Floor", "Relu", "Relu6", "Rint", "Round", "Sign")
    ),
)

WHOLE_NUMBERS = (
    # add(add(x, c), d) -> add(x, add(c, d)) of integers
    Rule("add_constants", Op(ADD, Op(ADD, X, C, commutes=True), D, commutes=True), Op("AddV2", X, Op("AddV2", C, D)), (integral,)),
    # mul(mul(x, c), d) -> mul(x, mul(c, d)) of integers
    Rule(
        "multiply_constants",
        Op("Mul", Op("Mul", X, C, commutes=True), D, commutes=True),
        Op("Mul", X, Op("Mul", C, D)),
        (integral,),
    ),
    # add(mul(x, z), mul(y, z)) -> mul(add(x, y), z) of integers
    Rule(
        "common_factor",
        Op(ADD, Op("Mul", X, Z, once=True, commutes=True), Op("Mul", Y, Z, once=True, commutes=True)),
        Op("Mul", Op("AddV2", X, Y), Z),
        (integral,),
    ),
)

RULES = (*NEUTRAL, *SIGNS, *POWERS, *SAME, *WHOLE_NUMBERS, *MOVEMENT)


def run(graph: Graph) -> Result:
    """Rewrites in place; what became unused is left to the pruning pass."""
    return counted(graph, rewrite(graph, RULES))


PASS = Pass("arithmetic", "arithmetic_optimization", run)
