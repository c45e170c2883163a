"""The fused updates of optimizers."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from headrace.core.dtypes import NUMERIC
from headrace.dispatch.opdef import op


@op(
    "ResourceApplyGradientDescent",
    "var: resource, alpha: T, delta: T -> ",
    updates=("var",),
    T=NUMERIC,
    differentiable=False,
)
def apply_gradient_descent(var: Any, alpha: Any, delta: Any, *, use_locking: bool = False) -> Any:
    """var -= alpha * delta."""
    return var - alpha * delta


@op(
    "ResourceApplyMomentum",
    "var: resource, accum: resource, lr: T, grad: T, momentum: T -> ",
    updates=("var", "accum"),
    T=NUMERIC,
    differentiable=False,
)
def apply_momentum(
    var: Any, accum: Any, lr: Any, grad: Any, momentum: Any, *, use_locking: bool = False, use_nesterov: bool = False
) -> Any:
    """accum = momentum * accum + grad; var -= lr * accum (Nesterov: lr * (grad + momentum * accum))."""
    accum = momentum * accum + grad
    step = grad + momentum * accum if use_nesterov else accum
    return var - lr * step, accum


@op(
    "ResourceApplyKerasMomentum",
    "var: resource, accum: resource, lr: T, grad: T, momentum: T -> ",
    updates=("var", "accum"),
    T=NUMERIC,
    differentiable=False,
)
def apply_keras_momentum(
    var: Any, accum: Any, lr: Any, grad: Any, momentum: Any, *, use_locking: bool = False, use_nesterov: bool = False
) -> Any:
    """accum = momentum * accum - lr * grad; var += accum (Nesterov: momentum * accum - lr * grad)."""
    accum = momentum * accum - lr * grad
    return var + (momentum * accum - lr * grad if use_nesterov else accum), accum


@op(
    "ResourceApplyAdam",
    "var: resource, m: resource, v: resource, beta1_power: T, beta2_power: T, lr: T, beta1: T, beta2: T, epsilon: T, grad: T -> ",
    updates=("var", "m", "v"),
    T=NUMERIC,
    differentiable=False,
)
def apply_adam(
    var: Any,
    m: Any,
    v: Any,
    beta1_power: Any,
    beta2_power: Any,
    lr: Any,
    beta1: Any,
    beta2: Any,
    epsilon: Any,
    grad: Any,
    *,
    use_locking: bool = False,
    use_nesterov: bool = False,
) -> Any:
    """Adam (Kingma and Ba, 2014), section 2's efficient form."""
    rate = lr * jnp.sqrt(1 - beta2_power) / (1 - beta1_power)
    m = m + (grad - m) * (1 - beta1)
    v = v + (jnp.square(grad) - v) * (1 - beta2)
    direction = m * beta1 + (1 - beta1) * grad if use_nesterov else m
    return var - rate * direction / (jnp.sqrt(v) + epsilon), m, v
