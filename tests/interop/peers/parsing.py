"""A model that takes serialized tf.Examples, for Headrace and real TensorFlow alike.

usage (by TensorFlow's Python): parsing.py write|read FOLDER
"""

from __future__ import annotations

import json
import sys
from typing import Any


def examples(tf: Any) -> list[bytes]:
    """Two serialized examples."""
    rows = []
    for number, words in ((1.0, [b"a", b"bc"]), (2.0, [])):
        features = {
            "x": tf.train.Feature(float_list=tf.train.FloatList(value=[number, number + 0.5])),
            "words": tf.train.Feature(bytes_list=tf.train.BytesList(value=words)),
        }
        rows.append(tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString())
    return rows


def build(tf: Any) -> Any:
    """A module whose `score` reads examples."""

    class Model(tf.Module):  # type: ignore[misc]
        """x @ weight, plus what the words' lengths add."""

        def __init__(self) -> None:
            super().__init__()
            self.weight = tf.Variable([[2.0], [3.0]])

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "examples")])
        def score(self, serialized: Any) -> dict[str, Any]:
            """The scores [batch, 1] and the words as a padded matrix."""
            found = tf.io.parse_example(
                serialized,
                {
                    "x": tf.io.FixedLenFeature([2], tf.float32),
                    "bias": tf.io.FixedLenFeature([1], tf.float32, default_value=[10.0]),
                    "words": tf.io.VarLenFeature(tf.string),
                },
            )
            words = tf.sparse.to_dense(found["words"], default_value="")
            return {"scores": tf.matmul(found["x"], self.weight) + found["bias"], "lengths": tf.strings.length(words)}

    return Model()


def results(tf: Any, function: Any) -> dict[str, Any]:
    """What the model gives for the examples."""
    return {key: value.numpy().tolist() for key, value in function(tf.constant(examples(tf))).items()}


def main(mode: str, folder: str) -> None:
    """Writes a model, or reads one, and prints what it computes."""
    import tensorflow as tf

    if mode == "write":
        model = build(tf)
        tf.saved_model.save(model, folder, signatures=model.score)
        print(json.dumps(results(tf, model.score)))
        return
    loaded = tf.saved_model.load(folder)
    signature = loaded.signatures["serving_default"]
    print(json.dumps({"function": results(tf, loaded.score), "signature": results(tf, lambda x: signature(examples=x))}))


if __name__ == "__main__":
    main(*sys.argv[1:])
