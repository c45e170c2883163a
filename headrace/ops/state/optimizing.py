"""The fused updates of optimizers that keep running statistics of gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

from headrace.core.dtypes import NUMERIC
from headrace.dispatch.opdef import Kernel, OpDef, op

_STEP = "global_step"


def _update(name: str, variables: str, values: str) -> Callable[[Kernel], OpDef]:
    """Declares an update of `variables` by `values`, which have the gradient's type but for the number of steps."""
    names = variables.split()
    spec = ", ".join([*(f"{v}: resource" for v in names), *(f"{v}: {'int64' if v == _STEP else 'T'}" for v in values.split())])
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


def _shrunk(moved: Any, rate: Any, l1: Any, l2: Any) -> Any:
    """`moved` brought nearer to 0 by l1, and divided by l2, each times the rate."""
    return jnp.sign(moved) * jnp.maximum(jnp.abs(moved) - rate * jnp.maximum(l1, 0), 0) / (1 + l2 * rate)


@_update("ResourceApplyProximalGradientDescent", "var", "alpha l1 l2 delta")
def apply_proximal_gradient_descent(var: Any, alpha: Any, l1: Any, l2: Any, delta: Any, *, use_locking: bool = False) -> Any:
    """A step of descent, then shrinkage by l1 and l2 (Duchi and Singer, 2009)."""
    return _shrunk(var - alpha * delta, alpha, l1, l2)


@_update("ResourceApplyProximalAdagrad", "var accum", "lr l1 l2 grad")
def apply_proximal_adagrad(var: Any, accum: Any, lr: Any, l1: Any, l2: Any, grad: Any, *, use_locking: bool = False) -> Any:
    """A step of Adagrad, then shrinkage by l1 and l2."""
    accum = accum + grad * grad
    rate = lr / jnp.sqrt(accum)
    return _shrunk(var - rate * grad, rate, l1, l2), accum


@_update("ResourceApplyAdagradDA", "var gradient_accumulator gradient_squared_accumulator", f"grad lr l1 l2 {_STEP}")
def apply_adagrad_da(
    var: Any,
    gradient_accumulator: Any,
    gradient_squared_accumulator: Any,
    grad: Any,
    lr: Any,
    l1: Any,
    l2: Any,
    global_step: Any,
    *,
    use_locking: bool = False,
) -> Any:
    """Adagrad by dual averaging: the weights follow from the sums of the gradients and of their squares alone."""
    total, squares = gradient_accumulator + grad, gradient_squared_accumulator + grad * grad
    steps = global_step.astype(total.dtype)
    # A negative l1 is no shrinkage.
    beyond = jnp.sign(total) * jnp.maximum(jnp.abs(total) - steps * jnp.maximum(l1, 0), 0)
    return -lr * beyond / (l2 * steps * lr + jnp.sqrt(squares)), total, squares


@_update("ResourceApplyAdamWithAmsgrad", "var m v vhat", "beta1_power beta2_power lr beta1 beta2 epsilon grad")
def apply_adam_with_amsgrad(
    var: Any,
    m: Any,
    v: Any,
    vhat: Any,
    beta1_power: Any,
    beta2_power: Any,
    lr: Any,
    beta1: Any,
    beta2: Any,
    epsilon: Any,
    grad: Any,
    *,
    use_locking: bool = False,
) -> Any:
    """Adam over the greatest mean of squares so far (Reddi, Kale and Kumar, 2018)."""
    rate = lr * jnp.sqrt(1 - beta2_power) / (1 - beta1_power)
    m = m + (grad - m) * (1 - beta1)
    v = v + (grad * grad - v) * (1 - beta2)
    vhat = jnp.maximum(vhat, v)
    return var - rate * m / (jnp.sqrt(vhat) + epsilon), m, v, vhat


def _agreement(m: Any, beta: Any, grad: Any) -> tuple[Any, Any]:
    """The running mean of gradients, and 1 or -1 where its sign is or is not that of the gradient."""
    m = beta * m + (1 - beta) * grad
    return m, jnp.sign(grad) * jnp.sign(m)


@_update("ResourceApplyAddSign", "var m", "lr alpha sign_decay beta grad")
def apply_add_sign(
    var: Any, m: Any, lr: Any, alpha: Any, sign_decay: Any, beta: Any, grad: Any, *, use_locking: bool = False
) -> Any:
    """Gradients that agree with their running mean count more, by a sum (Bello and others, 2017)."""
    m, agrees = _agreement(m, beta, grad)
    return var - lr * (alpha + sign_decay * agrees) * grad, m


@_update("ResourceApplyPowerSign", "var m", "lr logbase sign_decay beta grad")
def apply_power_sign(
    var: Any, m: Any, lr: Any, logbase: Any, sign_decay: Any, beta: Any, grad: Any, *, use_locking: bool = False
) -> Any:
    """Gradients that agree with their running mean count more, by a power (Bello and others, 2017)."""
    m, agrees = _agreement(m, beta, grad)
    return var - lr * jnp.exp(logbase * sign_decay * agrees) * grad, m
