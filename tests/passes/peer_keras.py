"""Run by real TensorFlow's Python: saves a transformer block of Keras layers, an input for it and its result.

usage: python -m tests.passes.peer_keras FOLDER
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

import numpy as np
import tensorflow as tf


def main() -> None:
    """Writes FOLDER/model, FOLDER/x.npy and FOLDER/y.npy."""
    folder = Path(sys.argv[1])
    keras = tf.keras
    keras.utils.set_random_seed(5)
    x = keras.Input((6, 8))
    y = keras.layers.LayerNormalization()(x)
    y = x + keras.layers.MultiHeadAttention(2, 4)(y, y)
    z = keras.layers.LayerNormalization(axis=[1, 2])(y)
    z = keras.layers.Dense(16, activation="gelu")(z)
    model = keras.Model(x, y + keras.layers.Dense(8)(z))
    data = np.random.default_rng(0).normal(size=(3, 6, 8)).astype(np.float32)
    np.save(folder / "x.npy", data)
    np.save(folder / "y.npy", model(data).numpy())
    model.export(str(folder / "model"), verbose=False)


if __name__ == "__main__":
    main()
