"""Other tools take our SavedModels: Keras, and the converter to TensorFlow Lite."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import headrace as tf
from tests.interop.peer_runs import run_peer


class Network(tf.Module):
    """A convolution with batch normalization, pooling, and two dense layers."""

    def __init__(self) -> None:
        super().__init__()
        numbers = np.random.default_rng(0)
        shapes = {"kernel": (3, 3, 2, 8), "scale": (8,), "offset": (8,), "mean": (8,), "first": (8 * 16, 10), "second": (10, 4)}
        for name, shape in shapes.items():
            setattr(self, name, tf.Variable(numbers.normal(0.0, 0.3, shape).astype(np.float32)))
        self.variance = tf.Variable(np.linspace(0.5, 2.0, 8, dtype=np.float32))

    @tf.function(input_signature=[tf.TensorSpec([None, 8, 8, 2], tf.float32, "images")])
    def classify(self, images: Any) -> dict[str, Any]:
        """Probabilities [batch, 4] and features [batch, 10]."""
        x = tf.nn.conv2d(images, self.kernel, 1, "SAME")
        x = tf.nn.relu(tf.nn.batch_normalization(x, self.mean, self.variance, self.offset, self.scale, 1e-3))
        x = tf.nn.max_pool2d(x, 2, 2, "VALID")
        features = tf.tanh(tf.matmul(tf.reshape(x, [-1, 8 * 16]), self.first))
        return {"probabilities": tf.nn.softmax(tf.matmul(features, self.second)), "features": features}


def test_keras_and_the_lite_converter_compute_the_same(tmp_path: Path, tensorflow_python: Path) -> None:
    model = Network()
    images = np.random.default_rng(1).normal(size=(3, 8, 8, 2)).astype(np.float32)
    wanted = {key: value.numpy() for key, value in model.classify(tf.constant(images)).items()}
    tf.saved_model.save(model, tmp_path / "model", signatures=model.classify)
    np.save(tmp_path / "feed.npy", images)
    found = run_peer(tensorflow_python, "consumers.py", tmp_path / "model", tmp_path / "feed.npy", "serving_default")
    assert sorted(found) == ["keras", "lite"]
    for tool, outputs in found.items():
        assert sorted(outputs) == sorted(wanted), tool
        for key, value in wanted.items():
            np.testing.assert_allclose(outputs[key], value, rtol=1e-5, atol=1e-5, err_msg=f"{tool}: {key}")
