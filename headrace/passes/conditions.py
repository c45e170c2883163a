"""Conditions on matches, for the `when` of rules, and tests of constants."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np

from headrace.core.dtypes import DType
from headrace.core.shapes import TensorShape
from headrace.ir.graph import Value
from headrace.ir.patterns import Match

Array = np.ndarray[Any, Any]
Condition = Callable[[Match], bool]
Test = Callable[[Array], bool]


def integral(match: Match) -> bool:
    """The root's value is of an integer type, whose arithmetic is exact (it wraps around)."""
    return match.root.outputs[0].dtype.is_integer


def floating(match: Match) -> bool:
    """The root's value is of a real floating type."""
    return match.root.outputs[0].dtype.is_floating


def not_complex(match: Match) -> bool:
    """The root's value is not complex."""
    return not match.root.outputs[0].dtype.is_complex


def integral_input(match: Match) -> bool:
    """The first input of the root is of an integer type, or is what such a comparison returns."""
    value = match.root.inputs[0]
    source = value.node.inputs[0] if value.node is not None and value.node.inputs else value
    return source.dtype.is_integer


def keeps(name: str) -> Condition:
    """The root's value has the shape of `name`, for every shape that the inputs may have at run time.

    Unknown dimensions are safe when all other inputs have size 1 there: then nothing can widen them.
    """

    def condition(match: Match) -> bool:
        kept = match.values[name]
        others = [value.shape for value in match.root.inputs if value is not kept]
        return kept.shape == match.root.outputs[0].shape and all(never_widens(kept.shape, other) for other in others)

    return condition


def never_widens(shape: TensorShape, other: TensorShape) -> bool:
    """True when broadcasting with `other` leaves every tensor of static shape `shape` as it is."""
    if other.rank == 0:
        return True
    if shape.rank is None or other.rank is None or other.rank > shape.rank:
        return False
    return all(
        b == 1 or (a is not None and a == b) for a, b in zip(shape.as_tuple()[shape.rank - other.rank :], other, strict=True)
    )


def same_shape(a: Value, b: Value) -> bool:
    """True when reshaping `a` to the shape of `b` changes nothing: at most one dimension is unknown, and none is 0."""
    if a.shape.rank is None or a.shape != b.shape:
        return False
    dims = a.shape.as_tuple()
    return None not in dims or (dims.count(None) == 1 and 0 not in dims)


def every(test: Callable[[Array], Any]) -> Test:
    """All elements, as 64-bit numbers, pass; there is at least one."""

    def check(array: Array) -> bool:
        return array.size > 0 and array.dtype.kind not in "OSUb" and bool(np.all(test(_wide(array))))

    return check


def _wide(array: Array) -> Array:
    if array.dtype.kind in "iuc":
        return array
    return array.astype(np.float64)


def _is_zero(array: Array, *, negative: bool) -> Any:
    if array.dtype.kind in "iu":
        return array == 0
    if array.dtype.kind == "c":
        return (array == 0) & (np.signbit(array.real) == negative) & (np.signbit(array.imag) == negative)
    return (array == 0) & (np.signbit(array) == negative)


ZERO_TO_ADD = every(lambda a: _is_zero(a, negative=True))
"""x + c is x: integers 0, floats -0.0 (x + 0.0 turns -0.0 into 0.0)."""

ZERO_TO_SUBTRACT = every(lambda a: _is_zero(a, negative=False))
"""x - c is x: integers 0, floats 0.0."""

ZERO = every(lambda a: a == 0)
ONE = every(lambda a: a == 1)
TWO = every(lambda a: a == 2)
MINUS_ONE = every(lambda a: a == -1)


def near(number: float) -> Test:
    """A floating scalar is `number`, to a few units of its last place."""

    def check(array: Array) -> bool:
        if array.ndim or array.dtype.kind in "OSUbiuc":
            return False
        tolerance = max(4 * float(ml_dtypes.finfo(array.dtype).eps), 1e-6)
        return bool(abs(float(array) - number) <= tolerance * abs(number))

    return check


def true(array: Array) -> bool:
    """All elements are True; there is at least one."""
    return array.dtype.kind == "b" and array.size > 0 and bool(array.all())


def false(array: Array) -> bool:
    """All elements are False; there is at least one."""
    return array.dtype.kind == "b" and array.size > 0 and not array.any()


def empty(array: Array) -> bool:
    """There are no elements."""
    return array.size == 0


def exact_reciprocal(array: Array) -> bool:
    """Dividing by the elements is multiplying by their reciprocals, bit for bit: powers of two, neither result subnormal."""
    if not array.size or array.dtype.kind in "OSUbiuc":
        return False
    wide = array.astype(np.float64)
    limits = ml_dtypes.finfo(array.dtype)
    with np.errstate(all="ignore"):
        mantissa, _ = np.frexp(np.abs(wide))
        inverse = 1 / np.abs(wide)
    small, large = float(limits.tiny), float(limits.max)
    return bool(np.all((mantissa == 0.5) & np.isfinite(wide) & (np.abs(wide) >= small) & (inverse >= small) & (inverse <= large)))


def holds(wide: DType, narrow: DType) -> bool:
    """True when every value of `narrow` is one of `wide`, so that a cast there and back changes nothing."""
    if wide is narrow:
        return True
    if narrow.is_bool:
        return wide.is_numeric
    if narrow.is_integer and (wide.is_integer or wide.is_floating):
        low, high = (int(limit) for limit in (ml_dtypes.iinfo(narrow.np_dtype).min, ml_dtypes.iinfo(narrow.np_dtype).max))
        if wide.is_integer:
            limits = ml_dtypes.iinfo(wide.np_dtype)
            return int(limits.min) <= low and high <= int(limits.max)
        form = ml_dtypes.finfo(wide.np_dtype)
        return max(-low, high) <= 2 ** (form.nmant + 1) and max(-low, high) <= float(form.max)
    if narrow.is_floating and wide.is_floating and "float8" not in narrow.name + wide.name:
        a, b = ml_dtypes.finfo(wide.np_dtype), ml_dtypes.finfo(narrow.np_dtype)
        return bool(a.nmant >= b.nmant and a.maxexp >= b.maxexp and a.minexp - a.nmant <= b.minexp - b.nmant)
    return (narrow.name, wide.name) in (("complex64", "complex128"), ("float32", "complex64"))
