"""tf.experimental.numpy: values and dtypes as TensorFlow gives them."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.public.case import case

R = np.random.RandomState(5)
X = R.standard_normal((2, 3)).astype(np.float32)
I = np.int32([[3, 1, 2], [6, 5, 4]])  # noqa: E741


def constructors(tf: Any) -> Any:
    n = tf.experimental.numpy
    return [
        n.zeros((2, 1)),
        n.ones(3, dtype=np.int32),
        n.full((2, 2), 7),
        n.eye(2, 3, 1),
        n.identity(2, dtype=np.float32),
        n.arange(4),
        n.arange(1.0, 2.0, 0.25),
        n.linspace(0, 1, 5),
        n.array([1, 2]),
        n.array([1.5, 2.0], ndmin=2),
        n.asarray([True, False]),
        n.array([tf.constant(1.0), 2.0]),
        n.zeros_like(tf.constant([1, 2])),
    ]


def arithmetic(tf: Any, x: Any, i: Any) -> Any:
    n = tf.experimental.numpy
    return [
        n.add(x, i),
        n.add(x, 1.5),
        n.add(i, 2),
        n.subtract(i, 0.5),
        n.multiply(x, x),
        n.divide(i, 2),
        n.floor_divide(i, 2),
        n.mod(i, 4),
        n.power(i, 2),
        n.maximum(x, 0),
        n.exp(x),
        n.log(n.abs(x)),
        n.sqrt(n.abs(x)),
        n.log2(n.abs(x)),
        n.clip(i, 2, 5),
        n.greater(x, 0),
        n.logical_and(x > 0.0, i > 2),
        n.where(x > 0.0, x, 0),
        n.select([x > 1.0, x > 0.0], [x, x * 2.0], 7),
        n.isnan(x),
        n.sign(x),
    ]


def reductions(tf: Any, x: Any, i: Any) -> Any:
    n = tf.experimental.numpy
    return [
        n.sum(i),
        n.sum(x, axis=0),
        n.sum(x, axis=(0, 1), keepdims=True),
        n.prod(i, axis=1),
        n.mean(i),
        n.mean(x, axis=1, keepdims=True),
        n.max(x),
        n.amin(i, axis=-1),
        n.var(x, axis=0),
        n.std(x),
        n.any(x > 1.0),
        n.all(x > -9.0, axis=1),
        n.argmax(x),
        n.argmin(x, axis=1),
        n.cumsum(i),
        n.cumsum(x, axis=0),
    ]


def arrangements(tf: Any, x: Any, i: Any) -> Any:
    n = tf.experimental.numpy
    return [
        n.reshape(x, (3, 2)),
        n.ravel(i),
        n.transpose(x),
        n.swapaxes(x[None], 0, 2),
        n.moveaxis(x[None], 0, -1),
        n.expand_dims(x, 1),
        n.squeeze(x[None]),
        n.concatenate([x, i]),
        n.stack([x, i], axis=1),
        n.vstack([x, x[0]]),
        n.hstack([x, i]),
        *n.split(x, 3, axis=1),
        n.tile(i, (2, 1)),
        n.repeat(i, 2, axis=0),
        n.flip(x, 1),
        n.take(x, [0, 5, 9]),
        n.take(x, [-1, 1], axis=1, mode="wrap"),
        n.sort(i),
        n.argsort(i, axis=0),
        n.triu(x),
        n.tril(x, -1),
    ]


def products(tf: Any, x: Any) -> Any:
    n = tf.experimental.numpy
    return [
        n.matmul(x, n.transpose(x)),
        n.matmul(x, x[0]),
        n.matmul(x[0], x[0]),
        n.dot(x, x[0]),
        n.dot(x, 2.0),
        n.tensordot(x, x, [[1], [1]]),
        n.outer(x[0], x[1]),
    ]


CASES = {
    "finfo": case(
        lambda tf: [
            tf.constant(float(getattr(tf.experimental.numpy.finfo(dtype), limit)), tf.float64)
            for dtype in (tf.float32, np.float64, tf.float16)
            for limit in ("eps", "max", "tiny")
        ]
    ),
    "iinfo": case(lambda tf: [tf.constant(int(tf.experimental.numpy.iinfo(dtype).max), tf.int64) for dtype in (np.int8, np.int64)]),
    "constructors": case(constructors),
    "arithmetic": case(arithmetic, X, I, gradient=False),
    "reductions": case(reductions, X, I, gradient=False),
    "arrangements": case(arrangements, X, I, gradient=False),
    "products": case(products, X),
    "gradients": case(lambda tf, x: tf.experimental.numpy.mean(tf.experimental.numpy.exp(x) * 2, axis=0), X),
    "constants": case(
        lambda tf: tf.constant([tf.experimental.numpy.pi, tf.experimental.numpy.finfo(np.float32).eps], tf.float64),
        in_function=False,
    ),
    "select-uneven": case(lambda tf, x: tf.experimental.numpy.select([x > 0.0], [x, x]), X, in_function=False),
}
