"""The classifier, its training step, eager and compiled, and its evaluation. Written as a TensorFlow user would."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

import headrace as tf
from headrace.data.fashion_mnist import FashionMnist

BATCH = 128


class FashionClassifier(tf.Module):
    """Two convolutions with pooling and two dense layers; images float32 [n, 28, 28] in 0..1 to logits [n, 10]."""

    def __init__(self) -> None:
        super().__init__("fashion_classifier")
        self.conv1 = tf.Variable(_he_normal([3, 3, 1, 16]), name="conv1/kernel")
        self.bias1 = tf.Variable(tf.zeros([16]), name="conv1/bias")
        self.conv2 = tf.Variable(_he_normal([3, 3, 16, 32]), name="conv2/kernel")
        self.bias2 = tf.Variable(tf.zeros([32]), name="conv2/bias")
        self.dense1 = tf.Variable(_he_normal([7 * 7 * 32, 128]), name="dense1/kernel")
        self.bias3 = tf.Variable(tf.zeros([128]), name="dense1/bias")
        self.dense2 = tf.Variable(_he_normal([128, 10]), name="dense2/kernel")
        self.bias4 = tf.Variable(tf.zeros([10]), name="dense2/bias")

    def __call__(self, images: Any, training: bool = False) -> Any:
        x = tf.reshape(images, [-1, 28, 28, 1])
        x = tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(x, self.conv1, 1, "SAME"), self.bias1))
        x = tf.nn.max_pool2d(x, 2, 2, "SAME")
        x = tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(x, self.conv2, 1, "SAME"), self.bias2))
        x = tf.nn.max_pool2d(x, 2, 2, "SAME")
        x = tf.reshape(x, [-1, 7 * 7 * 32])
        x = tf.nn.relu(tf.matmul(x, self.dense1) + self.bias3)
        if training:
            x = tf.nn.dropout(x, 0.4)
        return tf.matmul(x, self.dense2) + self.bias4


def _he_normal(shape: list[int]) -> Any:
    return tf.random.truncated_normal(shape, stddev=math.sqrt(2.0 / math.prod(shape[:-1])))


class Trainer:
    """Trains a FashionClassifier by Adam."""

    def __init__(self, model: FashionClassifier, data: FashionMnist, seed: int = 7) -> None:
        self.model = model
        self.optimizer = tf.optimizers.Adam(1e-3)
        self.compiled_step = tf.function(self.train_step)
        self._compiled_logits = tf.function(model.__call__)
        self._images = data.x_train
        self._labels = data.y_train.astype(np.int32)
        self._test_images = scaled(data.x_test)
        self._test_labels = data.y_test
        self._random = np.random.default_rng(seed)

    def train_step(self, x: Any, y: Any) -> Any:
        """One step on images [n, 28, 28] and labels [n]; returns the mean loss."""
        with tf.GradientTape() as tape:
            logits = self.model(x, training=True)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits))
        gradients = tape.gradient(loss, self.model.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.model.trainable_variables, strict=True))
        return loss

    def batches(self, steps: int) -> Iterator[tuple[Any, Any]]:
        """Random batches, mirrored left to right half of the time; every image once before any comes again."""
        order = np.empty(0, np.int64)
        for _ in range(steps):
            if len(order) < BATCH:
                order = self._random.permutation(len(self._images))
            chosen, order = order[:BATCH], order[BATCH:]
            images = scaled(self._images[chosen])
            mirrored = self._random.random(BATCH) < 0.5
            images[mirrored] = images[mirrored, :, ::-1]
            yield tf.constant(images), tf.constant(self._labels[chosen])

    def accuracy(self) -> float:
        """The share of test images that are classified correctly."""
        correct = 0
        for start in range(0, len(self._test_images), 500):
            logits = self._compiled_logits(tf.constant(self._test_images[start : start + 500])).numpy()
            correct += int((logits.argmax(1) == self._test_labels[start : start + 500]).sum())
        return correct / len(self._test_images)

    def step_seconds(self, step: Any, repeats: int) -> float:
        """The median time of a training step, in seconds, after one that is not counted."""
        times = []
        for x, y in self.batches(repeats + 1):
            start = time.perf_counter()
            step(x, y).numpy()
            times.append(time.perf_counter() - start)
        return float(np.median(times[1:]))


def scaled(images: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """uint8 pixels as float32 in 0..1."""
    return images.astype(np.float32) / 255.0


def export(model: FashionClassifier, path: str) -> None:
    """Writes a SavedModel whose serving signature gives class probabilities."""

    @tf.function(input_signature=[tf.TensorSpec(shape=[None, 28, 28], dtype=tf.float32)])  # type: ignore[untyped-decorator]
    def predict_fn(x: Any) -> Any:
        return tf.nn.softmax(model(x))

    tf.saved_model.save(model, path, signatures={"serving_default": predict_fn})
