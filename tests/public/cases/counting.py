"""tf.math.bincount and tf.sparse.bincount of dense, sparse and ragged tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.public.case import case

X = np.int32([[1, 2, 2], [0, 5, 5]])
AMOUNTS = np.float32([[0.5, 1.0, 2.0], [3.0, 4.0, 5.0]])


def parts(found: Any) -> list[Any]:
    """The tensors of a sparse tensor."""
    return [found.indices, found.values, found.dense_shape]


def sparse(tf: Any, x: Any) -> Any:
    """Six values in a matrix of 2 by 4."""
    return tf.SparseTensor([[0, 0], [0, 1], [0, 3], [1, 0], [1, 2], [1, 3]], tf.reshape(x, [6]), [2, 4])


def ragged(tf: Any, x: Any) -> Any:
    """Rows of 2, 0 and 4 values."""
    return tf.RaggedTensor.from_row_lengths(tf.reshape(x, [6]), [2, 0, 4])


KINDS = {"dense": lambda tf, x: x, "sparse": sparse, "ragged": ragged}

CASES = {
    **{
        f"sparse-{name}-{axis}-{number}": case(
            lambda tf, x, m=make, a=axis, o=options: parts(tf.sparse.bincount(m(tf, x), axis=a, **o)), X
        )
        for name, make in KINDS.items()
        for axis in (0, -1)
        for number, options in enumerate(({}, {"minlength": 8}, {"maxlength": 3}, {"binary_output": True}))
    },
    **{
        f"weights-{name}-{axis}": case(
            lambda tf, x, w, m=make, a=axis: parts(tf.sparse.bincount(m(tf, x), m(tf, w), axis=a)), X, AMOUNTS, gradient=False
        )
        for name, make in KINDS.items()
        for axis in (0, -1)
    },
    **{
        f"math-{name}-{axis}": case(lambda tf, x, m=make, a=axis: tf.math.bincount(m(tf, x), axis=a, minlength=7), X)
        for name, make in KINDS.items()
        for axis in (0, -1)
    },
    "sparse-int64": case(lambda tf, x: parts(tf.sparse.bincount(tf.cast(x, tf.int64), axis=-1)), X),
    "negative": case(lambda tf, x: tf.sparse.bincount(x - 3), X, in_function=False),
    "axis": case(lambda tf, x: tf.sparse.bincount(x, axis=2), X, in_function=False),
    "weights-and-binary": case(lambda tf, x: tf.sparse.bincount(x, x, binary_output=True), X, in_function=False),
}
"""Public functions, run from the same source under Headrace and under real TensorFlow."""
