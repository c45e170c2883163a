"""Elementwise arithmetic of two inputs, with broadcasting."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import jax.numpy as jnp
import numpy as np

from headrace.core.dtypes import (
    COMPLEX,
    FLOATING,
    INEXACT,
    NUMERIC,
    REAL,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    string,
    uint8,
)
from headrace.core.errors import InvalidArgumentError
from headrace.core.shapes import TensorShape
from headrace.dispatch.infer import elementwise
from headrace.dispatch.opdef import get, op
from headrace.dispatch.tensor import Tensor
from headrace.ops.math.broadcasting import reduce_to

SIGNED = (*FLOATING, int8, int16, int32, int64, *COMPLEX)
"""The numeric types but for the unsigned integers."""


def conj(x: Tensor) -> Tensor:
    """The complex conjugate; a real tensor as it is."""
    return get("Conj")(x) if x.dtype.is_complex else x


def quiet(function: Callable[..., Any]) -> Callable[..., Any]:
    """A numpy function that gives inf, nan and wrapped integers without warnings, as compiled code does."""

    def silent(*args: Any, **kwargs: Any) -> Any:
        with np.errstate(all="ignore"):
            return function(*args, **kwargs)

    return silent


def refuse_zero(function: Callable[..., Any]) -> Callable[..., Any]:
    """A numpy division that refuses integers over zero."""

    def checked(x: Any, y: Any) -> Any:
        if y.dtype.kind in "iu" and y.size and not y.all():
            raise InvalidArgumentError("integer division by zero; make sure that no element of the divisor is 0")
        with np.errstate(all="ignore"):
            return np.asarray(function(x, y)).astype(x.dtype)

    return checked


@op("AddV2", "x: T, y: T -> z: T", T=NUMERIC, host=quiet(np.add), shape=elementwise)
def add(x: Any, y: Any) -> Any:
    """x + y, elementwise with broadcasting."""
    return jnp.add(x, y)


@add.gradient
def _add_gradient(record: Any, grad: Any) -> Any:
    x, y = record.inputs
    return reduce_to(grad, x), reduce_to(grad, y)


@op("Add", "x: T, y: T -> z: T", T=(*SIGNED, uint8, string), host=quiet(np.add), shape=elementwise)
def add_v1(x: Any, y: Any) -> Any:
    """x + y, elementwise with broadcasting; joins strings."""
    return jnp.add(x, y)


add_v1.gradient(_add_gradient)


@op("Sub", "x: T, y: T -> z: T", T=NUMERIC, host=quiet(np.subtract), shape=elementwise)
def subtract(x: Any, y: Any) -> Any:
    """x - y, elementwise with broadcasting."""
    return jnp.subtract(x, y)


@subtract.gradient
def _subtract_gradient(record: Any, grad: Any) -> Any:
    x, y = record.inputs
    return reduce_to(grad, x), reduce_to(get("Neg")(grad), y)


@op("Mul", "x: T, y: T -> z: T", T=NUMERIC, host=quiet(np.multiply), shape=elementwise)
def multiply(x: Any, y: Any) -> Any:
    """x * y, elementwise with broadcasting."""
    return jnp.multiply(x, y)


@multiply.gradient
def _multiply_gradient(record: Any, grad: Any) -> Any:
    x, y = record.inputs
    return reduce_to(multiply(grad, conj(y)), x), reduce_to(multiply(grad, conj(x)), y)


def _truncated(x: Any, y: Any) -> Any:
    """x / y rounded towards zero, for integers."""
    quotient = abs(x) // abs(y)
    return np.where((x < 0) != (y < 0), -quotient, quotient)


def _divide(x: Any, y: Any) -> Any:
    if jnp.issubdtype(x.dtype, jnp.integer):
        quotient = jnp.floor_divide(jnp.abs(x), jnp.abs(y))
        return jnp.sign(x) * jnp.sign(y) * quotient
    return jnp.true_divide(x, y)


def _host_divide(x: Any, y: Any) -> Any:
    return _truncated(x, y) if x.dtype.kind in "iu" else np.true_divide(x, y)


@op("RealDiv", "x: T, y: T -> z: T", T=NUMERIC, host=refuse_zero(_host_divide), shape=elementwise)
def real_divide(x: Any, y: Any) -> Any:
    """x / y, elementwise with broadcasting."""
    return _divide(x, y)


@real_divide.gradient
def _real_divide_gradient(record: Any, grad: Any) -> Any:
    x, y = record.inputs
    scaled = real_divide(grad, conj(y))
    of_y = get("Neg")(multiply(scaled, conj(record.outputs[0])))
    return reduce_to(scaled, x), reduce_to(of_y, y)


@op("Div", "x: T, y: T -> z: T", T=NUMERIC, host=refuse_zero(_host_divide), shape=elementwise)
def divide_v1(x: Any, y: Any) -> Any:
    """x / y, elementwise with broadcasting; integers are rounded towards zero."""
    return _divide(x, y)


divide_v1.gradient(_real_divide_gradient)


@op("TruncateDiv", "x: T, y: T -> z: T", T=NUMERIC, host=refuse_zero(_host_divide), shape=elementwise, differentiable=False)
def truncatediv(x: Any, y: Any) -> Any:
    """x / y rounded towards zero, for integers."""
    return _divide(x, y) if jnp.issubdtype(x.dtype, jnp.integer) else jnp.trunc(jnp.true_divide(x, y))


def _floor_divide(x: Any, y: Any) -> Any:
    return np.floor_divide(x, y) if x.dtype.kind in "iu" else np.floor(np.true_divide(x, y))


@op("FloorDiv", "x: T, y: T -> z: T", T=NUMERIC, host=refuse_zero(_floor_divide), shape=elementwise, differentiable=False)
def floordiv(x: Any, y: Any) -> Any:
    """x / y rounded down, as Python's `//`."""
    if jnp.issubdtype(x.dtype, jnp.integer):
        return jnp.floor_divide(x, y)
    if jnp.issubdtype(x.dtype, jnp.complexfloating):
        raise InvalidArgumentError("complex numbers cannot be rounded down; use tf.divide")
    return jnp.floor(jnp.true_divide(x, y))


@op("FloorMod", "x: T, y: T -> z: T", T=REAL, host=refuse_zero(np.mod), shape=elementwise)
def floormod(x: Any, y: Any) -> Any:
    """The remainder of x over y with the sign of y, as Python's `%`."""
    return jnp.mod(x, y)


@floormod.gradient
def _floormod_gradient(record: Any, grad: Any) -> Any:
    x, y = record.inputs
    return reduce_to(grad, x), reduce_to(get("Neg")(multiply(grad, floordiv(x, y))), y)


@op("TruncateMod", "x: T, y: T -> z: T", T=(*FLOATING, int32, int64), host=refuse_zero(np.fmod), shape=elementwise)
def truncatemod(x: Any, y: Any) -> Any:
    """The remainder of x over y with the sign of x, as C's `%`."""
    return jnp.fmod(x, y)


@truncatemod.gradient
def _truncatemod_gradient(record: Any, grad: Any) -> Any:
    x, y = record.inputs
    return reduce_to(grad, x), reduce_to(get("Neg")(multiply(grad, truncatediv(x, y))), y)


@op("Mod", "x: T, y: T -> z: T", T=(*FLOATING, int32, int64), host=refuse_zero(np.fmod), shape=elementwise)
def mod_v1(x: Any, y: Any) -> Any:
    """The remainder of x over y with the sign of x, as C's `%`."""
    return jnp.fmod(x, y)


mod_v1.gradient(_truncatemod_gradient)


def _where_nonzero(condition: Any, compute: Callable[[Any], Any], guarded: Any) -> Any:
    """`compute(guarded)` where the condition holds, else 0; the guard keeps nan out of derivatives."""
    return jnp.where(condition, compute(jnp.where(condition, guarded, jnp.ones_like(guarded))), jnp.zeros((), guarded.dtype))


@op("DivNoNan", "x: T, y: T -> z: T", T=INEXACT, shape=elementwise)
def divide_no_nan(x: Any, y: Any) -> Any:
    """x / y, but 0 where y is 0."""
    return _where_nonzero(y != 0, lambda safe: x / safe, y)


@divide_no_nan.gradient
def _divide_no_nan_gradient(record: Any, grad: Any) -> Any:
    x, y = record.inputs
    scaled = divide_no_nan(grad, conj(y))
    of_y = get("Neg")(multiply(scaled, conj(record.outputs[0])))
    return reduce_to(scaled, x), reduce_to(of_y, y)


@op("MulNoNan", "x: T, y: T -> z: T", T=INEXACT, shape=elementwise)
def multiply_no_nan(x: Any, y: Any) -> Any:
    """x * y, but 0 where y is 0 even if x is infinite or nan."""
    return jnp.where(y == 0, jnp.zeros((), x.dtype), x * y)


@multiply_no_nan.gradient
def _multiply_no_nan_gradient(record: Any, grad: Any) -> Any:
    x, y = record.inputs
    return reduce_to(multiply_no_nan(grad, conj(y)), x), reduce_to(multiply_no_nan(conj(x), grad), y)


def _host_power(x: Any, y: Any) -> Any:
    if y.dtype.kind in "iu" and (y < 0).any():
        raise InvalidArgumentError("integers to negative integer powers are not integers; cast the base to a floating dtype")
    with np.errstate(all="ignore"):
        return np.power(x, y)


@op("Pow", "x: T, y: T -> z: T", T=SIGNED, host=_host_power, shape=elementwise)
def power(x: Any, y: Any) -> Any:
    """x to the power of y, elementwise with broadcasting."""
    return jnp.power(x, y)


@power.gradient
def _power_gradient(record: Any, grad: Any) -> Any:
    x, y = record.inputs
    cx, cy, cz = conj(x), conj(y), conj(record.outputs[0])
    of_x = multiply(grad, multiply(cy, power(cx, subtract(cy, 1))))
    # The logarithm is wanted where the base is positive (not zero, if complex) only; elsewhere its factor is 0.
    usable = get("NotEqual")(x, 0) if x.dtype.is_complex else get("Greater")(x, 0)
    zeros = get("ZerosLike")(x)
    logarithm = get("SelectV2")(usable, get("Log")(get("SelectV2")(usable, cx, get("OnesLike")(x))), zeros)
    return reduce_to(of_x, x), reduce_to(multiply(grad, multiply(cz, logarithm)), y)


@op("Maximum", "x: T, y: T -> z: T", T=REAL, host=np.maximum, shape=elementwise)
def maximum(x: Any, y: Any) -> Any:
    """The greater of x and y, elementwise with broadcasting."""
    return jnp.maximum(x, y)


@op("Minimum", "x: T, y: T -> z: T", T=REAL, host=np.minimum, shape=elementwise)
def minimum(x: Any, y: Any) -> Any:
    """The smaller of x and y, elementwise with broadcasting."""
    return jnp.minimum(x, y)


def _choice_gradient(comparison: str) -> Callable[[Any, Any], Any]:
    """At ties the whole gradient goes to x."""

    def rule(record: Any, grad: Any) -> Any:
        x, y = record.inputs
        chosen = get(comparison)(x, y)
        zeros = get("ZerosLike")(grad)
        select = get("SelectV2")
        return reduce_to(select(chosen, grad, zeros), x), reduce_to(select(chosen, zeros, grad), y)

    return rule


maximum.gradient(_choice_gradient("GreaterEqual"))
minimum.gradient(_choice_gradient("LessEqual"))


@op("SquaredDifference", "x: T, y: T -> z: T", T=(*FLOATING, int32, int64, *COMPLEX), shape=elementwise)
def squared_difference(x: Any, y: Any) -> Any:
    """(x - y) * conj(x - y), elementwise with broadcasting."""
    difference = x - y
    return jnp.conj(difference) * difference


@squared_difference.gradient
def _squared_difference_gradient(record: Any, grad: Any) -> Any:
    x, y = record.inputs
    scaled = multiply(multiply(grad, 2), subtract(x, y))
    return reduce_to(scaled, x), reduce_to(get("Neg")(scaled), y)


@op("Atan2", "y: T, x: T -> z: T", T=FLOATING, shape=elementwise)
def atan2(y: Any, x: Any) -> Any:
    """The angle of the point (x, y) in -pi..pi."""
    return jnp.arctan2(y, x)


@atan2.gradient
def _atan2_gradient(record: Any, grad: Any) -> Any:
    y, x = record.inputs
    square = get("Square")
    scaled = real_divide(grad, add(square(x), square(y)))
    return reduce_to(multiply(x, scaled), y), reduce_to(get("Neg")(multiply(y, scaled)), x)


@op("Xlogy", "x: T, y: T -> z: T", T=INEXACT, shape=elementwise)
def xlogy(x: Any, y: Any) -> Any:
    """x * log(y), but 0 where x is 0."""
    return jnp.where(x == 0, jnp.zeros((), x.dtype), x * jnp.log(y))


@op("Xlog1py", "x: T, y: T -> z: T", T=INEXACT, shape=elementwise)
def xlog1py(x: Any, y: Any) -> Any:
    """x * log(1 + y), but 0 where x is 0."""
    return jnp.where(x == 0, jnp.zeros((), x.dtype), x * jnp.log1p(y))


@op("Xdivy", "x: T, y: T -> z: T", T=INEXACT, shape=elementwise)
def xdivy(x: Any, y: Any) -> Any:
    """x / y, but 0 where x is 0."""
    return jnp.where(x == 0, jnp.zeros((), x.dtype), x / y)


def _not_zero(x: Tensor) -> Tensor:
    return get("Cast")(get("NotEqual")(x, 0), DstT=x.dtype)


@xlogy.gradient
def _xlogy_gradient(record: Any, grad: Any) -> Any:
    x, y = record.inputs
    return reduce_to(multiply(grad, conj(xlogy(_not_zero(x), y))), x), reduce_to(multiply(grad, conj(xdivy(x, y))), y)


@xlog1py.gradient
def _xlog1py_gradient(record: Any, grad: Any) -> Any:
    x, y = record.inputs
    of_x, of_y = xlog1py(_not_zero(x), y), xdivy(x, add(y, 1))
    return reduce_to(multiply(grad, conj(of_x)), x), reduce_to(multiply(grad, conj(of_y)), y)


@xdivy.gradient
def _xdivy_gradient(record: Any, grad: Any) -> Any:
    x, y = record.inputs
    of_x, of_y = xdivy(_not_zero(x), y), xdivy(get("Neg")(x), get("Square")(y))
    return reduce_to(multiply(grad, conj(of_x)), x), reduce_to(multiply(grad, conj(of_y)), y)


@op("NextAfter", "x1: T, x2: T -> output: T", T=(float32, float64), shape=elementwise, differentiable=False)
def nextafter(x1: Any, x2: Any) -> Any:
    """The next representable number after x1 on the way to x2."""
    return jnp.nextafter(x1, x2)


def _cross_shape(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    if not a or a[-1] != 3 or len(a) != len(b):
        raise ValueError(f"a cross product takes tensors of one shape that ends in 3; got {TensorShape(a)} and {TensorShape(b)}")
    return a


@op("Cross", "a: T, b: T -> product: T", T=REAL, shape=_cross_shape)
def cross(a: Any, b: Any) -> Any:
    """The cross product of vectors of length 3 along the last axis."""
    _cross_shape(a.shape, b.shape)
    (a0, a1, a2), (b0, b1, b2) = (jnp.moveaxis(v, -1, 0) for v in (a, b))
    return jnp.stack([a1 * b2 - a2 * b1, a2 * b0 - a0 * b2, a0 * b1 - a1 * b0], -1)


@cross.gradient
def _cross_gradient(record: Any, grad: Any) -> Any:
    a, b = record.inputs
    return cross(b, grad), cross(grad, a)


def _sum_shape(inputs: Sequence[tuple[int, ...]], **_: Any) -> tuple[int, ...]:
    merged = inputs[0]
    for shape in inputs[1:]:
        if len(shape) != len(merged):
            raise ValueError(f"tensors that are added must have one shape; got {', '.join(str(TensorShape(s)) for s in inputs)}")
        merged = tuple(min(a, b) for a, b in zip(merged, shape, strict=True))
    return merged


@op("AddN", "inputs: N*T -> sum: T", T=NUMERIC, shape=_sum_shape)
def add_n_op(inputs: Any) -> Any:
    """The sum of tensors of one shape."""
    if any(x.shape != inputs[0].shape for x in inputs):
        raise ValueError(f"tensors that are added must have one shape; got {', '.join(str(TensorShape(x.shape)) for x in inputs)}")
    return reduce(jnp.add, inputs)


@add_n_op.gradient
def _add_n_gradient(record: Any, grad: Any) -> Any:
    return [grad] * len(record.inputs)


@op("AccumulateNV2", "inputs: N*T -> sum: T", T=NUMERIC, shape=_sum_shape)
def accumulate_n_op(inputs: Any, *, shape: TensorShape) -> Any:
    """The sum of tensors of one shape, given as `shape`."""
    return reduce(jnp.add, inputs)


accumulate_n_op.gradient(_add_n_gradient)
