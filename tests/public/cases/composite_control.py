"""Sparse and ragged tensors through tf.cond, tf.while_loop, tf.map_fn, folds and AutoGraph."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.public.case import case

VALUES = np.float32([1, 2, 3, 4, 5, 6])
YES, NO = np.bool_(True), np.bool_(False)


def ragged(tf: Any, values: Any) -> Any:
    """[[1, 2, 3], [], [4], [5, 6]]."""
    return tf.RaggedTensor.from_row_lengths(values, [3, 0, 1, 2])


def deep(tf: Any, values: Any) -> Any:
    """[[[1, 2, 3], []], [], [[4], [5, 6]]]."""
    return tf.RaggedTensor.from_row_lengths(ragged(tf, values), [2, 0, 2])


def sparse(tf: Any, values: Any) -> Any:
    """Six values in a matrix of 4 by 5."""
    return tf.SparseTensor([[0, 1], [0, 3], [1, 0], [2, 2], [2, 4], [3, 3]], values, [4, 5])


def parts(value: Any) -> list[Any]:
    """The tensors of a ragged or sparse tensor."""
    if hasattr(value, "nested_row_splits"):
        return [value.flat_values, *value.nested_row_splits]
    return [value.indices, value.values, value.dense_shape]


def conditional(tf: Any, values: Any, pred: Any, make: Any) -> Any:
    """A branch that changes the values, and one that doubles them."""
    x = make(tf, values)
    return parts(
        tf.cond(pred, lambda: make(tf, values * values), lambda: tf.add(x, x) if make is not sparse else make(tf, values * 2.0))
    )


def branches_of_other_lengths(tf: Any, values: Any, pred: Any) -> Any:
    """Branches whose rows differ in number and length."""
    return parts(tf.cond(pred, lambda: ragged(tf, values), lambda: tf.RaggedTensor.from_row_lengths(values[:3] * 2.0, [1, 2])))


def switched(tf: Any, values: Any) -> Any:
    """Three ragged branches."""
    index = tf.cast(values[0], tf.int32)
    return parts(
        tf.switch_case(index, [lambda s=s: tf.ragged.map_flat_values(tf.multiply, ragged(tf, values), s) for s in (2.0, 3.0, 4.0)])
    )


def loop(tf: Any, values: Any, make: Any) -> Any:
    """A loop that carries a composite tensor whose values change."""

    def step(i: Any, x: Any) -> Any:
        return i + 1, (
            x.with_flat_values(tf.tanh(x.flat_values) * 1.5)
            if make is not sparse
            else tf.SparseTensor(x.indices, tf.tanh(x.values) * 1.5, x.dense_shape)
        )

    _, x = tf.while_loop(lambda i, _: i < 3, step, [tf.constant(0), make(tf, values)])
    return parts(x)


def growing(tf: Any, values: Any) -> Any:
    """Rows that grow in a loop."""
    _, x = tf.while_loop(
        lambda i, _: i < 2,
        lambda i, x: (i + 1, tf.concat([x, x * 2.0], axis=1)),
        [tf.constant(0), ragged(tf, values)],
        shape_invariants=[tf.TensorShape([]), tf.RaggedTensorSpec([None, None], tf.float32)],
    )
    return parts(x)


def python_if(tf: Any, values: Any, pred: Any) -> Any:
    """An if statement over ragged tensors."""
    x = ragged(tf, values)
    if pred:
        x = x * 2.0
    else:
        x = x + 1.0
    return parts(x)


def python_while(tf: Any, values: Any) -> Any:
    """A while statement that carries a ragged tensor."""
    x = ragged(tf, values)
    i = tf.constant(0)
    while i < 3:
        x = x * 1.5
        i += 1
    return parts(x)


def python_for(tf: Any, values: Any) -> Any:
    """A for statement over the rows of a ragged tensor."""
    total = tf.constant(0.0)
    for row in ragged(tf, values):
        total = total * 2.0 + tf.reduce_sum(row)
    return total


CASES = {
    **{
        f"cond-{name}-{pred}": case(lambda tf, v, p, m=make: conditional(tf, v, p, m), VALUES, pred)
        for name, make in (("ragged", ragged), ("deep", deep), ("sparse", sparse))
        for pred in (YES, NO)
    },
    "cond-lengths-true": case(branches_of_other_lengths, VALUES, YES),
    "cond-lengths-false": case(branches_of_other_lengths, VALUES, NO),
    "switch": case(switched, VALUES),
    "loop-ragged": case(lambda tf, v: loop(tf, v, ragged), VALUES),
    "loop-deep": case(lambda tf, v: loop(tf, v, deep), VALUES),
    "loop-sparse": case(lambda tf, v: loop(tf, v, sparse), VALUES),
    "loop-growing": case(growing, VALUES),
    "map-ragged": case(lambda tf, v: tf.map_fn(tf.reduce_sum, ragged(tf, v)), VALUES),
    "map-ragged-to-ragged": case(
        lambda tf, v: parts(
            tf.map_fn(lambda r: tf.sort(r * r), ragged(tf, v), fn_output_signature=tf.RaggedTensorSpec([None], tf.float32))
        ),
        VALUES,
        gradient=False,
    ),
    "map-deep": case(
        lambda tf, v: parts(
            tf.map_fn(lambda r: r * 2.0, deep(tf, v), fn_output_signature=tf.RaggedTensorSpec([None, None], tf.float32))
        ),
        VALUES,
    ),
    "map-deep-to-ragged": case(
        lambda tf, v: parts(
            tf.map_fn(lambda r: tf.reduce_sum(r, axis=1), deep(tf, v), fn_output_signature=tf.RaggedTensorSpec([None], tf.float32))
        ),
        VALUES,
    ),
    "map-dense-to-ragged": case(
        lambda tf, v: parts(
            tf.map_fn(
                lambda x: tf.range(tf.cast(x, tf.int32)),
                v,
                fn_output_signature=tf.RaggedTensorSpec([None], tf.int32, row_splits_dtype=tf.int32),
            )
        ),
        VALUES,
    ),
    "map-sparse": case(
        lambda tf, v: tf.map_fn(lambda r: tf.reduce_sum(r.values), sparse(tf, v), fn_output_signature=tf.float32),
        VALUES,
        gradient=False,
    ),
    "map-sparse-to-sparse": case(
        lambda tf, v: parts(
            tf.map_fn(
                lambda r: tf.SparseTensor(r.indices, r.values * 2.0, r.dense_shape),
                sparse(tf, v),
                fn_output_signature=tf.SparseTensorSpec([5], tf.float32),
            )
        ),
        VALUES,
        gradient=False,
    ),
    "map-several": case(
        lambda tf, v: tf.map_fn(
            lambda p: tf.reduce_sum(p[0]) * p[1], (ragged(tf, v), tf.constant([1.0, 2.0, 3.0, 4.0])), fn_output_signature=tf.float32
        ),
        VALUES,
    ),
    "map-nothing": case(
        lambda tf, v: parts(tf.map_fn(tf.identity, tf.zeros([0, 3]), fn_output_signature=tf.RaggedTensorSpec([None], tf.float32))),
        VALUES,
        gradient=False,
    ),
    "python-if-true": case(python_if, VALUES, YES),
    "python-if-false": case(python_if, VALUES, NO),
    "python-while": case(python_while, VALUES),
    "python-for": case(python_for, VALUES),
}
"""Public functions, run from the same source under Headrace and under real TensorFlow."""
