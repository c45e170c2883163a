"""NumPy's elementwise functions and reductions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from headrace.arrays.promotion import array, floating, promoted
from headrace.core import dtypes
from headrace.dispatch.opdef import get
from headrace.dispatch.tensor import Tensor
from headrace.ops.math import functions as math_functions
from headrace.ops.math.functions import cumsum as tensor_cumsum

Unary = Callable[[Any], Tensor]
Binary = Callable[[Any, Any], Tensor]


def _unary(op_name: str, doc: str, convert: Callable[[Any], Tensor] = array) -> Unary:
    def function(x: Any) -> Tensor:
        return get(op_name)(convert(x))

    function.__doc__ = doc
    function.__name__ = op_name.lower()
    return function


def _binary(op_name: str, doc: str, convert: Callable[[Any], Tensor] | None = None) -> Binary:
    def function(x1: Any, x2: Any) -> Tensor:
        left, right = promoted(x1, x2)
        if convert is not None:
            left, right = convert(left), convert(right)
        return get(op_name)(left, right)

    function.__doc__ = doc
    function.__name__ = op_name.lower()
    return function


exp = _unary("Exp", "e to the power of x.", floating)
log = _unary("Log", "The natural logarithm.", floating)
log1p = _unary("Log1p", "log(1 + x).", floating)
expm1 = _unary("Expm1", "exp(x) - 1.", floating)
sqrt = _unary("Sqrt", "The square root.", floating)
sin = _unary("Sin", "The sine.", floating)
cos = _unary("Cos", "The cosine.", floating)
tan = _unary("Tan", "The tangent.", floating)
sinh = _unary("Sinh", "The hyperbolic sine.", floating)
cosh = _unary("Cosh", "The hyperbolic cosine.", floating)
tanh = _unary("Tanh", "The hyperbolic tangent.", floating)
arcsin = _unary("Asin", "The angle of a sine.", floating)
arccos = _unary("Acos", "The angle of a cosine.", floating)
arctan = _unary("Atan", "The angle of a tangent.", floating)
floor = _unary("Floor", "The greatest integer not above x.", floating)
ceil = _unary("Ceil", "The least integer not below x.", floating)
isnan = _unary("IsNan", "Whether each element is NaN.", floating)
isinf = _unary("IsInf", "Whether each element is infinite.", floating)
isfinite = _unary("IsFinite", "Whether each element is a finite number.", floating)
negative = _unary("Neg", "-x.")
square = _unary("Square", "x * x.")

add = _binary("AddV2", "x1 + x2.")
subtract = _binary("Sub", "x1 - x2.")
multiply = _binary("Mul", "x1 * x2.")
divide = _binary("RealDiv", "x1 / x2, floating.", floating)
floor_divide = _binary("FloorDiv", "x1 / x2, rounded down.")
mod = _binary("FloorMod", "What x1 / x2 leaves over, of the sign of x2.")
power = _binary("Pow", "x1 to the power of x2.")
maximum = _binary("Maximum", "The greater of each pair.")
minimum = _binary("Minimum", "The lesser of each pair.")
arctan2 = _binary("Atan2", "The angle of each pair, x1 over x2.", floating)
equal = _binary("Equal", "Whether each pair is equal.")
not_equal = _binary("NotEqual", "Whether each pair differs.")
less = _binary("Less", "Whether x1 < x2.")
less_equal = _binary("LessEqual", "Whether x1 <= x2.")
greater = _binary("Greater", "Whether x1 > x2.")
greater_equal = _binary("GreaterEqual", "Whether x1 >= x2.")


def sign(x: Any, out: Any = None, where: Any = None, **kwargs: Any) -> Tensor:
    """-1, 0 or 1.

    Raises:
        ValueError: `out` or `where` is given, which tensors have no use for.
    """
    if out is not None or where is not None or kwargs:
        raise ValueError(f"sign takes the array alone; got {sorted(kwargs)}, out={out!r}, where={where!r}")
    return get("Sign")(array(x))


def absolute(x: Any) -> Tensor:
    """The absolute value."""
    return math_functions.abs(array(x))


def log2(x: Any) -> Tensor:
    """The logarithm to base 2."""
    tensor = floating(x)
    return get("Log")(tensor) / array(math.log(2), tensor.dtype)


def log10(x: Any) -> Tensor:
    """The logarithm to base 10."""
    tensor = floating(x)
    return get("Log")(tensor) / array(math.log(10), tensor.dtype)


def logical_and(x1: Any, x2: Any) -> Tensor:
    """Whether both hold."""
    return get("LogicalAnd")(array(x1, bool), array(x2, bool))


def logical_or(x1: Any, x2: Any) -> Tensor:
    """Whether one holds."""
    return get("LogicalOr")(array(x1, bool), array(x2, bool))


def logical_not(x: Any) -> Tensor:
    """Whether it does not hold."""
    return get("LogicalNot")(array(x, bool))


def clip(a: Any, a_min: Any, a_max: Any) -> Tensor:
    """The elements, brought between two bounds, of which one may be None."""
    found = array(a)
    if a_min is not None:
        found = maximum(found, a_min)
    return found if a_max is None else minimum(found, a_max)


def around(a: Any, decimals: int = 0) -> Tensor:
    """The elements rounded to decimals, halves to even."""
    tensor = array(a)
    if tensor.dtype.is_integer and decimals >= 0:
        return tensor
    scale = array(10.0**decimals, floating(tensor).dtype)
    return get("Cast")(get("Round")(floating(tensor) * scale) / scale, DstT=tensor.dtype)


def where(condition: Any, x: Any = None, y: Any = None) -> Any:
    """x where the condition holds, else y; without both the places where it does."""
    chosen = array(condition, bool)
    if x is None and y is None:
        return tuple(get("Unpack").all(get("Where")(chosen), num=len(chosen.shape), axis=1))
    if x is None or y is None:
        raise ValueError("where needs both x and y, or neither")
    left, right = promoted(x, y)
    return get("SelectV2")(chosen, left, right)


def select(condlist: Any, choicelist: Any, default: Any = 0) -> Tensor:
    """For each element the choice of the first condition that holds, else `default`.

    Raises:
        ValueError: there are not as many choices as conditions, or none.
    """
    if len(condlist) != len(choicelist) or not len(condlist):
        raise ValueError(f"select needs as many choices as conditions, and one at least; got {len(condlist)} and {len(choicelist)}")
    choices = promoted(default, *choicelist)
    found = choices[0]
    for condition, choice in zip(reversed(list(condlist)), reversed(choices[1:]), strict=True):
        found = get("SelectV2")(array(condition, bool), choice, found)
    return found


def _axes(tensor: Tensor, axis: Any) -> list[int]:
    rank = len(tensor.shape)
    given = range(rank) if axis is None else [axis] if isinstance(axis, int | np.integer) else axis
    return [int(a) % rank if rank else int(a) for a in given]


def _widened(tensor: Tensor) -> Tensor:
    """Integers of less than 64 bits, and booleans, with 64."""
    if (tensor.dtype.is_integer or tensor.dtype.is_bool) and tensor.dtype.size < 8:
        return get("Cast")(tensor, DstT=dtypes.uint64 if tensor.dtype.is_unsigned else dtypes.int64)
    return tensor


def _reduced(op_name: str, a: Any, axis: Any, dtype: Any, keepdims: Any, widen: bool = False) -> Tensor:
    tensor = _widened(array(a, dtype)) if widen and dtype is None else array(a, dtype)
    return get(op_name)(tensor, _axes(tensor, axis), keep_dims=bool(keepdims))


def sum_(a: Any, axis: Any = None, dtype: Any = None, keepdims: Any = None) -> Tensor:
    """The sum over axes, of integers in 64 bits."""
    return _reduced("Sum", a, axis, dtype, keepdims, widen=True)


def prod(a: Any, axis: Any = None, dtype: Any = None, keepdims: Any = None) -> Tensor:
    """The product over axes, of integers in 64 bits."""
    return _reduced("Prod", a, axis, dtype, keepdims, widen=True)


def mean(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = None) -> Tensor:
    """The mean over axes, floating."""
    return _reduced("Mean", floating(a), axis, dtype, keepdims)


def amax(a: Any, axis: Any = None, out: Any = None, keepdims: Any = None) -> Tensor:
    """The greatest element over axes."""
    return _reduced("Max", a, axis, None, keepdims)


def amin(a: Any, axis: Any = None, out: Any = None, keepdims: Any = None) -> Tensor:
    """The least element over axes."""
    return _reduced("Min", a, axis, None, keepdims)


def max_(a: Any, axis: Any = None, keepdims: Any = None) -> Tensor:
    """The greatest element over axes."""
    return amax(a, axis, keepdims=keepdims)


def min_(a: Any, axis: Any = None, keepdims: Any = None) -> Tensor:
    """The least element over axes."""
    return amin(a, axis, keepdims=keepdims)


def var(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: int = 0, keepdims: Any = None) -> Tensor:
    """The variance over axes: the mean square distance from the mean."""
    tensor = floating(array(a, dtype))
    distance = tensor - mean(tensor, axis, keepdims=True)
    count = array(1, tensor.dtype) * get("Cast")(get("Size")(tensor), DstT=tensor.dtype)
    squares = _reduced("Sum", square(distance), axis, None, keepdims)
    kept = get("Cast")(get("Size")(squares), DstT=tensor.dtype)
    return squares / (count / kept - array(ddof, tensor.dtype))


def std(a: Any, axis: Any = None, keepdims: Any = None) -> Tensor:
    """The root of the variance over axes."""
    return get("Sqrt")(var(a, axis, keepdims=keepdims))


def any_(a: Any, axis: Any = None, keepdims: Any = None) -> Tensor:
    """Whether one element over axes holds."""
    return _reduced("Any", array(a, bool), axis, None, keepdims)


def all_(a: Any, axis: Any = None, keepdims: Any = None) -> Tensor:
    """Whether all elements over axes hold."""
    return _reduced("All", array(a, bool), axis, None, keepdims)


def _flat(a: Any, axis: Any) -> tuple[Tensor, int]:
    tensor = array(a)
    return (get("Reshape")(tensor, [-1]), 0) if axis is None else (tensor, int(axis))


def argmax(a: Any, axis: Any = None) -> Tensor:
    """The place of the greatest element along an axis, or among all."""
    return get("ArgMax")(*_flat(a, axis))


def argmin(a: Any, axis: Any = None) -> Tensor:
    """The place of the least element along an axis, or among all."""
    return get("ArgMin")(*_flat(a, axis))


def cumsum(a: Any, axis: Any = None, dtype: Any = None) -> Tensor:
    """Sums of the elements so far along an axis, or of all."""
    tensor, place = _flat(_widened(array(a)) if dtype is None else array(a, dtype), axis)
    return tensor_cumsum(tensor, place)
