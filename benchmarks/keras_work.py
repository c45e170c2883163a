"""What Keras's `fit` costs a step beside the bare compiled step. Runs under either framework: `python keras_work.py MODULE`."""

from __future__ import annotations

import importlib
import json
import statistics
import sys
import time
from typing import Any

import numpy as np

BATCH = 128
STEPS = 400
ROUNDS = 5


def measure(module: str) -> dict[str, float]:
    """Milliseconds a step: of `fit` over arrays, of a compiled step on tensors at hand, and what the one takes more."""
    tf = importlib.import_module(module)
    keras = tf.keras
    keras.utils.set_random_seed(1)
    x = np.random.default_rng(0).random((BATCH * STEPS, 64), np.float32)
    y = np.zeros(len(x), np.int32)
    model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(64, activation="relu"), keras.layers.Dense(10)])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    loss = model.loss

    @tf.function
    def step(images: Any, labels: Any) -> Any:
        with tf.GradientTape() as tape:
            value = loss(labels, model(images, training=True))
        weights = model.trainable_variables
        model.optimizer.apply_gradients(zip(tape.gradient(value, weights), weights, strict=True))
        return value

    first = tf.constant(x[:BATCH]), tf.constant(y[:BATCH])
    model.fit(x, y, batch_size=BATCH, verbose=0)
    step(*first)
    fitted, bare = [], []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        model.fit(x, y, batch_size=BATCH, verbose=0)
        fitted.append((time.perf_counter() - start) / STEPS)
        start = time.perf_counter()
        for _ in range(STEPS):
            value = step(*first)
        value.numpy()
        bare.append((time.perf_counter() - start) / STEPS)
    found = {"fit_ms": 1e3 * statistics.median(fitted), "bare_ms": 1e3 * statistics.median(bare)}
    return found | {"overhead_ms": found["fit_ms"] - found["bare_ms"]}


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1])))
