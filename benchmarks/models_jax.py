"""The models of models.py written by hand in JAX: functions of the list of variables, in the order of `model.variables`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

Arrays = Sequence[Any]
_IMAGES = ("NHWC", "HWIO", "NHWC")


def mlp(weights: Arrays, x: Any) -> Any:
    """Dense layers with ReLU."""
    pairs = list(zip(weights[::2], weights[1::2], strict=True))
    for weight, bias in pairs[:-1]:
        x = jax.nn.relu(x @ weight + bias)
    return x @ pairs[-1][0] + pairs[-1][1]


def _pool(x: Any, size: int, stride: int) -> Any:
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, size, size, 1), (1, stride, stride, 1), "SAME")


def cnn(weights: Arrays, x: Any) -> Any:
    """Two convolutions with pooling, two dense layers."""
    for kernel, bias in ((weights[0], weights[1]), (weights[2], weights[3])):
        x = _pool(jax.nn.relu(lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=_IMAGES) + bias), 2, 2)
    x = jax.nn.relu(x.reshape(x.shape[0], -1) @ weights[4] + weights[5])
    return x @ weights[6] + weights[7]


def _normalized(x: Any, scale: Any, offset: Any) -> Any:
    mean = x.mean(-1, keepdims=True)
    variance = jnp.square(x - mean).mean(-1, keepdims=True)
    return (x - mean) * lax.rsqrt(variance + 1e-6) * scale + offset


def encoder(weights: Arrays, x: Any, heads: int = 8) -> Any:
    """A transformer encoder over token ids."""
    rest = iter(weights)
    tokens, positions = next(rest), next(rest)
    blocks = [[next(rest) for _ in range(12)] for _ in range((len(weights) - 5) // 12)]
    scale, offset, head = rest
    x = tokens[x] + positions
    batch, length, width = x.shape
    for s1, o1, wqkv, bqkv, wout, bout, s2, o2, wup, bup, wdown, bdown in blocks:
        qkv = (_normalized(x, s1, o1) @ wqkv + bqkv).reshape(batch, length, 3, heads, width // heads)
        q, k, v = qkv.transpose(2, 0, 3, 1, 4)
        scores = jax.nn.softmax(q @ k.swapaxes(-1, -2) / math.sqrt(width // heads))
        x = x + (scores @ v).transpose(0, 2, 1, 3).reshape(batch, length, width) @ wout + bout
        x = x + jax.nn.gelu(_normalized(x, s2, o2) @ wup + bup, approximate=False) @ wdown + bdown
    return _normalized(x, scale, offset) @ head


def _batch_normalized(y: Any, scale: Any, offset: Any, average: tuple[Any, Any], training: bool) -> tuple[Any, tuple[Any, Any]]:
    if not training:
        mean, variance = average
        return (y - mean) * (lax.rsqrt(variance + 1e-5) * scale) + offset, average
    mean, variance = y.mean((0, 1, 2)), y.var((0, 1, 2))
    updated = (0.9 * average[0] + 0.1 * mean, 0.9 * average[1] + 0.1 * variance)
    return (y - mean) * (lax.rsqrt(variance + 1e-5) * scale) + offset, updated


def resnet50(weights: Arrays, averages: Arrays, x: Any, training: bool) -> tuple[Any, list[Any]]:
    """ResNet-50; returns the logits and the new running averages."""
    rest, old, new = iter(weights), iter(averages), []

    def parameters() -> tuple[Any, Any, Any, tuple[Any, Any]]:
        return next(rest), next(rest), next(rest), (next(old), next(old))

    def apply(y: Any, made: tuple[Any, Any, Any, tuple[Any, Any]], stride: int) -> Any:
        kernel, scale, offset, average = made
        y = lax.conv_general_dilated(y, kernel, (stride, stride), "SAME", dimension_numbers=_IMAGES)
        y, updated = _batch_normalized(y, scale, offset, average, training)
        new.extend(updated)
        return y

    x = _pool(jax.nn.relu(apply(x, parameters(), 2)), 3, 2)
    for stage, count in enumerate((3, 4, 6, 3)):
        for index in range(count):
            stride = 2 if stage and not index else 1
            layers = [parameters() for _ in range(3)]
            shortcut = x if index else None
            if shortcut is None:
                projection = parameters()
            y = jax.nn.relu(apply(x, layers[0], 1))
            y = jax.nn.relu(apply(y, layers[1], stride))
            y = apply(y, layers[2], 1)
            x = jax.nn.relu(y + (shortcut if shortcut is not None else apply(x, projection, stride)))
    return x.mean((1, 2)) @ next(rest) + next(rest), new


def _cross_entropy(logits: Any, labels: Any) -> Any:
    return -jnp.take_along_axis(jax.nn.log_softmax(logits), labels[..., None], -1).mean()


PLAIN: dict[str, Callable[..., Any]] = {"Mlp": mlp, "Cnn": cnn, "Encoder": encoder}


def programs(name: str, weights: list[Any], averages: list[Any], x: Any, y: Any) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Inference and a training step (plain gradient descent, buffers donated), each as a call that returns arrays."""
    with_averages = name == "ResNet50"

    def outputs(weights: Any, averages: Any, x: Any, training: bool) -> tuple[Any, Any]:
        if with_averages:
            return resnet50(weights, averages, x, training)
        return PLAIN[name](weights, x), averages

    infer = jax.jit(lambda w, a, x: outputs(w, a, x, False)[0])
    yield "inference", lambda: infer(weights, averages, x)

    def loss(weights: Any, averages: Any, x: Any, y: Any) -> tuple[Any, Any]:
        logits, updated = outputs(weights, averages, x, True)
        return _cross_entropy(logits, y), updated

    def train(weights: Any, averages: Any, x: Any, y: Any) -> tuple[Any, Any, Any]:
        (value, updated), gradients = jax.value_and_grad(loss, has_aux=True)(weights, averages, x, y)
        return value, [w - 1e-3 * g for w, g in zip(weights, gradients, strict=True)], updated

    step = jax.jit(train, donate_argnums=(0, 1))
    state = [list(map(jnp.copy, weights)), list(map(jnp.copy, averages))]

    def run() -> Any:
        value, *state[:] = step(*state, x, y)
        return value

    yield "training", run
