"""The model that the tests of this folder, and those against TensorFlow, save."""

from __future__ import annotations

from typing import Any

import numpy as np

import headrace as tf

X = np.linspace(-1, 1, 12, dtype=np.float32).reshape(4, 3)


class Sample(tf.Module):
    """Variables in attributes, a list, a tuple and a dict; functions with and without signature, and one with an effect."""

    def __init__(self) -> None:
        super().__init__()
        self.w = tf.Variable(np.arange(6, dtype=np.float32).reshape(3, 2) / 10, name="w")
        self.layers = [tf.Variable(np.array([0.5, -0.5], np.float32), name="b"), tf.Module(name="inner")]
        self.layers[1].scale = tf.Variable(2.0, trainable=False, name="b")
        self.table = {"count": tf.Variable(1, trainable=False), "name": tf.Variable("text", trainable=False)}
        self.pair = (tf.Variable(3.0), tf.Variable(4.0))
        self.offset = tf.constant(np.linspace(1, 2, 200, dtype=np.float32).reshape(100, 2))

    @tf.function(input_signature=[tf.TensorSpec([None, 3], "float32")])
    def predict(self, x: Any) -> Any:
        y = tf.matmul(x, self.w) + self.layers[0]
        return {"y": tf.tanh(y) * self.layers[1].scale, "total": tf.reduce_sum(y, axis=1) + tf.reduce_sum(self.offset)}

    @tf.function
    def scale(self, x: Any, times: Any = 3, *, training: bool = False) -> Any:
        return x * 2.0 if training else (x * float(times), [x])

    @tf.function(input_signature=[])
    def bump(self) -> Any:
        return self.table["count"].assign_add(1)


def traced() -> Sample:
    """A sample whose polymorphic function was called in two ways."""
    model = Sample()
    one = tf.constant(np.ones(2, np.float32))
    model.scale(one, training=True)
    model.scale(one, 4)
    return model


def expected(model: Sample) -> dict[str, np.ndarray]:
    """What the sample computes for X."""
    return {key: np.asarray(value) for key, value in model.predict(X).items()}


def signatures(model: Sample) -> dict[str, Any]:
    """The signatures that the tests save it with."""
    return {"serving_default": model.predict, "bump": model.bump}
