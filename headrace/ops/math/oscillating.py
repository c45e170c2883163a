"""Bessel functions of both kinds, Dawson's integral and the Fresnel integrals, by SciPy on the host."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from headrace.core.dtypes import FLOATING
from headrace.dispatch.infer import elementwise
from headrace.dispatch.opdef import OpDef, get, op
from headrace.dispatch.tensor import Tensor
from headrace.ops.math.elementwise import add, multiply, real_divide, subtract
from headrace.ops.math.unary import cos, derivative, negative, sin, square


def _special(name: str) -> Callable[..., Any]:
    """A function of scipy.special, which is imported when it is called first: it takes longer than all of Headrace."""

    def function(x: Any) -> Any:
        return getattr(importlib.import_module("scipy.special"), name)(x)

    return function


def _declared(name: str, function: Callable[..., Any], doc: str) -> OpDef:
    def kernel(x: Any) -> Any:
        wide = x if x.dtype == np.float64 else np.asarray(x, np.float32)
        with np.errstate(all="ignore"):
            return np.asarray(function(wide)).astype(x.dtype)

    kernel.__doc__ = doc
    kernel.__module__ = __name__
    kernel.__name__ = name.lower()
    return op(name, "x: T -> y: T", T=FLOATING, host_only=True, shape=elementwise)(kernel)


bessel_j0 = _declared("BesselJ0", _special("j0"), "The Bessel function of the first kind of order 0.")
bessel_j1 = _declared("BesselJ1", _special("j1"), "The Bessel function of the first kind of order 1.")
bessel_y0 = _declared("BesselY0", _special("y0"), "The Bessel function of the second kind of order 0.")
bessel_y1 = _declared("BesselY1", _special("y1"), "The Bessel function of the second kind of order 1.")
bessel_k0 = _declared("BesselK0", _special("k0"), "The modified Bessel function of the second kind of order 0.")
bessel_k1 = _declared("BesselK1", _special("k1"), "The modified Bessel function of the second kind of order 1.")
bessel_k0e = _declared("BesselK0e", _special("k0e"), "The modified Bessel function of the second kind of order 0, times exp(x).")
bessel_k1e = _declared("BesselK1e", _special("k1e"), "The modified Bessel function of the second kind of order 1, times exp(x).")
dawsn = _declared("Dawsn", _special("dawsn"), "Dawson's integral: exp(-x^2) times the integral of exp(t^2) from 0 to x.")
fresnel_cos = _declared("FresnelCos", lambda x: _special("fresnel")(x)[1], "The Fresnel integral of cos(pi t^2 / 2) from 0 to x.")
fresnel_sin = _declared("FresnelSin", lambda x: _special("fresnel")(x)[0], "The Fresnel integral of sin(pi t^2 / 2) from 0 to x.")


def _over(y: Tensor, x: Tensor, limit: float) -> Tensor:
    """y / x, and its limit where x is 0."""
    zero = get("Equal")(x, 0)
    safe = get("SelectV2")(zero, get("OnesLike")(x), x)
    return get("SelectV2")(zero, multiply(get("OnesLike")(x), limit), real_divide(y, safe))


derivative(bessel_j0, lambda x, y: negative(bessel_j1(x)))
derivative(bessel_j1, lambda x, y: subtract(bessel_j0(x), _over(y, x, 0.5)))
derivative(bessel_y0, lambda x, y: negative(bessel_y1(x)))
derivative(bessel_y1, lambda x, y: subtract(bessel_y0(x), real_divide(y, x)))
derivative(bessel_k0, lambda x, y: negative(bessel_k1(x)))
derivative(bessel_k1, lambda x, y: negative(add(bessel_k0(x), real_divide(y, x))))
derivative(bessel_k0e, lambda x, y: subtract(y, bessel_k1e(x)))
derivative(bessel_k1e, lambda x, y: subtract(multiply(y, subtract(1, real_divide(1, x))), bessel_k0e(x)))
derivative(dawsn, lambda x, y: subtract(1, multiply(multiply(x, y), 2)))
derivative(fresnel_cos, lambda x, y: cos(multiply(square(x), math.pi / 2)))
derivative(fresnel_sin, lambda x, y: sin(multiply(square(x), math.pi / 2)))
