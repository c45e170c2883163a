"""Special functions: gamma, beta, zeta, Bessel and their kin."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax.scipy import special

from headrace.core.dtypes import FLOATING, float32, float64
from headrace.dispatch.infer import elementwise
from headrace.dispatch.opdef import op
from headrace.ops.math.broadcasting import reduce_to
from headrace.ops.math.elementwise import add, multiply, real_divide, subtract
from headrace.ops.math.unary import derivative, exp, log, log1p, negative, sign

SINGLE_OR_DOUBLE = (float32, float64)


@op("Lgamma", "x: T -> y: T", T=FLOATING, shape=elementwise)
def lgamma(x: Any) -> Any:
    """The logarithm of the absolute value of the gamma function."""
    return jax.lax.lgamma(x)


@op("Digamma", "x: T -> y: T", T=FLOATING, shape=elementwise)
def digamma(x: Any) -> Any:
    """The derivative of lgamma."""
    return jax.lax.digamma(x)


@op("Polygamma", "a: T, x: T -> z: T", T=SINGLE_OR_DOUBLE, shape=elementwise)
def polygamma(a: Any, x: Any) -> Any:
    """The derivative of digamma of order a, a whole number."""
    return jax.lax.polygamma(*jnp.broadcast_arrays(a, x))


derivative(lgamma, lambda x, y: digamma(x))
derivative(digamma, lambda x, y: polygamma(1, x))


@polygamma.gradient
def _polygamma_gradient(record: Any, grad: Any) -> Any:
    a, x = record.inputs
    return None, reduce_to(multiply(grad, polygamma(add(a, 1), x)), x)


@op("Zeta", "x: T, q: T -> z: T", T=SINGLE_OR_DOUBLE, shape=elementwise)
def zeta(x: Any, q: Any) -> Any:
    """The Hurwitz zeta function: the sum over n of (q + n) ** -x."""
    return jax.lax.zeta(*jnp.broadcast_arrays(x, q))


@zeta.gradient
def _zeta_gradient(record: Any, grad: Any) -> Any:
    x, q = record.inputs
    return None, reduce_to(multiply(grad, multiply(negative(x), zeta(add(x, 1), q))), q)


@op("Igamma", "a: T, x: T -> z: T", T=FLOATING, shape=elementwise)
def igamma(a: Any, x: Any) -> Any:
    """The lower regularized incomplete gamma function."""
    return jax.lax.igamma(*jnp.broadcast_arrays(a, x))


@op("Igammac", "a: T, x: T -> z: T", T=FLOATING, shape=elementwise)
def igammac(a: Any, x: Any) -> Any:
    """The upper regularized incomplete gamma function, 1 - igamma(a, x)."""
    return jax.lax.igammac(*jnp.broadcast_arrays(a, x))


@op("IgammaGradA", "a: T, x: T -> z: T", T=SINGLE_OR_DOUBLE, shape=elementwise)
def igamma_grad_a(a: Any, x: Any) -> Any:
    """The derivative of igamma with respect to a."""
    return jax.lax.igamma_grad_a(*jnp.broadcast_arrays(a, x))


def _igamma_derivatives(record: Any, grad: Any) -> Any:
    a, x = record.inputs
    of_x = exp(subtract(subtract(multiply(subtract(a, 1), log(x)), x), lgamma(a)))
    return multiply(grad, igamma_grad_a(a, x)), multiply(grad, of_x)


@igamma.gradient
def _igamma_gradient(record: Any, grad: Any) -> Any:
    of_a, of_x = _igamma_derivatives(record, grad)
    return reduce_to(of_a, record.inputs[0]), reduce_to(of_x, record.inputs[1])


@igammac.gradient
def _igammac_gradient(record: Any, grad: Any) -> Any:
    of_a, of_x = _igamma_derivatives(record, negative(grad))
    return reduce_to(of_a, record.inputs[0]), reduce_to(of_x, record.inputs[1])


@op("Betainc", "a: T, b: T, x: T -> z: T", T=SINGLE_OR_DOUBLE, shape=elementwise)
def betainc(a: Any, b: Any, x: Any) -> Any:
    """The regularized incomplete beta function."""
    return special.betainc(*jnp.broadcast_arrays(a, b, x))


@betainc.gradient
def _betainc_gradient(record: Any, grad: Any) -> Any:
    a, b, x = record.inputs
    log_beta = subtract(add(lgamma(a), lgamma(b)), lgamma(add(a, b)))
    log_density = subtract(add(multiply(subtract(b, 1), log1p(negative(x))), multiply(subtract(a, 1), log(x))), log_beta)
    return None, None, reduce_to(multiply(grad, exp(log_density)), x)


@op("BesselI0", "x: T -> y: T", T=FLOATING, shape=elementwise)
def bessel_i0(x: Any) -> Any:
    """The modified Bessel function of order 0."""
    return special.i0(x).astype(x.dtype)


@op("BesselI1", "x: T -> y: T", T=FLOATING, shape=elementwise)
def bessel_i1(x: Any) -> Any:
    """The modified Bessel function of order 1."""
    return special.i1(x).astype(x.dtype)


@op("BesselI0e", "x: T -> y: T", T=FLOATING, shape=elementwise)
def bessel_i0e(x: Any) -> Any:
    """The modified Bessel function of order 0, times exp(-|x|)."""
    return special.i0e(x).astype(x.dtype)


@op("BesselI1e", "x: T -> y: T", T=FLOATING, shape=elementwise)
def bessel_i1e(x: Any) -> Any:
    """The modified Bessel function of order 1, times exp(-|x|)."""
    return special.i1e(x).astype(x.dtype)


derivative(bessel_i0, lambda x, y: bessel_i1(x))
derivative(bessel_i1, lambda x, y: subtract(bessel_i0(x), real_divide(y, x)))
derivative(bessel_i0e, lambda x, y: subtract(bessel_i1e(x), multiply(sign(x), y)))
derivative(bessel_i1e, lambda x, y: subtract(bessel_i0e(x), multiply(y, add(sign(x), real_divide(1, x)))))


@op("Expint", "x: T -> y: T", T=FLOATING, shape=elementwise)
def expint(x: Any) -> Any:
    """The exponential integral Ei."""
    return special.expi(x.astype(jnp.promote_types(x.dtype, jnp.float32))).astype(x.dtype)


@op("Spence", "x: T -> y: T", T=FLOATING, shape=elementwise)
def spence(x: Any) -> Any:
    """Spence's integral: of log(t) / (1 - t) from 1 to x."""
    return special.spence(x.astype(jnp.promote_types(x.dtype, jnp.float32))).astype(x.dtype)


derivative(expint, lambda x, y: real_divide(exp(x), x))
derivative(spence, lambda x, y: real_divide(log(x), subtract(1, x)))
