"""A model with branches and loops, written once for TensorFlow and Headrace. As a script, under real TensorFlow:

control_flow.py write FOLDER    saves it, and prints what it computes
control_flow.py read FOLDER     loads it, and prints what it computes
"""

from __future__ import annotations

import json
import sys
from typing import Any

INPUTS = [[[0.5, -1.0], [2.0, 0.25]], [[-3.0, 1.0], [0.5, 0.5]]]


def build(tf: Any) -> Any:
    """The model, in the framework `tf`."""
    shaped = [tf.TensorSpec([None, 2], tf.float32)]

    class Model(tf.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.weights = tf.Variable([[0.5, -0.25], [1.0, 0.75]])
            self.calls = tf.Variable(0)

        @tf.function(input_signature=shaped)
        def branch(self, x: Any) -> Any:
            return tf.cond(tf.reduce_sum(x) > 0.0, lambda: tf.matmul(x, self.weights), lambda: -x)

        @tf.function(input_signature=shaped)
        def loop(self, x: Any) -> Any:
            return tf.while_loop(
                lambda i, _: i < 4, lambda i, y: (i + 1, tf.tanh(tf.matmul(y, self.weights)) + x), (tf.constant(0), x)
            )[1]

        @tf.function(input_signature=shaped)
        def until(self, x: Any) -> Any:
            y = x
            while tf.reduce_sum(y) < 20.0:
                if tf.reduce_max(y) > 2.0:
                    y = y + 1.0
                else:
                    y = y * y + 1.0
            return y

        @tf.function(input_signature=shaped)
        def choose(self, x: Any) -> Any:
            return tf.switch_case(tf.shape(x)[0] - 1, [lambda: x, lambda: x * self.weights[0], lambda: x + 1.0])

        @tf.function(input_signature=shaped)
        def scanned(self, x: Any) -> Any:
            return tf.scan(lambda state, row: tf.tanh(tf.linalg.matvec(self.weights, state)) + row, x)

        @tf.function(input_signature=shaped)
        def count(self, x: Any) -> Any:
            if tf.reduce_sum(x) > 0.0:
                self.calls.assign_add(1)
            else:
                self.calls.assign_add(10)
            for _ in tf.range(3):
                self.calls.assign_add(100)
            return x + tf.cast(self.calls, tf.float32)

    return Model()


METHODS = ("branch", "loop", "until", "choose", "scanned", "count")
DIFFERENTIABLE = ("branch", "loop", "until", "choose", "scanned")


def results(tf: Any, model: Any) -> dict[str, Any]:
    """What the methods give for INPUTS, with the gradients for x and the weights."""
    found: dict[str, Any] = {}
    for name in METHODS:
        rows = []
        for value in INPUTS:
            x = tf.constant(value)
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = getattr(model, name)(x)
            row = [y.numpy().tolist()]
            if name in DIFFERENTIABLE:
                gradients = tape.gradient(y, [x, model.weights], unconnected_gradients="zero")
                row += [tf.convert_to_tensor(g).numpy().tolist() for g in gradients]
            rows.append(row)
        found[name] = rows
    return found


if __name__ == "__main__":
    import tensorflow

    folder = sys.argv[2]
    if sys.argv[1] == "write":
        made = build(tensorflow)
        tensorflow.saved_model.save(made, folder)
        answer = results(tensorflow, made)
    else:
        answer = results(tensorflow, tensorflow.saved_model.load(folder))
    print()
    print(json.dumps(answer))
