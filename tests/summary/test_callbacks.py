"""The callback for distributions of gradients, on a model that has what it asks of Keras' models."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import headrace as tf
from headrace.summary.callbacks import GradientDistributions
from tests.summary.test_summaries import values

X, Y = np.float32([[1.0, 2.0], [3.0, 4.0]]), np.float32([[1.0], [0.0]])


class Variable:
    """A variable as Keras has them: a path, and a tf.Variable behind it."""

    def __init__(self, path: str, initial: Any) -> None:
        self.path, self.value = path, tf.Variable(initial)


class Line:
    """A model: one layer without bias."""

    def __init__(self) -> None:
        self.trainable_variables = [Variable("line/kernel", [[0.5], [-0.5]])]
        self.asked: list[bool] = []

    def __call__(self, x: Any, training: bool) -> Any:
        self.asked.append(training)
        return tf.matmul(x, self.trainable_variables[0].value)

    def compute_loss(self, x: Any, y: Any, y_pred: Any, sample_weight: Any, training: bool) -> Any:
        weight = 1.0 if sample_weight is None else sample_weight
        return tf.reduce_sum(weight * (y_pred - y) ** 2)


def _train(callback: GradientDistributions, epochs: int) -> Line:
    """What Keras calls in a training."""
    model = Line()
    callback.set_model(model)
    callback.set_params({"epochs": epochs})
    callback.on_train_begin()
    for epoch in range(epochs):
        callback.on_epoch_begin(epoch)
        callback.on_train_batch_begin(0)
        callback.on_train_batch_end(0, logs={"loss": 1.0})
        callback.on_test_begin()
        callback.on_test_end({})
        callback.on_epoch_end(epoch, logs={})
    callback.on_train_end()
    return model


def test_every_second_epoch(tmp_path: Path) -> None:
    model = _train(GradientDistributions(tmp_path, X, Y, every=2), 4)
    assert model.asked == [False, False]
    error = X @ np.float32([[0.5], [-0.5]]) - Y
    gradient = 2 * X.T @ error
    found = values(tmp_path)
    assert [(step, tag) for step, tag, _ in found] == [
        (step, f"gradients/line/kernel{end}") for step in (0, 2) for end in ("", "/norm")
    ]
    assert found[0][2][0][0] == gradient.min()
    assert found[0][2][-1][1] == gradient.max()
    assert found[1][2] == pytest.approx(np.linalg.norm(gradient))


def test_a_writer_stays_open_and_weights_count(tmp_path: Path) -> None:
    writer = tf.summary.create_file_writer(str(tmp_path))
    _train(GradientDistributions(writer, X, Y, sample_weight=np.float32([[0.0], [1.0]]), name="g"), 1)
    writer.init()
    (_, _, norm) = values(tmp_path)[1]
    assert norm == pytest.approx(np.linalg.norm(2 * X[1] * -0.5))


KERAS = """
    import sys
    import numpy as np
    import headrace as tf
    from headrace.summary.callbacks import GradientDistributions
    x, y = np.ones((8, 3), np.float32), np.arange(8) % 2
    layers = [tf.keras.layers.Dense(2, name="first"), tf.keras.layers.BatchNormalization(), tf.keras.layers.Dropout(0.5)]
    model = tf.keras.Sequential([tf.keras.layers.Input((3,)), *layers, tf.keras.layers.Dense(2, name="last")], name="net")
    model.compile("sgd", tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(x, y, verbose=0, callbacks=[GradientDistributions(sys.argv[1], x, y)])
    statistics = model.layers[1].moving_mean.numpy()
    callback = GradientDistributions(sys.argv[1], x, y)
    callback.set_model(model)
    callback.on_train_begin()
    callback.on_epoch_end(0)
    assert (model.layers[1].moving_mean.numpy() == statistics).all()
"""


def test_a_model_of_keras(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "ignore", "-c", textwrap.dedent(KERAS), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    tags = {tag for _, tag, _ in values(tmp_path)}
    weights = [f"{layer}/{name}" for layer in ("first", "last") for name in ("kernel", "bias")]
    weights += ["batch_normalization/gamma", "batch_normalization/beta"]
    assert tags == {f"gradients/net/{weight}{end}" for weight in weights for end in ("", "/norm")}


def test_every_is_positive(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="1 or more"):
        GradientDistributions(tmp_path, X, every=0)
