"""The demonstration's classifier, in Keras."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

from headrace import keras

LEARNING_RATE = 1e-3


def classifier() -> Any:
    """Two convolutions with pooling and two dense layers: images float32 [n, 28, 28] in 0..1 to logits [n, 10]."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((28, 28)),
            layers.Reshape((28, 28, 1)),
            layers.Conv2D(16, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dropout(0.4),
            layers.Dense(10),
        ],
        name="fashion_classifier",
    )


def compiled(model: Any, learning_rate: float, *, run_eagerly: bool = False) -> Any:
    """The model with its loss, metric and optimizer."""
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(learning_rate), loss, metrics=["accuracy"], run_eagerly=run_eagerly)
    return model


def with_probabilities(model: Any) -> Any:
    """The model that is served: its answers are probabilities."""
    return keras.Sequential([keras.Input((28, 28)), model, keras.layers.Softmax()])


def export(model: Any, path: Path) -> None:
    """Writes a SavedModel whose serving signature gives class probabilities."""
    with_probabilities(model).export(path, verbose=False)


def step_seconds(model: Any, batches: Any, repeats: int) -> float:
    """The median time of a training step, in seconds, after one that is not counted."""
    times = []
    for x, y in batches.take(repeats + 1):
        start = time.perf_counter()
        model.train_on_batch(x, y)
        times.append(time.perf_counter() - start)
    return float(np.median(times[1:]))
