"""The fused updates of optimizers that keep running statistics of gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

from headrace.core.dtypes import NUMERIC
from headrace.dispatch.opdef import Kernel, OpDef, op


def _update(name: str, variables: str, values: str) -> Callable[[Kernel], OpDef]:
    """Declares an update of `variables` by `values`."""
    names = variables.split()
    spec = ", ".join([*(f"{v}: resource" for v in names), *(f"{v}: T" for v in values.split())])
    return op(name, f"{spec} -> ", updates=tuple(names), T=NUMERIC, differentiable=False)


@_update("ResourceApplyAdagrad", "var accum", "lr grad")
def apply_adagrad(var: Any, accum: Any, lr: Any, grad: Any, *, use_locking: bool = False, update_slots: bool = True) -> Any:
    """Adagrad (Duchi and others, 2011): accum += grad ** 2; var -= lr * grad / sqrt(accum)."""
    accum = accum + grad * grad if update_slots else accum
    return var - lr * grad / jnp.sqrt(accum), accum


@_update("ResourceApplyAdagradV2", "var accum", "lr epsilon grad")
def apply_adagrad_v2(
    var: Any, accum: Any, lr: Any, epsilon: Any, grad: Any, *, use_locking: bool = False, update_slots: bool = True
) -> Any:
    """Adagrad with `epsilon` added to the root."""
    accum = accum + grad * grad if update_slots else accum
    return var - lr * grad / (jnp.sqrt(accum) + epsilon), accum


@_update("ResourceApplyRMSProp", "var ms mom", "lr rho momentum epsilon grad")
def apply_rms_prop(
    var: Any, ms: Any, mom: Any, lr: Any, rho: Any, momentum: Any, epsilon: Any, grad: Any, *, use_locking: bool = False
) -> Any:
    """RMSProp: gradients over the root of the running mean of their squares."""
    ms = ms + (grad * grad - ms) * (1 - rho)
    mom = momentum * mom + lr * grad / jnp.sqrt(ms + epsilon)
    return var - mom, ms, mom


@_update("ResourceApplyCenteredRMSProp", "var mg ms mom", "lr rho momentum epsilon grad")
def apply_centered_rms_prop(
    var: Any, mg: Any, ms: Any, mom: Any, lr: Any, rho: Any, momentum: Any, epsilon: Any, grad: Any, *, use_locking: bool = False
) -> Any:
    """RMSProp by the running variance of the gradients."""
    ms = ms + (grad * grad - ms) * (1 - rho)
    mg = mg + (grad - mg) * (1 - rho)
    mom = momentum * mom + lr * grad / jnp.sqrt(ms - mg * mg + epsilon)
    return var - mom, mg, ms, mom


@_update("ResourceApplyAdadelta", "var accum accum_update", "lr rho epsilon grad")
def apply_adadelta(
    var: Any, accum: Any, accum_update: Any, lr: Any, rho: Any, epsilon: Any, grad: Any, *, use_locking: bool = False
) -> Any:
    """Adadelta (Zeiler, 2012)."""
    accum = rho * accum + (1 - rho) * grad * grad
    step = jnp.sqrt(accum_update + epsilon) / jnp.sqrt(accum + epsilon) * grad
    return var - lr * step, accum, rho * accum_update + (1 - rho) * step * step


@_update("ResourceApplyAdaMax", "var m v", "beta1_power lr beta1 beta2 epsilon grad")
def apply_ada_max(
    var: Any,
    m: Any,
    v: Any,
    beta1_power: Any,
    lr: Any,
    beta1: Any,
    beta2: Any,
    epsilon: Any,
    grad: Any,
    *,
    use_locking: bool = False,
) -> Any:
    """AdaMax (Kingma and Ba, 2014, section 7.1)."""
    m = m + (grad - m) * (1 - beta1)
    v = jnp.maximum(beta2 * v, jnp.abs(grad))
    return var - lr / (1 - beta1_power) * m / (v + epsilon), m, v


def _ftrl(var: Any, accum: Any, linear: Any, grad: Any, shrunk: Any, lr: Any, l1: Any, l2: Any, power: Any, by_lr: bool) -> Any:
    """Follow the regularized leader (McMahan and others, 2013); `linear` may hold the sum times the rate."""
    scale = lr if by_lr else jnp.ones_like(lr)
    squares = accum + grad * grad
    new, old = squares**-power, accum**-power
    linear = linear + scale * shrunk - (new - old) / lr * scale * var
    bound, quadratic = l1 * scale, (new / lr + 2 * l2) * scale
    var = jnp.where(jnp.abs(linear) > bound, (jnp.clip(linear, -bound, bound) - linear) / quadratic, jnp.zeros_like(var))
    return var, squares, linear


@_update("ResourceApplyFtrl", "var accum linear", "grad lr l1 l2 lr_power")
def apply_ftrl(
    var: Any,
    accum: Any,
    linear: Any,
    grad: Any,
    lr: Any,
    l1: Any,
    l2: Any,
    lr_power: Any,
    *,
    use_locking: bool = False,
    multiply_linear_by_lr: bool = False,
) -> Any:
    """FTRL-proximal."""
    return _ftrl(var, accum, linear, grad, grad, lr, l1, l2, lr_power, multiply_linear_by_lr)


@_update("ResourceApplyFtrlV2", "var accum linear", "grad lr l1 l2 l2_shrinkage lr_power")
def apply_ftrl_v2(
    var: Any,
    accum: Any,
    linear: Any,
    grad: Any,
    lr: Any,
    l1: Any,
    l2: Any,
    l2_shrinkage: Any,
    lr_power: Any,
    *,
    use_locking: bool = False,
    multiply_linear_by_lr: bool = False,
) -> Any:
    """FTRL-proximal with weights shrunk by the gradient."""
    shrunk = grad + 2 * l2_shrinkage * var
    return _ftrl(var, accum, linear, grad, shrunk, lr, l1, l2, lr_power, multiply_linear_by_lr)


@_update("ResourceApplyProximalGradientDescent", "var", "alpha l1 l2 delta")
def apply_proximal_gradient_descent(var: Any, alpha: Any, l1: Any, l2: Any, delta: Any, *, use_locking: bool = False) -> Any:
    """A step of descent, then shrinkage by l1 and l2."""
    moved = var - alpha * delta
    shrunk = jnp.sign(moved) * jnp.maximum(jnp.abs(moved) - alpha * jnp.maximum(l1, 0), 0)
    return shrunk / (1 + l2 * alpha)
