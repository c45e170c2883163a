"""Sparse tensors in use: a table of visits, most of them none.

    python examples/guides/sparse.py

`guide` takes the framework, so that the tests run it under Headrace and under TensorFlow alike.
"""

from __future__ import annotations

from typing import Any


def guide(tf: Any) -> dict[str, Any]:
    """What the program shows, by title."""
    # Three visitors, five pages: coordinates, values, shape.
    visits = tf.SparseTensor(indices=[[0, 3], [1, 0], [1, 4]], values=[2.0, 1.0, 5.0], dense_shape=[3, 5])
    found: dict[str, Any] = {"as a whole": tf.sparse.to_dense(visits), "by page": tf.sparse.reduce_sum(visits, 0)}
    found["the same, from the whole"] = tf.sparse.from_dense(tf.sparse.to_dense(visits))

    # Arithmetic works on the values; zeros stay away.
    more = tf.SparseTensor(indices=[[0, 3], [2, 2]], values=[4.0, 3.0], dense_shape=[3, 5])
    found["sum"] = tf.sparse.add(visits, more)
    found["per page weight"] = visits * tf.constant([1.0, 2.0, 3.0, 4.0, 5.0])
    found["squares"] = tf.sparse.map_values(tf.square, visits)

    # Rearranging.
    found["both, side by side"] = tf.sparse.concat(1, [visits, more])
    found["the right half"] = tf.sparse.slice(visits, [0, 2], [3, 3])
    found["turned"] = tf.sparse.transpose(visits)
    found["no visitor left out"] = tf.sparse.fill_empty_rows(visits, 0.0)[0]

    # A layer on sparse features: the product with a dense matrix, its gradient, and a compiled function.
    weights = tf.reshape(tf.range(10, dtype=tf.float32), [5, 2])

    def layer(features: Any, matrix: Any) -> Any:
        return tf.nn.relu(tf.sparse.sparse_dense_matmul(features, matrix) - 3.0)

    signature = [tf.SparseTensorSpec([None, 5], tf.float32), tf.TensorSpec([5, 2], tf.float32)]
    compiled = tf.function(layer, input_signature=signature)

    with tf.GradientTape() as tape:
        tape.watch(weights)
        outputs = compiled(visits, weights)
        loss = tf.reduce_sum(outputs)
    found["outputs"] = outputs
    found["gradient"] = tape.gradient(loss, weights)
    return found


if __name__ == "__main__":
    import headrace

    for title, value in guide(headrace).items():
        print(f"{title}: {value}")
