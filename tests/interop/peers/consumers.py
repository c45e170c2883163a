"""Tools that begin with a SavedModel: Keras' TFSMLayer and the converter to TensorFlow Lite. Runs under real TensorFlow.

usage: consumers.py FOLDER FEED.npy SIGNATURE
"""

from __future__ import annotations

import json
import sys
from typing import Any

import keras
import numpy as np
import tensorflow as tf


def by_keras(folder: str, feed: Any, signature: str) -> Any:
    """What a Keras model with the SavedModel as its only layer predicts."""
    layer = keras.layers.TFSMLayer(folder, call_endpoint=signature)
    inputs = keras.Input(feed.shape[1:])
    return keras.Model(inputs, layer(inputs)).predict(feed, verbose=0)


def by_lite(folder: str, feed: Any, signature: str) -> Any:
    """What TensorFlow Lite's interpreter computes after conversion."""
    content = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=[signature]).convert()
    runner = tf.lite.Interpreter(model_content=content).get_signature_runner(signature)
    (name,) = runner.get_input_details()
    return runner(**{name: feed})


def main(folder: str, feed_file: str, signature: str) -> None:
    """Prints the outputs by name, tool by tool."""
    feed = np.load(feed_file)
    found = {"keras": by_keras(folder, feed, signature), "lite": by_lite(folder, feed, signature)}
    print(json.dumps({tool: {key: np.asarray(v).tolist() for key, v in outputs.items()} for tool, outputs in found.items()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
