"""Real tensorflow_hub beside real TensorFlow.

TARGET_OF_PACKAGES export FOLDER          writes a model
TARGET_OF_PACKAGES use CACHE HANDLE...    loads by each handle, calls it, and calls hub.KerasLayer in several ways
"""

from __future__ import annotations

import json
import os
import sys

sys.path.insert(0, sys.argv[1])

import numpy as np
import tensorflow as tf


class Model(tf.train.Checkpoint):
    def __init__(self) -> None:
        super().__init__()
        self.w = tf.Variable([[2.0], [3.0]], name="w")
        self.count = tf.Variable(5, trainable=False, name="count")
        self.variables = [self.w, self.count]
        self.trainable_variables = [self.w]

    @tf.function
    def __call__(self, x, training=False, scale=1.0):
        return (2.0 if training else 1.0) * scale * (x @ self.w)

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, name="x")])
    def serve(self, x):
        return {"y": x @ self.w, "count": self.count + 0}


def export(folder: str) -> dict:
    model = Model()
    for training in (False, True):
        for scale in (1.0, 10.0):
            model.__call__.get_concrete_function(tf.TensorSpec([None, 2], tf.float32), training, scale)
    tf.saved_model.save(model, folder, signatures=model.serve)
    return {}


def use(cache: str, *handles: str) -> dict:
    os.environ["TFHUB_CACHE_DIR"] = cache
    import tensorflow_hub as hub

    x = np.array([[1.0, 1.0], [2.0, 0.0]], np.float32)
    found = {handle: {"path": hub.resolve(handle), "value": hub.load(handle)(x).numpy().tolist()} for handle in handles}
    answers = {}
    cases = {
        "plain": ({}, False),
        "arguments": ({"arguments": {"scale": 10.0}}, False),
        "not trainable": ({}, True),
        "trainable": ({"trainable": True}, True),
        "signature": ({"signature": "serving_default", "output_key": "y"}, False),
        "both": ({"signature": "serving_default"}, False),
        "unknown signature": ({"signature": "other", "output_key": "y"}, False),
        "unknown key": ({"signature": "serving_default", "output_key": "z"}, False),
        "trainable signature": ({"signature": "serving_default", "output_key": "y", "trainable": True}, False),
        "dict without signature": ({"signature_outputs_as_dict": True}, False),
    }
    for name, (options, training) in cases.items():
        try:
            layer = hub.KerasLayer(handles[0], **options)
            value = np.asarray(layer(x, training=training)).tolist()
            weights = [len(layer.trainable_weights), len(layer.non_trainable_weights)]
            answers[name] = {"value": value, "weights": weights}
        except ValueError:
            answers[name] = {"error": "ValueError"}
    return {"handles": found, "layers": answers}


if __name__ == "__main__":
    print(json.dumps({"export": export, "use": use}[sys.argv[2]](*sys.argv[3:])))
