"""Optimizers with slots whose state goes through checkpoints, for Headrace and real TensorFlow alike.

usage (by TensorFlow's Python): slots.py OURS THEIRS
Restores the checkpoint OURS and writes THEIRS and others, and prints what variables hold after each.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np

MAKERS = {
    "descent": lambda train: train.GradientDescentOptimizer(0.1),
    "momentum": lambda train: train.MomentumOptimizer(0.1, 0.9),
    "nesterov": lambda train: train.MomentumOptimizer(lambda: 0.05, 0.8, use_nesterov=True, name="Nesterov"),
    "adam": lambda train: train.AdamOptimizer(0.05, beta1=0.8),
    "adagrad": lambda train: train.AdagradOptimizer(0.1, initial_accumulator_value=0.2),
    "adadelta": lambda train: train.AdadeltaOptimizer(0.5),
    "rmsprop": lambda train: train.RMSPropOptimizer(0.01, momentum=0.5),
    "centered": lambda train: train.RMSPropOptimizer(0.01, momentum=0.5, centered=True, name="Centered"),
}


def build(tf: Any, start: float) -> Any:
    """A Checkpoint over a variable, another in a list, and optimizers of every kind."""
    model = tf.Module()
    model.w = tf.Variable(np.linspace(-start, start, 6, dtype=np.float32).reshape(2, 3), name="w")
    model.layers = [tf.Variable(np.float32([start, 1.0]), name="b")]
    made = {name: make(tf.compat.v1.train) for name, make in MAKERS.items()}
    return tf.train.Checkpoint(model=model, step=tf.Variable(0, dtype=tf.int64), **made)


def train(tf: Any, checkpoint: Any, steps: int) -> None:
    """Takes some steps with each optimizer in turn."""
    model = checkpoint.model
    for _ in range(steps):
        for name in MAKERS:

            def loss() -> Any:
                return tf.reduce_sum(model.w**2) + tf.reduce_sum(model.layers[0] ** 2) + 0.1 * model.w[0, 0] * model.layers[0][1]

            getattr(checkpoint, name).minimize(loss, global_step=checkpoint.step, var_list=[model.w, model.layers[0]])


def values(checkpoint: Any) -> dict[str, Any]:
    """What the variables and slots hold."""
    model = checkpoint.model
    found = {"w": model.w, "b": model.layers[0], "step": checkpoint.step}
    for name in MAKERS:
        optimizer = getattr(checkpoint, name)
        for slot in optimizer.get_slot_names():
            for key, variable in (("w", model.w), ("b", model.layers[0])):
                found[f"{name} {slot} {key}"] = optimizer.get_slot(variable, slot)
    for beta in ("beta1_power", "beta2_power"):
        found[beta] = next(v for v in checkpoint.adam.variables() if v.name.startswith(beta))
    return {key: np.asarray(value.numpy()).tolist() for key, value in found.items()}


def write_keras(tf: Any, folder: str) -> dict[str, Any]:
    """Writes checkpoints of optimizers of Keras 2, and a SavedModel that holds one; returns what they hold."""
    from tensorflow.python.keras.optimizer_v2 import adam, gradient_descent

    model = tf.Module()
    model.w = tf.Variable([1.0, -2.0], name="w")
    model.adam, model.momentum = adam.Adam(0.25), gradient_descent.SGD(0.125, momentum=0.5)
    for optimizer in (model.adam, model.adam, model.momentum):
        optimizer.minimize(lambda: tf.reduce_sum(model.w**3), [model.w])
    tf.train.Checkpoint(model).write(f"{folder}/keras2")
    tf.saved_model.save(model, f"{folder}/saved")
    slots = {name: model.adam.get_slot(model.w, name).numpy().tolist() for name in ("m", "v")}
    return slots | {"w": model.w.numpy().tolist(), "momentum": model.momentum.get_slot(model.w, "momentum").numpy().tolist()}


def main(ours: str, theirs: str) -> None:
    """See the head of this file."""
    import tensorflow as tf

    told = {}
    restored = build(tf, 9.0)
    status = restored.restore(f"{ours}/c-1")
    told["restored step"] = int(restored.step)
    told["restored slot"] = restored.adam.get_slot(restored.model.w, "v").numpy().tolist()
    train(tf, restored, 1)
    status.assert_consumed()
    told["after ours"] = values(restored)
    told["ours listed"] = [name for name, _ in tf.train.list_variables(f"{ours}/c-1")]
    own = build(tf, 2.0)
    train(tf, own, 2)
    told["before theirs"] = values(own)
    own.save(f"{theirs}/c")
    told["theirs listed"] = [name for name, _ in tf.train.list_variables(f"{theirs}/c-1")]
    train(tf, own, 1)
    told["after theirs"] = values(own)
    told["keras"] = write_keras(tf, theirs)
    print(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
