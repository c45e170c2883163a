"""Elementwise functions of one input."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from headrace.core.dtypes import FLOATING, INEXACT, NUMERIC, int8, int16, int32, int64
from headrace.dispatch.infer import elementwise
from headrace.dispatch.opdef import OpDef, op
from headrace.dispatch.tensor import Tensor
from headrace.ops.math.elementwise import SIGNED, add, conj, multiply, quiet, real_divide, subtract


def derivative(definition: OpDef, factor: Callable[[Tensor, Tensor], Tensor]) -> None:
    """Declares a gradient of the form grad * conj(factor(x, y)), where y is the op's output."""

    @definition.gradient
    def rule(record: Any, grad: Any) -> Any:
        return multiply(grad, conj(factor(record.inputs[0], record.outputs[0])))


@op("Abs", "x: T -> y: T", T=(*FLOATING, int8, int16, int32, int64), host=np.abs, shape=elementwise)
def abs_op(x: Any) -> Any:
    """The absolute value of real numbers."""
    return jnp.abs(x)


@op("Neg", "x: T -> y: T", T=SIGNED, host=quiet(np.negative), shape=elementwise)
def negative(x: Any) -> Any:
    """-x."""
    return jnp.negative(x)


@negative.gradient
def _negative_gradient(record: Any, grad: Any) -> Any:
    return negative(grad)


@op("Sign", "x: T -> y: T", T=SIGNED, host=np.sign, shape=elementwise, differentiable=False)
def sign(x: Any) -> Any:
    """-1, 0 or 1; for complex numbers x / |x|, and 0 for 0."""
    return jnp.sign(x)


derivative(abs_op, lambda x, y: sign(x))


@op("Exp", "x: T -> y: T", T=INEXACT, shape=elementwise)
def exp(x: Any) -> Any:
    """e to the power of x."""
    return jnp.exp(x)


@op("Expm1", "x: T -> y: T", T=INEXACT, shape=elementwise)
def expm1(x: Any) -> Any:
    """e to the power of x, less 1, precise near 0."""
    return jnp.expm1(x)


@op("Log", "x: T -> y: T", T=INEXACT, shape=elementwise)
def log(x: Any) -> Any:
    """The natural logarithm."""
    return jnp.log(x)


@op("Log1p", "x: T -> y: T", T=INEXACT, shape=elementwise)
def log1p(x: Any) -> Any:
    """The natural logarithm of 1 + x, precise near 0."""
    return jnp.log1p(x)


@op("Sqrt", "x: T -> y: T", T=INEXACT, shape=elementwise)
def sqrt(x: Any) -> Any:
    """The square root."""
    return jnp.sqrt(x)


@op("Rsqrt", "x: T -> y: T", T=INEXACT, shape=elementwise)
def rsqrt(x: Any) -> Any:
    """1 over the square root."""
    return jax.lax.rsqrt(x)


@op("Square", "x: T -> y: T", T=NUMERIC, host=quiet(np.square), shape=elementwise)
def square(x: Any) -> Any:
    """x * x."""
    return jnp.square(x)


def _reciprocal(x: Any) -> Any:
    if jnp.issubdtype(x.dtype, jnp.integer):
        return jnp.where(abs(x) == 1, x, jnp.zeros((), x.dtype))
    return jnp.ones((), x.dtype) / x


@op("Reciprocal", "x: T -> y: T", T=SIGNED, shape=elementwise)
def reciprocal(x: Any) -> Any:
    """1 / x."""
    return _reciprocal(x)


@op("Inv", "x: T -> y: T", T=SIGNED, shape=elementwise)
def inv(x: Any) -> Any:
    """1 / x."""
    return _reciprocal(x)


@op("Sin", "x: T -> y: T", T=INEXACT, shape=elementwise)
def sin(x: Any) -> Any:
    """The sine of an angle in radians."""
    return jnp.sin(x)


@op("Cos", "x: T -> y: T", T=INEXACT, shape=elementwise)
def cos(x: Any) -> Any:
    """The cosine of an angle in radians."""
    return jnp.cos(x)


@op("Tan", "x: T -> y: T", T=INEXACT, shape=elementwise)
def tan(x: Any) -> Any:
    """The tangent of an angle in radians."""
    return jnp.tan(x)


@op("Asin", "x: T -> y: T", T=INEXACT, shape=elementwise)
def asin(x: Any) -> Any:
    """The angle in radians whose sine is x."""
    return jnp.arcsin(x)


@op("Acos", "x: T -> y: T", T=INEXACT, shape=elementwise)
def acos(x: Any) -> Any:
    """The angle in radians whose cosine is x."""
    return jnp.arccos(x)


@op("Atan", "x: T -> y: T", T=INEXACT, shape=elementwise)
def atan(x: Any) -> Any:
    """The angle in radians whose tangent is x."""
    return jnp.arctan(x)


@op("Sinh", "x: T -> y: T", T=INEXACT, shape=elementwise)
def sinh(x: Any) -> Any:
    """The hyperbolic sine."""
    return jnp.sinh(x)


@op("Cosh", "x: T -> y: T", T=INEXACT, shape=elementwise)
def cosh(x: Any) -> Any:
    """The hyperbolic cosine."""
    return jnp.cosh(x)


@op("Tanh", "x: T -> y: T", T=INEXACT, shape=elementwise)
def tanh(x: Any) -> Any:
    """The hyperbolic tangent."""
    return jnp.tanh(x)


@op("Asinh", "x: T -> y: T", T=INEXACT, shape=elementwise)
def asinh(x: Any) -> Any:
    """The inverse of the hyperbolic sine."""
    return jnp.arcsinh(x)


@op("Acosh", "x: T -> y: T", T=INEXACT, shape=elementwise)
def acosh(x: Any) -> Any:
    """The inverse of the hyperbolic cosine."""
    return jnp.arccosh(x)


@op("Atanh", "x: T -> y: T", T=INEXACT, shape=elementwise)
def atanh(x: Any) -> Any:
    """The inverse of the hyperbolic tangent."""
    return jnp.arctanh(x)


@op("Sigmoid", "x: T -> y: T", T=INEXACT, shape=elementwise)
def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x))."""
    return jax.nn.sigmoid(x)


@op("Floor", "x: T -> y: T", T=FLOATING, shape=elementwise, differentiable=False)
def floor(x: Any) -> Any:
    """The greatest whole number that is not above x."""
    return jnp.floor(x)


@op("Ceil", "x: T -> y: T", T=FLOATING, shape=elementwise, differentiable=False)
def ceil(x: Any) -> Any:
    """The smallest whole number that is not below x."""
    return jnp.ceil(x)


def _host_round(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return x if np.issubdtype(x.dtype, np.integer) else np.rint(x)


@op("Round", "x: T -> y: T", T=SIGNED, host=_host_round, shape=elementwise, differentiable=False)
def round_op(x: Any) -> Any:
    """The nearest whole number; halves go to the even one."""
    return x if jnp.issubdtype(x.dtype, jnp.integer) else jnp.round(x)


@op("Rint", "x: T -> y: T", T=FLOATING, shape=elementwise, differentiable=False)
def rint(x: Any) -> Any:
    """The nearest whole number; halves go to the even one."""
    return jnp.rint(x)


@op("IsNan", "x: T -> y: bool", T=FLOATING, shape=elementwise, differentiable=False)
def is_nan(x: Any) -> Any:
    """True where x is not a number."""
    return jnp.isnan(x)


@op("IsInf", "x: T -> y: bool", T=FLOATING, shape=elementwise, differentiable=False)
def is_inf(x: Any) -> Any:
    """True where x is infinite."""
    return jnp.isinf(x)


@op("IsFinite", "x: T -> y: bool", T=FLOATING, shape=elementwise, differentiable=False)
def is_finite(x: Any) -> Any:
    """True where x is neither infinite nor nan."""
    return jnp.isfinite(x)


# Gradient ops of TensorFlow's, written in terms of the output y: cheaper than those of the input, and exportable.


@op("SqrtGrad", "y: T, dy: T -> z: T", T=INEXACT, shape=elementwise)
def sqrt_grad(y: Any, dy: Any) -> Any:
    """The gradient of the square root y for an output gradient dy."""
    return jnp.multiply(dy, 0.5) / jnp.conj(y)


@op("RsqrtGrad", "y: T, dy: T -> z: T", T=INEXACT, shape=elementwise)
def rsqrt_grad(y: Any, dy: Any) -> Any:
    """The gradient of the inverse square root y for an output gradient dy."""
    y = jnp.conj(y)
    return jnp.multiply(dy, -0.5) * y * y * y


@op("TanhGrad", "y: T, dy: T -> z: T", T=INEXACT, shape=elementwise)
def tanh_grad(y: Any, dy: Any) -> Any:
    """The gradient of the hyperbolic tangent y for an output gradient dy."""
    return dy * (1 - y * y)


@op("SigmoidGrad", "y: T, dy: T -> z: T", T=INEXACT, shape=elementwise)
def sigmoid_grad(y: Any, dy: Any) -> Any:
    """The gradient of the sigmoid y for an output gradient dy."""
    return dy * y * (1 - y)


@op("ReciprocalGrad", "y: T, dy: T -> z: T", T=INEXACT, shape=elementwise)
def reciprocal_grad(y: Any, dy: Any) -> Any:
    """The gradient of the reciprocal y for an output gradient dy."""
    y = jnp.conj(y)
    return -dy * y * y


@op("InvGrad", "y: T, dy: T -> z: T", T=INEXACT, shape=elementwise)
def inv_grad(y: Any, dy: Any) -> Any:
    """The gradient of the reciprocal y for an output gradient dy."""
    y = jnp.conj(y)
    return -dy * y * y


sqrt.gradient(lambda record, grad: sqrt_grad(record.outputs[0], grad))
rsqrt.gradient(lambda record, grad: rsqrt_grad(record.outputs[0], grad))
tanh.gradient(lambda record, grad: tanh_grad(conj(record.outputs[0]), grad))
sigmoid.gradient(lambda record, grad: sigmoid_grad(conj(record.outputs[0]), grad))
reciprocal.gradient(lambda record, grad: reciprocal_grad(record.outputs[0], grad))
inv.gradient(lambda record, grad: inv_grad(record.outputs[0], grad))
derivative(exp, lambda x, y: y)
derivative(expm1, lambda x, y: exp(x))
derivative(log, lambda x, y: reciprocal(x))
derivative(log1p, lambda x, y: reciprocal(add(x, 1)))
derivative(square, lambda x, y: multiply(x, 2))
derivative(sin, lambda x, y: cos(x))
derivative(cos, lambda x, y: negative(sin(x)))
derivative(tan, lambda x, y: square(reciprocal(cos(x))))
derivative(asin, lambda x, y: rsqrt(subtract(1, square(x))))
derivative(acos, lambda x, y: negative(rsqrt(subtract(1, square(x)))))
derivative(atan, lambda x, y: reciprocal(add(square(x), 1)))
derivative(sinh, lambda x, y: cosh(x))
derivative(cosh, lambda x, y: sinh(x))
derivative(asinh, lambda x, y: reciprocal(cosh(y)))
derivative(acosh, lambda x, y: reciprocal(sinh(y)))
derivative(atanh, lambda x, y: reciprocal(subtract(1, square(x))))


def _over_root_pi(x: Tensor, factor: float) -> Tensor:
    return multiply(exp(negative(square(x))), factor / math.sqrt(math.pi))


@op("Erf", "x: T -> y: T", T=FLOATING, shape=elementwise)
def erf(x: Any) -> Any:
    """The error function."""
    return jax.scipy.special.erf(x)


@op("Erfc", "x: T -> y: T", T=FLOATING, shape=elementwise)
def erfc(x: Any) -> Any:
    """1 - erf(x), precise for large x."""
    return jax.scipy.special.erfc(x)


@op("Erfinv", "x: T -> y: T", T=FLOATING, shape=elementwise)
def erfinv(x: Any) -> Any:
    """The inverse of the error function."""
    return jax.scipy.special.erfinv(x)


@op("Ndtri", "x: T -> y: T", T=FLOATING, shape=elementwise)
def ndtri(x: Any) -> Any:
    """The quantile function of the standard normal distribution."""
    return jax.scipy.special.ndtri(x.astype(jnp.promote_types(x.dtype, jnp.float32))).astype(x.dtype)


derivative(erf, lambda x, y: _over_root_pi(x, 2.0))
derivative(erfc, lambda x, y: _over_root_pi(x, -2.0))
derivative(erfinv, lambda x, y: multiply(exp(square(y)), math.sqrt(math.pi) / 2))
derivative(ndtri, lambda x, y: multiply(exp(real_divide(square(y), 2)), math.sqrt(2 * math.pi)))
