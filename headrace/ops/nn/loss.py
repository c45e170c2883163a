"""Cross-entropies and the like."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp

from headrace.core.dtypes import FLOATING, INDEX
from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import get, op
from headrace.dispatch.tensor import Tensor


@op("SoftmaxCrossEntropyWithLogits", "features: T, labels: T -> loss: T, backprop: T", T=FLOATING)
def softmax_cross_entropy(features: Any, labels: Any) -> Any:
    """The loss of each row of [n, classes] against a distribution of labels, and its gradient."""
    log_probabilities = jax.nn.log_softmax(features, axis=-1)
    loss = -jnp.sum(labels * log_probabilities, -1)
    return loss, jnp.exp(log_probabilities) - labels


def _logits_gradient(record: Any, loss_grad: Any, backprop_grad: Any) -> Any:
    """The gradient for the logits, from that of the loss and (for second order) that of its gradient."""
    gradient = None if loss_grad is None else record.outputs[1] * get("ExpandDims")(loss_grad, -1)
    if backprop_grad is None:
        return gradient
    softmax = get("Softmax")(record.inputs[0])
    second = (backprop_grad - get("Sum")(backprop_grad * softmax, [-1], keep_dims=True)) * softmax
    return second if gradient is None else gradient + second


@softmax_cross_entropy.gradient
def _softmax_cross_entropy_gradient(record: Any, loss_grad: Any, backprop_grad: Any) -> Any:
    of_logits = _logits_gradient(record, loss_grad, backprop_grad)
    of_labels = None if backprop_grad is None else -backprop_grad
    if loss_grad is not None:
        cross = -get("LogSoftmax")(record.inputs[0]) * get("ExpandDims")(loss_grad, -1)
        of_labels = cross if of_labels is None else cross + of_labels
    return of_logits, of_labels


@op(
    "SparseSoftmaxCrossEntropyWithLogits",
    "features: T, labels: Tlabels -> loss: T, backprop: T",
    T=FLOATING,
    Tlabels=INDEX,
)
def sparse_softmax_cross_entropy(features: Any, labels: Any) -> Any:
    """The loss of each row of [n, classes] against a class, and its gradient; NaN for a class out of range."""
    if features.ndim != 2 or labels.shape != features.shape[:1]:
        raise InvalidArgumentError(
            f"expected logits of shape [n, classes] and labels of shape [n]; got logits {tuple(features.shape)} and labels"
            f" {tuple(labels.shape)}"
        )
    log_probabilities = jax.nn.log_softmax(features, axis=-1)
    one_hot = jax.nn.one_hot(labels, features.shape[-1], dtype=features.dtype)
    valid = ((labels >= 0) & (labels < features.shape[-1]))[:, None]
    nan = jnp.asarray(jnp.nan, features.dtype)
    loss = jnp.where(valid[:, 0], -jnp.sum(one_hot * log_probabilities, -1), nan)
    return loss, jnp.where(valid, jnp.exp(log_probabilities) - one_hot, nan)


@sparse_softmax_cross_entropy.gradient
def _sparse_softmax_cross_entropy_gradient(record: Any, loss_grad: Any, backprop_grad: Any) -> Any:
    return _logits_gradient(record, loss_grad, backprop_grad), None


def sparse_softmax_cross_entropy_with_logits(labels: Any, logits: Any, name: str | None = None) -> Tensor:
    """The loss of logits [..., classes] against classes [...]."""
    scores, classes = convert_to_tensor(logits), convert_to_tensor(labels)
    if scores.shape.rank == 2:
        return sparse_softmax_cross_entropy.all(scores, classes, name=name)[0]
    shape, reshape = get("Shape"), get("Reshape")
    count = shape(scores)[-1]
    flat = sparse_softmax_cross_entropy.all(reshape(scores, get("Pack")([-1, count])), reshape(classes, [-1]), name=name)[0]
    return reshape(flat, shape(classes))


def softmax_cross_entropy_with_logits(labels: Any, logits: Any, axis: int = -1, name: str | None = None) -> Tensor:
    """The loss of logits against distributions of labels along `axis` (the last)."""
    scores = convert_to_tensor(logits)
    target = convert_to_tensor(labels, scores.dtype)
    rank = scores.shape.rank
    if rank is not None and axis not in (-1, rank - 1):
        order = [i for i in range(rank) if i != axis % rank] + [axis % rank]
        scores, target = get("Transpose")(scores, order), get("Transpose")(target, order)
    if rank == 2:
        return softmax_cross_entropy.all(scores, target, name=name)[0]
    shape, reshape = get("Shape"), get("Reshape")
    flat = get("Pack")([-1, shape(scores)[-1]])
    loss = softmax_cross_entropy.all(reshape(scores, flat), reshape(target, flat), name=name)[0]
    return reshape(loss, shape(scores)[:-1])


def sigmoid_cross_entropy_with_logits(labels: Any = None, logits: Any = None, name: str | None = None) -> Tensor:
    """max(x, 0) - x * z + log(1 + exp(-|x|)) for logits x and labels z of one shape."""
    x = convert_to_tensor(logits)
    z = convert_to_tensor(labels, x.dtype)
    if not x.shape.is_compatible_with(z.shape):
        raise ValueError(f"logits and labels must have the same shape; got {x.shape} and {z.shape}")
    positive = x >= 0.0
    zeros = get("ZerosLike")(x)
    select = get("SelectV2")
    return select(positive, x, zeros) - x * z + get("Log1p")(get("Exp")(select(positive, -x, x)))


def weighted_cross_entropy_with_logits(labels: Any, logits: Any, pos_weight: Any, name: str | None = None) -> Tensor:
    """Sigmoid cross-entropy in which the positive part counts `pos_weight` times.

    Raises:
        ValueError: labels and logits differ in shape.
    """
    x = convert_to_tensor(logits)
    z = convert_to_tensor(labels, x.dtype)
    if not x.shape.is_compatible_with(z.shape):
        raise ValueError(f"logits and labels must have the same shape; got {x.shape} and {z.shape}")
    weight = 1.0 + (pos_weight - 1.0) * z
    tail = get("Log1p")(get("Exp")(-get("Abs")(x))) + get("Relu")(-x)
    return get("AddV2")((1.0 - z) * x, weight * tail, name=name)


def log_poisson_loss(targets: Any, log_input: Any, compute_full_loss: bool = False, name: str | None = None) -> Tensor:
    """exp(c) - z * c for log-inputs c and targets z; the full loss adds Stirling's approximation of log(z!) where z > 1.

    Raises:
        ValueError: targets and log-inputs differ in shape.
    """
    c = convert_to_tensor(log_input)
    z = convert_to_tensor(targets, c.dtype)
    if not c.shape.is_compatible_with(z.shape):
        raise ValueError(f"log_input and targets must have the same shape; got {c.shape} and {z.shape}")
    loss: Tensor = get("Exp")(c) - c * z
    if not compute_full_loss:
        return loss
    log = get("Log")
    stirling = z * log(z) - z + 0.5 * log((2.0 * math.pi) * z)
    small = get("LogicalAnd")(z >= 0.0, z <= 1.0)
    return get("AddV2")(loss, get("SelectV2")(small, get("ZerosLike")(z), stirling), name=name)
