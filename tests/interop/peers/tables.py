"""A model with lookup tables and a vocabulary file, written once for TensorFlow and Headrace. As a script, under TensorFlow:

tables.py write FOLDER    saves it, and prints what it computes
tables.py read FOLDER     loads it with both loaders of TensorFlow, and prints what it computes
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from typing import Any

import numpy as np

KEYS = ["a", "b", "c", "x", ""]


def build(tf: Any, folder: str) -> Any:
    """The model, in the framework `tf`; its vocabulary is written to `folder`, and may go once the model is saved."""
    path = os.path.join(folder, "words.txt")
    with open(path, "w") as file:
        file.write("a\nb\nc\n")
    index, values = tf.lookup.TextFileIndex, tf.lookup.KeyValueTensorInitializer
    lines = tf.lookup.TextFileInitializer(path, tf.string, index.WHOLE_LINE, tf.int64, index.LINE_NUMBER)

    class Model(tf.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.fixed = tf.lookup.StaticHashTable(values(["a", "b"], np.int64([5, 6])), -1)
            self.lines = tf.lookup.StaticHashTable(lines, -1)
            self.words = tf.lookup.StaticVocabularyTable(values(["a", "b"], np.int64([0, 1])), 3)
            self.counts = tf.lookup.experimental.MutableHashTable(tf.string, tf.int64, 0)
            self.vectors = tf.lookup.experimental.MutableHashTable(tf.string, tf.float32, [0.0, 1.0])
            self.dense = tf.lookup.experimental.DenseHashTable(
                tf.int64, tf.int64, -1, empty_key=-1, deleted_key=-2, initial_num_buckets=8
            )
            self.texts = tf.lookup.experimental.DenseHashTable(
                tf.string, tf.float32, [-1.0, -2.0], empty_key="", deleted_key="-", initial_num_buckets=8
            )
            self.weights = tf.Variable([0.5, 1.5, 2.5, 3.5, 4.5, 5.5])

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="keys")])
        def find(self, keys: Any) -> Any:
            return {
                "fixed": self.fixed.lookup(keys),
                "lines": self.lines.lookup(keys),
                "words": self.words.lookup(keys),
                "counts": self.counts.lookup(keys),
                "vectors": self.vectors.lookup(keys),
                "dense": self.dense.lookup(self.lines.lookup(keys) + 1),
                "texts": self.texts.lookup(tf.strings.join([keys, "."])),
                "embedded": tf.gather(self.weights, self.words.lookup(keys)),
                "size": self.words.size(),
            }

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string), tf.TensorSpec([None], tf.int64)])
        def count(self, keys: Any, numbers: Any) -> Any:
            self.counts.insert(keys, numbers)
            return self.counts.size()

    model = Model()
    model.counts.insert(tf.constant(["x", "b"]), np.int64([7, 8]))
    model.vectors.insert(tf.constant(["c"]), [[2.0, 3.0]])
    model.dense.insert(np.int64([9, 1, 17, 2]), np.int64([10, 30, 20, 40]))
    model.texts.insert(tf.constant(["a.", "b.", "c.", "d.", "e."]), [[float(i), 0.5] for i in range(5)])
    return model


def results(tf: Any, model: Any) -> dict[str, Any]:
    """What the model gives for KEYS, before and after a count is inserted."""
    keys = tf.constant(KEYS)
    before = {key: value.numpy().tolist() for key, value in model.find(keys).items()}
    size = int(model.count(tf.constant(["c"]), np.int64([9])))
    return {"before": before, "size": size, "after": model.find(keys)["counts"].numpy().tolist()}


def run_v1(tf: Any, folder: str) -> dict[str, Any]:
    """What the signature gives under TensorFlow 1's loader."""
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        meta = tf.compat.v1.saved_model.load(session, ["serve"], folder)
        signature = meta.signature_def["serving_default"]
        fetches = {key: info.name for key, info in signature.outputs.items()}
        found = session.run(fetches, {signature.inputs["keys"].name: KEYS})
        return {key: value.tolist() for key, value in found.items()}


if __name__ == "__main__":
    import tensorflow

    answer: Any
    if sys.argv[1] == "write":
        with tempfile.TemporaryDirectory() as place:
            made = build(tensorflow, place)
            tensorflow.saved_model.save(made, sys.argv[2], signatures=made.find)
            answer = results(tensorflow, made)
    else:
        answer = {"v2": results(tensorflow, tensorflow.saved_model.load(sys.argv[2])), "v1": run_v1(tensorflow, sys.argv[2])}
    print()
    print(json.dumps(answer))
