"""Functions with gradients of their own, for Headrace and real TensorFlow alike.

usage (by TensorFlow's Python): custom_gradients.py OURS [THEIRS]
Prints the gradients of the model OURS; saves a model to THEIRS and prints its gradients too.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np

X = np.linspace(-1, 1, 8, dtype=np.float32).reshape(2, 4)
NAMES = ("intermediate", "several", "with_variable", "closure", "by_parts", "twice", "choice")


def steps(tf: Any) -> tuple[Any, Any]:
    """An exponential and a scaling with gradients of their own."""

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def clipped(x: Any) -> Any:
        y = tf.exp(x)
        return y, lambda up: tf.clip_by_value(up, -0.5, 0.5) * y

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def scaled(x: Any, factor: Any) -> Any:
        return (x * factor, x + factor), lambda up, _: (up * 100.0 * factor, None)

    return clipped, scaled


def build(tf: Any) -> Any:
    """A module whose functions have gradients that their forward computation would not have."""
    spec = [tf.TensorSpec([None, 4], tf.float32, name="x")]

    clipped, scaled = steps(tf)

    class Model(tf.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.weight = tf.Variable(np.linspace(-1, 1, 8, dtype=np.float32).reshape(4, 2))
            self.gain = tf.Variable(2.0)
            self.table = tf.constant(np.linspace(0, 1, 400, dtype=np.float32).reshape(100, 4))

        @tf.function(input_signature=spec)
        def intermediate(self, x: Any) -> Any:
            return clipped(x @ self.weight)

        @tf.function(input_signature=spec)
        def several(self, x: Any) -> Any:
            first, second = scaled(x, 3.0)
            return first + second

        @tf.function(input_signature=spec)
        def with_variable(self, x: Any) -> Any:
            @tf.custom_gradient  # type: ignore[untyped-decorator]
            def gained(x: Any) -> Any:
                def gradient(up: Any, variables: Any = None) -> Any:
                    return up * 5.0, [tf.reduce_sum(up) * 7.0 for _ in variables]

                return x * self.gain, gradient

            return gained(x)

        @tf.function(input_signature=spec)
        def closure(self, x: Any) -> Any:
            @tf.custom_gradient  # type: ignore[untyped-decorator]
            def straight(x: Any) -> Any:
                return tf.round(x), lambda up: up + self.table[7] + x * self.gain

            return straight(x) * 2.0 + self.table[3]  # TensorFlow saves no gradient that alone captures a constant

        @tf.function(input_signature=spec)
        def by_parts(self, x: Any) -> Any:
            left, right = tf.split(x, 2, axis=1)
            return clipped(left) + clipped(right * 2.0)

        @tf.function(input_signature=spec)
        def twice(self, x: Any) -> Any:
            return clipped(clipped(x))

        @tf.function(input_signature=spec)
        def choice(self, x: Any) -> Any:
            return tf.cond(tf.reduce_sum(x) > 1.0, lambda: clipped(x), lambda: x * 2.0)

    return Model()


def gradients(tf: Any, model: Any) -> dict[str, Any]:
    """Of each function: its value, and the gradients of the sum of squares by the argument and the variables."""
    found = {}
    for name in NAMES:
        x = tf.constant(X + 0.25 if name == "choice" else X)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = getattr(model, name)(x)
            loss = tf.reduce_sum(y * y)
        parts = tape.gradient(loss, [x, model.weight, model.gain])
        found[name] = [np.asarray(y).tolist(), *(None if part is None else np.asarray(part).tolist() for part in parts)]
    x = tf.constant(X)
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(model.intermediate(x) ** 2)
        first = tape.gradient(loss, x)
    found["second order"] = [np.asarray(outer.gradient(first, x)).tolist()]
    return found


def main(*folders: str) -> None:
    """See the head of this file."""
    import tensorflow as tf

    told = {"theirs": gradients(tf, tf.saved_model.load(folders[0]))}
    if len(folders) > 1:
        model = build(tf)
        told["live"] = gradients(tf, model)
        options = tf.saved_model.SaveOptions(experimental_custom_gradients=True)
        tf.saved_model.save(model, folders[1], options=options)
    print(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
