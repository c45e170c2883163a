"""The forms in which GELU is written, as patterns of nodes that compute it from a given value.

# 0.5 * x * (1 + erf(x / sqrt(2)))
# 0.5 * x * erfc(-x / sqrt(2))
# 0.5 * x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x ** 3)))
"""

from __future__ import annotations

import math

from headrace.ir.patterns import Constant, Either, Op, Pattern
from headrace.passes.conditions import near

ADD = "AddV2|Add"

HALF = Constant("half", near(0.5))
ONE = Constant("one", near(1.0))
CUBIC = Constant("cubic", near(0.044715))
THREE = Constant("three", near(3.0))
ROOT_TWO = Constant("root_two", near(math.sqrt(2.0)))
ROOT_HALF = Constant("root_half", near(math.sqrt(0.5)))
MINUS_ROOT_HALF = Constant("minus_root_half", near(-math.sqrt(0.5)))
SLOPE = Constant("slope", near(math.sqrt(2.0 / math.pi)))


def _times(x: Pattern, y: Pattern) -> Op:
    return Op("Mul", x, y, commutes=True)


def exact(x: Op) -> tuple[Op, ...]:
    """GELU of `x` by the error function."""
    erf = Op("Erf", Either(_times(ROOT_HALF, x), Op("RealDiv|Div", x, ROOT_TWO)))
    erfc = Op("Erfc", Either(_times(ROOT_HALF, Op("Neg", x)), _times(MINUS_ROOT_HALF, x)))
    return _weighted(x, Either(Op(ADD, ONE, erf, commutes=True), erfc))


def approximate(x: Op) -> tuple[Op, ...]:
    """GELU of `x` by the hyperbolic tangent."""
    square = Either(Op("Mul", x, x), Op("Square", x))
    cube = Either(Op("Pow", x, THREE), _times(x, square))
    small = Either(_times(CUBIC, cube), _times(x, _times(x, _times(CUBIC, x))))
    tanh = Op("Tanh", _times(SLOPE, Op(ADD, x, small, commutes=True)))
    return _weighted(x, Op(ADD, ONE, tanh, commutes=True))


def _weighted(x: Op, doubled: Pattern) -> tuple[Op, ...]:
    """0.5 * x * doubled, in every order."""
    return _times(doubled, _times(HALF, x)), _times(x, _times(HALF, doubled)), _times(HALF, _times(x, doubled))
