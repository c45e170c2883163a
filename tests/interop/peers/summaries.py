"""Writes summaries of every kind: `write` under Headrace and, as a script, under real TensorFlow, of the same data."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

RANDOM = np.random.default_rng(7)
SPREAD = RANDOM.normal(size=1000).astype(np.float32)
PIXELS = RANDOM.integers(0, 256, (5, 6, 4, 3), np.uint8)
SOUND = np.sin(np.arange(400, dtype=np.float32) / 9).reshape(1, 200, 2)
LABELS, SCORES = RANDOM.random(300) < 0.4, RANDOM.random(300).astype(np.float32)
WEIGHTS = RANDOM.random(300).astype(np.float32)

HISTOGRAMS: dict[str, tuple[Any, Any]] = {
    "spread": (SPREAD, None),
    "few": (SPREAD, 3),
    "none wanted": (SPREAD, 0),
    "negative": (SPREAD, -2),
    "equal": (np.float32([2.5, 2.5, 2.5]), None),
    "empty": (np.float32([]), 4),
    "one": (np.int32(7), 2),
    "bools": ([True, False, True], 5),
    "integers": (np.arange(12).reshape(3, 4), 4),
    "beyond int32": (np.int64([-(2**40), 0, 2**40]), 3),
    "infinite": (np.float32([1.0, np.inf, 3.0]), 3),
    "no number": (np.float32([1.0, np.nan, 3.0]), 3),
}
IMAGES: dict[str, Any] = {
    "bytes": PIXELS,
    "floats": (PIXELS / np.float32(255)).astype(np.float32),
    "beyond": np.float32([-0.5, 0.25, 0.5, 1.5]).reshape(1, 2, 2, 1),
    "words": (PIXELS.astype(np.uint16) * 257)[..., :1],
    "transparent": np.concatenate([PIXELS, PIXELS[..., :1]], -1),
    "grey and transparent": PIXELS[..., :2],
}
TEXTS: dict[str, Any] = {
    "plain": "hello *world*",
    "table": [["a", "b"], ["c", "**d**"]],
    "list": ["x", "y", "z"],
    "unicode": "für € 中",
}


def write(tf: Any, folder: str) -> None:
    """Writes the run `summaries`, eagerly and in a function, and the run `graph`."""
    with tf.summary.create_file_writer(f"{folder}/summaries").as_default():
        for step in (0, 1, 5):
            tf.summary.scalar("loss", 1.0 / (step + 1), step=step, description="how *wrong* it is")
        for name, (data, buckets) in HISTOGRAMS.items():
            tf.summary.histogram(name, data, buckets=buckets, step=2, description="spread" if name == "few" else None)
        for name, pixels in IMAGES.items():
            tf.summary.image(name, pixels, step=3, max_outputs=2, description="a picture")
        tf.summary.audio("sound", SOUND, 8000, step=4, description="a *tone*")
        for name, text in TEXTS.items():
            tf.summary.text(name, text, step=6)
        tf.summary.write("raw", tf.constant([1.0, 2.0]), step=1)
        with tf.name_scope("outer"), tf.summary.record_if(lambda: tf.constant(True)):
            tf.summary.scalar("inner loss", 3, step=1)
            with tf.summary.record_if(False):
                tf.summary.scalar("hidden", 3, step=1)
        _in_function(tf)
    with tf.summary.create_file_writer(f"{folder}/graph").as_default():
        tf.summary.graph(_graph(tf))


def _in_function(tf: Any) -> None:
    """A training loop in a function, with the step in a variable, and a condition that depends on it."""
    step = tf.Variable(0, dtype=tf.int64)
    weight = tf.Variable([2.0, -1.0])
    tf.summary.experimental.set_step(step)

    @tf.function
    def train(x: Any) -> Any:
        with tf.summary.record_if(lambda: tf.equal(step % 2, 0)):
            loss = tf.reduce_sum((weight * x) ** 2)
            tf.summary.scalar("function/loss", loss)
            tf.summary.histogram("function/weight", weight, buckets=4)
            tf.summary.image("function/image", tf.reshape(weight, [1, 1, 2, 1]))
            tf.summary.text("function/text", tf.strings.as_string(tf.cast(loss, tf.int32)))
            weight.assign_sub(0.25 * weight * x)
            step.assign_add(1)
        return loss

    for _ in range(6):
        train(tf.constant([1.0, 0.5]))
    tf.summary.experimental.set_step(None)


def _graph(tf: Any) -> Any:
    graph = tf.compat.v1.GraphDef()
    graph.node.add(name="x", op="Placeholder").attr["dtype"].type = 1
    graph.node.add(name="y", op="Square", input=["x"]).attr["T"].type = 1
    return graph


def _write_by_tensorboard(folder: str) -> None:
    """Hyperparameters and a PR curve, by TensorBoard's own library."""
    import tensorflow as tf
    from tensorboard.plugins.hparams import summary_v2 as hp
    from tensorboard.plugins.pr_curve import summary as pr_curve

    chosen = {
        hp.HParam("rate", hp.RealInterval(0.001, 1.0)): 0.1,
        hp.HParam("units", hp.Discrete([16, 32])): 32,
        hp.HParam("optimizer", hp.Discrete(["adam", "sgd"])): "adam",
        hp.HParam("bias", hp.Discrete([True, False])): True,
        hp.HParam("seed"): 3,
    }
    with tf.summary.create_file_writer(f"{folder}/hparams").as_default():
        hp.hparams_config(hparams=list(chosen), metrics=[hp.Metric("loss"), hp.Metric("score", group="validation")])
    with tf.summary.create_file_writer(f"{folder}/hparams/run").as_default():
        hp.hparams(chosen)
        tf.summary.scalar("loss", 0.5, step=1)
    with tf.summary.create_file_writer(f"{folder}/curves").as_default():
        for name, weights in (("curve", None), ("weighted", WEIGHTS)):
            summary = pr_curve.pb(name, LABELS, SCORES, num_thresholds=11, weights=weights, description="how *good* it is")
            tf.summary.experimental.write_raw_pb(summary.SerializeToString(), step=2)


def main() -> None:
    """Writes everything below a folder."""
    import tensorflow as tf

    write(tf, sys.argv[1])
    _write_by_tensorboard(sys.argv[1])
    print(json.dumps(sorted(str(path.relative_to(sys.argv[1])) for path in Path(sys.argv[1]).rglob("*tfevents*"))))


if __name__ == "__main__":
    main()
