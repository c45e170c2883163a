"""A model whose functions take and give sparse and ragged tensors, for Headrace and real TensorFlow alike.

usage (by TensorFlow's Python): composites.py write|read FOLDER
"""

from __future__ import annotations

import json
import sys
from typing import Any

DENSE = [[0.0, 1.0, 0.0, 2.0], [3.0, 0.0, 0.0, 0.0]]
ROWS = [[[1.0, 2.0], []], [], [[3.0]]]


def build(tf: Any) -> Any:
    """A module with a function of a sparse tensor and one of a ragged tensor."""

    class Model(tf.Module):  # type: ignore[misc]
        """Scales what it is given."""

        def __init__(self) -> None:
            super().__init__()
            self.scale = tf.Variable(2.0)

        @tf.function(input_signature=[tf.SparseTensorSpec([None, 4], tf.float32)])
        def sparse(self, x: Any) -> dict[str, Any]:
            """The dense tensor, and the sparse one scaled."""
            return {"dense": tf.sparse.to_dense(x), "scaled": x.with_values(x.values * self.scale)}

        @tf.function(input_signature=[tf.RaggedTensorSpec([None, None, None], tf.float32), tf.TensorSpec([], tf.float32, "more")])
        def ragged(self, x: Any, more: Any) -> dict[str, Any]:
            """The row lengths, and the ragged tensor scaled."""
            return {"lengths": x.row_lengths(), "scaled": tf.ragged.map_flat_values(lambda v: v * self.scale + more, x)}

        @tf.function
        def both(self, pair: Any) -> Any:
            """The arguments in the other order."""
            return pair["ragged"] * 2.0, pair["sparse"]

    model = Model()
    model.both({"sparse": sparse_argument(tf), "ragged": ragged_argument(tf)})
    return model


def sparse_argument(tf: Any) -> Any:
    """The sparse argument."""
    return tf.sparse.from_dense(DENSE)


def ragged_argument(tf: Any) -> Any:
    """The ragged argument."""
    return tf.ragged.constant(ROWS)


def _plain(tf: Any, value: Any) -> Any:
    parts = tf.nest.flatten(value, expand_composites=True)
    return [type(value).__name__ if len(parts) > 1 else "Tensor", [part.numpy().tolist() for part in parts]]


def results(tf: Any, model: Any) -> dict[str, Any]:
    """What the functions give."""
    found = model.sparse(sparse_argument(tf)) | model.ragged(ragged_argument(tf), tf.constant(1.0))
    both = model.both({"sparse": sparse_argument(tf), "ragged": ragged_argument(tf)})
    return {key: _plain(tf, value) for key, value in (*found.items(), *zip("ab", both, strict=True))}


def signature_results(tf: Any, signatures: Any) -> dict[str, Any]:
    """What the signatures give, which take the parts of a composite argument one by one."""
    sparse, ragged = sparse_argument(tf), ragged_argument(tf)
    found = signatures["sparse"](x=sparse.indices, x_1=sparse.values, x_2=sparse.dense_shape)
    inner, outer = ragged.values.row_splits, ragged.row_splits
    found |= signatures["ragged"](x=ragged.flat_values, x_1=outer, x_2=inner, more=tf.constant(1.0))
    return {key: _plain(tf, value) for key, value in found.items()}


def main(mode: str, folder: str) -> None:
    """Writes a model, or reads one, and prints what it computes."""
    import tensorflow as tf

    if mode == "write":
        model = build(tf)
        tf.saved_model.save(model, folder, signatures={"sparse": model.sparse, "ragged": model.ragged})
    else:
        model = tf.saved_model.load(folder)
    signatures = tf.saved_model.load(folder).signatures
    print(json.dumps({"functions": results(tf, model), "signatures": signature_results(tf, signatures)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
