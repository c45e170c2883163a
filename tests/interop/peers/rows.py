"""A model whose rows do not touch one another, for real TensorFlow to save and to run: `rows.py FOLDER`.

Prints, for every request, what TensorFlow gives for it alone.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np


def requests() -> list[dict[str, Any]]:
    """Forty requests of one to five rows."""
    numbers = np.random.default_rng(7)
    found = []
    for number in range(40):
        rows = 1 + number % 5
        words = [["a", "Bc", "déf", ""][int(place)] for place in numbers.integers(0, 4, rows)]
        found.append({"x": numbers.standard_normal((rows, 6)).round(3).tolist(), "words": words})
    return found


def main(folder: str) -> None:
    """Writes the model and prints its outputs."""
    import tensorflow as tf

    model = tf.Module()
    model.dense = tf.Variable(np.random.default_rng(1).standard_normal((6, 4)).astype(np.float32))
    names = tf.constant(["a", "Bc", "déf"])
    model.table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(names, tf.range(3, dtype=tf.int64)), -1)

    @tf.function(input_signature=[tf.TensorSpec([None, 6], tf.float32, "x"), tf.TensorSpec([None], tf.string, "words")])
    def predict(x: Any, words: Any) -> dict[str, Any]:
        scores = tf.nn.softmax(tf.nn.relu(tf.matmul(x, model.dense)))
        return {
            "scores": scores,
            "best": tf.argmax(scores, 1),
            "place": model.table.lookup(words),
            "upper": tf.strings.upper(words),
        }

    model.predict = predict
    tf.saved_model.save(model, folder, signatures={"serving_default": predict})
    answers = []
    for request in requests():
        outputs = predict(tf.constant(request["x"], tf.float32), tf.constant(request["words"]))
        values = {name: value.numpy().tolist() for name, value in outputs.items()}
        answers.append(values | {"upper": [word.decode() for word in values["upper"]]})
    print(json.dumps(answers))


if __name__ == "__main__":
    main(*sys.argv[1:])
