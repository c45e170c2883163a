"""The training step of the demo, eager and compiled. Runs under Headrace or real TensorFlow: `python step_work.py MODULE`.

The model and the step are those of `headrace/demo/model.py`, written once more without Headrace's data loader so that
the same lines run under both.
"""

from __future__ import annotations

import importlib
import json
import statistics
import sys
import time
from typing import Any

BATCH = 128


def make_step(tf: Any, optimizer: Any) -> Any:
    """A training step on images [n, 28, 28] and labels [n]."""
    shapes = [[3, 3, 1, 16], [16], [3, 3, 16, 32], [32], [1568, 128], [128], [128, 10], [10]]
    w = [tf.Variable(tf.random.truncated_normal(s, stddev=0.05)) for s in shapes]

    def logits(images: Any) -> Any:
        x = tf.reshape(images, [-1, 28, 28, 1])
        x = tf.nn.max_pool2d(tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(x, w[0], 1, "SAME"), w[1])), 2, 2, "SAME")
        x = tf.nn.max_pool2d(tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(x, w[2], 1, "SAME"), w[3])), 2, 2, "SAME")
        x = tf.nn.relu(tf.matmul(tf.reshape(x, [-1, 1568]), w[4]) + w[5])
        return tf.matmul(tf.nn.dropout(x, 0.4), w[6]) + w[7]

    def train_step(x: Any, y: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits(x)))
        optimizer.apply_gradients(zip(tape.gradient(loss, w), w, strict=True))
        return loss

    return train_step


def measure(module: str, repeats: int = 20) -> dict[str, Any]:
    """Median milliseconds of the eager and the compiled step."""
    tf = importlib.import_module(module)
    tf.random.set_seed(1)
    images, labels = tf.random.uniform([BATCH, 28, 28]), tf.zeros([BATCH], tf.int32)
    found: dict[str, Any] = {"devices": [d.name for d in tf.config.list_physical_devices()]}
    for name, wrap in (("eager_ms", lambda f: f), ("compiled_ms", tf.function)):
        step = wrap(make_step(tf, tf.optimizers.Adam(1e-3)))
        times = []
        for _ in range(repeats + 2):
            start = time.perf_counter()
            step(images, labels).numpy()
            times.append(time.perf_counter() - start)
        found[name] = statistics.median(times[2:]) * 1000
    return found


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1])))
