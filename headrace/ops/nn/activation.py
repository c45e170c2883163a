"""Activations and softmax."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from headrace.core.dtypes import FLOATING, REAL
from headrace.dispatch.infer import elementwise
from headrace.dispatch.opdef import get, op


@op("ReluGrad", "gradients: T, features: T -> backprops: T", T=REAL, shape=elementwise)
def relu_grad(gradients: Any, features: Any) -> Any:
    """The gradient of Relu; 0 where the feature is not above 0."""
    return jnp.where(features > 0, gradients, 0).astype(gradients.dtype)


@relu_grad.gradient
def _relu_grad_gradient(record: Any, grad: Any) -> Any:
    return relu_grad(grad, record.inputs[1]), None


@op("Relu", "features: T -> activations: T", T=REAL)
def relu(features: Any) -> Any:
    """max(features, 0), elementwise."""
    return jnp.maximum(features, 0).astype(features.dtype)


@relu.gradient
def _relu_gradient(record: Any, grad: Any) -> Any:
    return relu_grad(grad, record.outputs[0])


@op("Relu6Grad", "gradients: T, features: T -> backprops: T", T=REAL, shape=elementwise)
def relu6_grad(gradients: Any, features: Any) -> Any:
    """The gradient of Relu6; 0 outside of (0, 6)."""
    return jnp.where((features > 0) & (features < 6), gradients, 0).astype(gradients.dtype)


@relu6_grad.gradient
def _relu6_grad_gradient(record: Any, grad: Any) -> Any:
    return relu6_grad(grad, record.inputs[1]), None


@op("Relu6", "features: T -> activations: T", T=REAL)
def relu6(features: Any) -> Any:
    """min(max(features, 0), 6), elementwise."""
    return jnp.clip(features, 0, 6).astype(features.dtype)


@relu6.gradient
def _relu6_gradient(record: Any, grad: Any) -> Any:
    return relu6_grad(grad, record.outputs[0])


@op("LeakyReluGrad", "gradients: T, features: T -> backprops: T", T=FLOATING, shape=elementwise)
def leaky_relu_grad(gradients: Any, features: Any, *, alpha: float = 0.2) -> Any:
    """The gradient of LeakyRelu."""
    return jnp.where(features > 0, gradients, gradients * jnp.asarray(alpha, gradients.dtype))


@leaky_relu_grad.gradient
def _leaky_relu_grad_gradient(record: Any, grad: Any) -> Any:
    return leaky_relu_grad(grad, record.inputs[1], alpha=record.attrs["alpha"]), None


@op("LeakyRelu", "features: T -> activations: T", T=FLOATING)
def leaky_relu_op(features: Any, *, alpha: float = 0.2) -> Any:
    """features where above 0, else alpha * features."""
    return jnp.where(features > 0, features, features * jnp.asarray(alpha, features.dtype))


@leaky_relu_op.gradient
def _leaky_relu_gradient(record: Any, grad: Any) -> Any:
    return leaky_relu_grad(grad, record.inputs[0], alpha=record.attrs["alpha"])


@op("EluGrad", "gradients: T, outputs: T -> backprops: T", T=FLOATING, shape=elementwise)
def elu_grad(gradients: Any, outputs: Any) -> Any:
    """The gradient of Elu from its outputs."""
    return jnp.where(outputs < 0, (outputs + 1) * gradients, gradients)


def _where_negative(outputs: Any, value: Any) -> Any:
    """`value` where the output is below 0, else 0."""
    zeros = get("ZerosLike")(value)
    return get("SelectV2")(get("Less")(outputs, get("ZerosLike")(outputs)), value, zeros)


@elu_grad.gradient
def _elu_grad_gradient(record: Any, grad: Any) -> Any:
    upstream, outputs = record.inputs
    return elu_grad(grad, outputs), _where_negative(outputs, grad * upstream)


@op("Elu", "features: T -> activations: T", T=FLOATING)
def elu(features: Any) -> Any:
    """features where above 0, else exp(features) - 1."""
    return jax.nn.elu(features)


@elu.gradient
def _elu_gradient(record: Any, grad: Any) -> Any:
    return elu_grad(grad, record.outputs[0])


_SELU_SCALE = 1.0507009873554804934193349852946
_SELU_SCALE_ALPHA = 1.7580993408473768599402175208123


@op("SeluGrad", "gradients: T, outputs: T -> backprops: T", T=FLOATING, shape=elementwise)
def selu_grad(gradients: Any, outputs: Any) -> Any:
    """The gradient of Selu from its outputs."""
    return jnp.where(outputs < 0, gradients * (outputs + _SELU_SCALE_ALPHA), gradients * _SELU_SCALE)


@selu_grad.gradient
def _selu_grad_gradient(record: Any, grad: Any) -> Any:
    upstream, outputs = record.inputs
    return selu_grad(grad, outputs), _where_negative(outputs, grad * upstream)


@op("Selu", "features: T -> activations: T", T=FLOATING)
def selu(features: Any) -> Any:
    """Self-normalizing activation (Klambauer et al., 2017)."""
    return jnp.where(features > 0, _SELU_SCALE * features, _SELU_SCALE_ALPHA * jnp.expm1(jnp.minimum(features, 0)))


@selu.gradient
def _selu_gradient(record: Any, grad: Any) -> Any:
    return selu_grad(grad, record.outputs[0])


@op("SoftplusGrad", "gradients: T, features: T -> backprops: T", T=FLOATING, shape=elementwise)
def softplus_grad(gradients: Any, features: Any) -> Any:
    """The gradient of Softplus."""
    return gradients * jax.nn.sigmoid(features)


@softplus_grad.gradient
def _softplus_grad_gradient(record: Any, grad: Any) -> Any:
    upstream, features = record.inputs
    slope = get("Sigmoid")(features)
    return softplus_grad(grad, features), grad * upstream * slope * (1.0 - slope)


@op("Softplus", "features: T -> activations: T", T=FLOATING)
def softplus(features: Any) -> Any:
    """log(exp(features) + 1), elementwise."""
    return jnp.logaddexp(features, jnp.zeros((), features.dtype))


@softplus.gradient
def _softplus_gradient(record: Any, grad: Any) -> Any:
    return softplus_grad(grad, record.inputs[0])


@op("SoftsignGrad", "gradients: T, features: T -> backprops: T", T=FLOATING, shape=elementwise)
def softsign_grad(gradients: Any, features: Any) -> Any:
    """The gradient of Softsign."""
    return gradients / jnp.square(1 + jnp.abs(features))


@op("Softsign", "features: T -> activations: T", T=FLOATING)
def softsign(features: Any) -> Any:
    """features / (|features| + 1), elementwise."""
    return features / (jnp.abs(features) + 1)


@softsign.gradient
def _softsign_gradient(record: Any, grad: Any) -> Any:
    return softsign_grad(grad, record.inputs[0])


@op("Softmax", "logits: T -> softmax: T", T=FLOATING)
def softmax_last(logits: Any) -> Any:
    """exp(logits) normalized to a sum of 1 along the last axis."""
    return jax.nn.softmax(logits, axis=-1)


@softmax_last.gradient
def _softmax_gradient(record: Any, grad: Any) -> Any:
    output = record.outputs[0]
    return (grad - get("Sum")(grad * output, [-1], keep_dims=True)) * output


@op("LogSoftmax", "logits: T -> logsoftmax: T", T=FLOATING)
def log_softmax_last(logits: Any) -> Any:
    """logits - log(sum(exp(logits))) along the last axis."""
    return jax.nn.log_softmax(logits, axis=-1)


@log_softmax_last.gradient
def _log_softmax_gradient(record: Any, grad: Any) -> Any:
    return grad - get("Sum")(grad, [-1], keep_dims=True) * get("Exp")(record.outputs[0])
