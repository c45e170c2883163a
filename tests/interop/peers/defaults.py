"""Signatures whose inputs have defaults, written once for TensorFlow and Headrace. As a script, under real TensorFlow:

defaults.py OURS THEIRS     writes the model to THEIRS, and prints what both folders' signatures say and compute without `scale`
"""

from __future__ import annotations

import json
import sys
from typing import Any

X = [1.0, -2.0]


def save(tf: Any, folder: str) -> None:
    """A function with two defaults, in the framework `tf`."""
    module = tf.Module()
    specs = [tf.TensorSpec([None], tf.float32, "x"), tf.TensorSpec([], tf.float32, "scale"), tf.TensorSpec([2], tf.string, "unit")]

    @tf.function(input_signature=specs)
    def convert(x: Any, scale: Any = tf.constant(2.5), unit: Any = tf.constant(["a", "b"])) -> Any:  # noqa: B008
        return {"y": x * scale, "unit": tf.strings.join([unit, "!"])}

    module.convert = convert
    tf.saved_model.save(module, folder, signatures=convert)


def look(tf: Any, folder: str) -> dict[str, Any]:
    """The defaults of a SavedModel, and what TensorFlow's first loader computes with them."""
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        meta = tf.compat.v1.saved_model.load(session, ["serve"], folder)
        signature = meta.signature_def["serving_default"]
        names = {key: info.name for key, info in signature.outputs.items()}
        found = session.run(names, {signature.inputs["x"].name: X})
    defaults = {key: tf.make_ndarray(value).tolist() for key, value in signature.defaults.items()}
    loaded = tf.saved_model.load(folder)
    return {
        "defaults": {key: [v.decode() for v in value] if isinstance(value, list) else value for key, value in defaults.items()},
        "y": found["y"].tolist(),
        "unit": [value.decode() for value in found["unit"].tolist()],
        "function": loaded.convert(tf.constant(X))["y"].numpy().tolist(),
    }


def main(ours: str, theirs: str) -> None:
    """Writes and looks."""
    import tensorflow as tf

    save(tf, theirs)
    print(json.dumps({"ours": look(tf, ours), "theirs": look(tf, theirs)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
