"""tf.experimental.Optional: made, asked, taken apart; through functions, branches and loops."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.public.case import case

X = np.float32([[0.5, -1.0], [2.0, 0.25]])


def _structure(tf: Any, x: Any) -> Any:
    made = tf.experimental.Optional.from_value({"a": x * 2.0, "b": (tf.constant(3), tf.constant(["word"]))})
    found = made.get_value()
    return made.has_value(), found["a"] * x, found["b"]


def _of_composites(tf: Any, x: Any) -> Any:
    ragged = tf.RaggedTensor.from_row_lengths(tf.reshape(x, [-1]), [1, 3])
    found = tf.experimental.Optional.from_value((ragged, tf.sparse.from_dense(x))).get_value()
    return found[0].to_tensor(), tf.sparse.to_dense(found[1])


def _empty(tf: Any) -> Any:
    return tf.experimental.Optional.empty(tf.TensorSpec([2], tf.float32)).has_value()


def _get_of_empty(tf: Any) -> Any:
    return tf.experimental.Optional.empty(tf.TensorSpec([2], tf.float32)).get_value()


def _from_function(tf: Any, x: Any) -> Any:
    @tf.function
    def made(value: Any) -> Any:
        return tf.experimental.Optional.from_value((value + 1.0, value[0]))

    return made(x).get_value()


def _branch(tf: Any, x: Any) -> Any:
    def chosen(condition: Any) -> Any:
        some = tf.experimental.Optional.from_value(x * 3.0)
        return tf.cond(condition, lambda: some, lambda: tf.experimental.Optional.empty(some.element_spec))

    return chosen(tf.reduce_sum(x) > 0.0).get_value(), chosen(tf.reduce_sum(x) > 100.0).has_value()


def _loop(tf: Any, x: Any) -> Any:
    first = tf.experimental.Optional.from_value(x)
    _, last = tf.while_loop(
        lambda i, held: tf.logical_and(i < 3, held.has_value()),
        lambda i, held: (i + 1, tf.experimental.Optional.from_value(held.get_value() * 2.0)),
        (tf.constant(0), first),
    )
    return last.get_value()


def _specs(tf: Any, x: Any) -> Any:
    spec = tf.OptionalSpec(tf.TensorSpec([2, 2], tf.float32))
    made = tf.experimental.Optional.from_value(x)
    return [
        tf.constant(spec == tf.OptionalSpec.from_value(made)),
        tf.constant(spec.is_compatible_with(made)),
        tf.constant(tf.OptionalSpec(tf.TensorSpec([3], tf.float32)).is_compatible_with(made)),
    ]


CASES = {
    "structure": case(_structure, X, gradient=False),
    "of_composites": case(_of_composites, X, gradient=False),
    "empty": case(_empty),
    "get_of_empty": case(_get_of_empty),
    "from_function": case(_from_function, X, gradient=False),
    "branch": case(_branch, X, gradient=False),
    "loop": case(_loop, X, gradient=False),
    "specs": case(_specs, X, gradient=False),
}
