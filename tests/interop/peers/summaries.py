"""Writes summaries of every kind: `write` under Headrace and, as a script, under real TensorFlow, of the same data."""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
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
    from tensorboard.plugins.hparams import api as hp
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
    _fit(tf.keras, f"{folder}/keras", hp.KerasCallback(f"{folder}/session", {"rate": 0.1}))
    with tf.summary.create_file_writer(f"{folder}/curves").as_default():
        for name, weights in (("curve", None), ("weighted", WEIGHTS)):
            summary = pr_curve.pb(name, LABELS, SCORES, num_thresholds=11, weights=weights, description="how *good* it is")
            tf.summary.experimental.write_raw_pb(summary.SerializeToString(), step=2)


ONE = np.zeros((1, 2, 2, 1), np.float32)
TONE = np.zeros((1, 20, 1), np.float32)
CASES: dict[str, Any] = {
    "scalar": lambda tf, s: s.scalar("a", 1.0, step=0),
    "scalar without step": lambda tf, s: s.scalar("a", 1.0),
    "scalar of rank 1": lambda tf, s: s.scalar("a", [1.0], step=0),
    "name is a number": lambda tf, s: s.scalar(3, 1.0, step=0),
    "name of odd characters": lambda tf, s: s.scalar("a b/ü", 1.0, step=0),
    "no name": lambda tf, s: s.scalar(None, 1.0, step=0),
    "step is a fraction": lambda tf, s: s.scalar("a", 1.0, step=1.5),
    "step is text": lambda tf, s: s.scalar("a", 1.0, step="x"),
    "step is a vector": lambda tf, s: s.scalar("a", 1.0, step=[1, 2]),
    "step is an int32 tensor": lambda tf, s: s.scalar("a", 1.0, step=tf.constant(3)),
    "step is a float tensor": lambda tf, s: s.scalar("a", 1.0, step=tf.constant(3.0)),
    "step is negative": lambda tf, s: s.scalar("a", 1.0, step=-3),
    "step is a variable": lambda tf, s: s.scalar("a", 1.0, step=tf.Variable(3, dtype=tf.int64)),
    "histogram without step": lambda tf, s: s.histogram("a", [1.0]),
    "histogram, buckets are a fraction": lambda tf, s: s.histogram("a", [1.0], buckets=2.5, step=0),
    "histogram, buckets are a vector": lambda tf, s: s.histogram("a", [1.0], buckets=[2, 3], step=0),
    "image of rank 3": lambda tf, s: s.image("a", ONE[0], step=0),
    "image of 5 channels": lambda tf, s: s.image("a", np.zeros((1, 2, 2, 5), np.float32), step=0),
    "image, a negative number of them": lambda tf, s: s.image("a", ONE, max_outputs=-1, step=0),
    "image, none of them": lambda tf, s: s.image("a", ONE, max_outputs=0, step=0),
    "image, none given": lambda tf, s: s.image("a", ONE[:0], step=0),
    "audio of rank 2": lambda tf, s: s.audio("a", TONE[0], 8000, step=0),
    "audio of float64": lambda tf, s: s.audio("a", TONE.astype(np.float64), 8000, step=0),
    "audio of integers": lambda tf, s: s.audio("a", TONE.astype(np.int16), 8000, step=0),
    "audio without channels": lambda tf, s: s.audio("a", TONE[..., :0], 8000, step=0),
    "audio, none given": lambda tf, s: s.audio("a", TONE[:0], 8000, step=0),
    "audio without rate": lambda tf, s: s.audio("a", TONE, 0, step=0),
    "audio at a rate of a fraction": lambda tf, s: s.audio("a", TONE, 1.5, step=0),
    "audio of another encoding": lambda tf, s: s.audio("a", TONE, 8000, step=0, encoding="mp3"),
    "text of numbers": lambda tf, s: s.text("a", 1, step=0),
    "text that is not UTF-8": lambda tf, s: s.text("a", b"\xff", step=0),
    "write, tag is a number": lambda tf, s: s.write(3, 1.0, step=0),
    "write, metadata is a number": lambda tf, s: s.write("a", 1.0, step=0, metadata=3),
    "write of a function": lambda tf, s: s.write("a", lambda: tf.constant(1.0), step=0),
    "raw, no Summary": lambda tf, s: s.experimental.write_raw_pb(b"\xff\xff", step=0),
    "raw without step": lambda tf, s: s.experimental.write_raw_pb(b""),
    "graph of a number": lambda tf, s: s.graph(3),
    "condition is a number": lambda tf, s: _under(s.record_if(3), lambda: s.scalar("a", 1.0, step=0)),
    "condition is false, and no step": lambda tf, s: _under(s.record_if(False), lambda: s.scalar("a", 1.0)),
    "noop writer": lambda tf, s: _under(s.create_noop_writer().as_default(), lambda: s.scalar("a", 1.0, step=0)),
    "scope": lambda tf, s: _under(tf.name_scope("outer"), lambda: _entered(s.experimental.summary_scope("a b", "c"))),
    "flush a number": lambda tf, s: s.flush(3),
    "flush": lambda tf, s: s.flush(),
    "export without trace": lambda tf, s: s.trace_export("a", step=0),
    "should record": lambda tf, s: s.should_record_summaries(),
    "no logdir": lambda tf, s: s.create_file_writer(None),
    "logdir is a number": lambda tf, s: s.create_file_writer(3),
    "logdir is a list": lambda tf, s: s.create_file_writer(["a", "b"]),
    "queue is text": lambda tf, s: s.create_file_writer("a", max_queue="x"),
    "time is a fraction": lambda tf, s: s.create_file_writer("a", flush_millis=1.5),
    "suffix is a number": lambda tf, s: s.create_file_writer("a", filename_suffix=3),
    "default step": lambda tf, s: s.experimental.get_step(),
    "rank in a function": lambda tf, s: tf.function(lambda x: s.image("a", x, step=1))(tf.constant(1.0)),
    "no step in a function": lambda tf, s: tf.function(lambda x: s.scalar("a", x))(tf.constant(1.0)),
    "written in a function": lambda tf, s: tf.function(lambda x: s.scalar("a", x, step=1))(tf.constant(1.0)),
    "graph in a function": lambda tf, s: tf.function(lambda x: s.graph(_graph(tf)) and x)(tf.constant(1.0)),
    "profile not begun": lambda tf, s: tf.profiler.experimental.stop(),
}


def _under(manager: Any, body: Any) -> Any:
    with manager:
        return body()


def _entered(manager: Any) -> Any:
    with manager as value:
        return value


def outcomes(tf: Any, folder: str) -> dict[str, str]:
    """What becomes of each case, without a writer, with one, and with one that is closed: a result, or the class of an error."""
    found = {}
    writer = tf.summary.create_file_writer(folder)
    for state in ("no writer", "writer", "closed"):
        for name, case in CASES.items():
            if state == "closed" and name not in ("scalar", "written in a function", "flush"):
                continue
            with writer.as_default() if state == "writer" else contextlib.nullcontext():
                found[f"{state}: {name}"] = _outcome(tf, lambda case=case: case(tf, tf.summary))
        if state == "writer":
            writer.set_as_default()
            writer.close()
            for method in (writer.as_default, writer.set_as_default, writer.init, writer.flush, writer.close):
                found[f"closed: {method.__name__}"] = _outcome(tf, method)
    return found


def _outcome(tf: Any, case: Any) -> str:
    try:
        value = case()
    except Exception as error:  # noqa: BLE001  # which one is the question
        return type(error).__name__
    return str(value.numpy() if tf.is_tensor(value) else value)


def _fit(keras: Any, folder: str, callback: Any) -> None:
    """Trains a small model with Keras' callback for TensorBoard, which looks at everything it can."""
    layers = [keras.layers.Input((4,)), keras.layers.Dense(3, "relu", name="first"), keras.layers.Dense(2, name="second")]
    model = keras.Sequential(layers)
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    board = keras.callbacks.TensorBoard(folder, histogram_freq=1, write_images=True, update_freq=2, profile_batch=(2, 3))
    x, y = SPREAD[:128].reshape(32, 4), LABELS[:32].astype(np.int32)
    model.fit(x, y, batch_size=8, epochs=2, verbose=0, callbacks=[board, callback], validation_data=(x, y))


def main() -> None:
    """Writes everything below a folder, and prints what becomes of the cases."""
    import tensorflow as tf

    write(tf, sys.argv[1])
    _write_by_tensorboard(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(outcomes(tf, folder)))


if __name__ == "__main__":
    main()
