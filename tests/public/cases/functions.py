"""Small public functions of many rooms."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.public.case import case

R = np.random.RandomState(6)
X = R.standard_normal((3, 4)).astype(np.float32)
UNIT = R.uniform(0.1, 1.9, (3, 4)).astype(np.float32)


def ordered(tf: Any, x: Any) -> Any:
    """A write, what is ordered after it, and what it left."""
    variable = tf.Variable(1.0) if tf.executing_eagerly() else None
    with tf.control_dependencies([x]):
        y = tf.identity(x)
    tf.group(x, y)
    tf.no_op()
    return [*tf.tuple([y, x * 2.0]), y if variable is None else y * variable]


def accumulated(tf: Any, x: Any) -> Any:
    """Derivatives along a direction, a second one of them, and their gradient."""
    with tf.autodiff.ForwardAccumulator(x, tf.ones_like(x)) as outer:
        with tf.autodiff.ForwardAccumulator(x, tf.cast(tf.range(4), tf.float32) + tf.zeros_like(x)) as inner:
            y = tf.reduce_sum(tf.sin(x) * tf.matmul(x, x, transpose_b=True)[:, :1], axis=1)
        first = inner.jvp(y)
    return first, outer.jvp(first), inner.jvp(x)


def hessian_product(tf: Any, x: Any) -> Any:
    """Forward over reverse."""
    with tf.autodiff.ForwardAccumulator(x, tf.ones_like(x)) as forward:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.reduce_sum(tf.exp(x) * x)
        gradient = tape.gradient(y, x)
    return forward.jvp(gradient)


def through_function(tf: Any, x: Any) -> Any:
    """Through a call, a variable and a loop."""
    v = tf.Variable([[2.0]])
    inner = tf.function(lambda a: tf.while_loop(lambda i, b: i < 3, lambda i, b: (i + 1, tf.tanh(b) * v), (0, a))[1])
    with tf.autodiff.ForwardAccumulator([x, v], [tf.ones_like(x), [[1.0]]]) as forward:
        y = inner(x)
    return forward.jvp(y), forward.jvp(v)


def windows(tf: Any, x: Any) -> Any:
    """Windows that move with a loop."""
    total = tf.zeros([2])
    for i in tf.range(3):
        total += tf.reduce_sum(x[i : i + 2, 1:3], axis=0) * 2.0
    return total


def repeated(tf: Any, x: Any, counts: Any) -> Any:
    """Slices as often as tensors say, whose values a function does not know."""
    return tf.repeat(x, counts, axis=0), tf.repeat(x, counts[0], axis=1), tf.repeat(x, counts * 0, axis=0)


def kinds(tf: Any) -> Any:
    """What counts as a tensor."""
    values = [tf.data.Dataset.range(2), tf.ragged.constant([[1], []]), tf.sparse.from_dense([[1]]), np.float32(1), 1.0]
    return [tf.constant(tf.is_tensor(value)) for value in values]


def _has_numpy(tf: Any) -> Any:
    """Programs ask so whether a tensor has a value."""
    asked: list[bool] = []
    tf.function(lambda x: asked.append(hasattr(x, "numpy")) or x)(tf.constant(1.0))
    return tf.constant([*asked, hasattr(tf.constant(1.0), "numpy")])


def _through_inputs(tf: Any, x: Any) -> Any:
    """Losses look for the logits that an activation was made of."""

    @tf.function
    def slope(x: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.sigmoid(x * 2.0)
            z = tf.reduce_sum(y.op.inputs[0] * 3.0)
        return tape.gradient(z, x)

    return slope(x)


def rounded(tf: Any) -> Any:
    return [tf.round(tf.constant([1, 2, 3], dtype)) for dtype in (tf.uint16, tf.uint32, tf.int8, tf.int64)]


CASES = {
    "rounded": case(rounded),
    "repeated": case(repeated, X, np.int32([2, 0, 1])),
    "kinds": case(kinds),
    "gradient-through-op-inputs": case(_through_inputs, np.float32([1, 2]), gradient=False, in_function=False),
    "confusion-label": case(lambda tf: tf.math.confusion_matrix([5], [0], num_classes=3), in_function=False),
    "confusion-prediction": case(lambda tf: tf.math.confusion_matrix([0], [5], num_classes=3), in_function=False),
    "confusion-negative": case(lambda tf: tf.math.confusion_matrix([0], [-1]), in_function=False),
    "confusion-none": case(lambda tf: tf.math.confusion_matrix([0, 1], [1, 1], num_classes=3)),
    "has-numpy": case(_has_numpy, in_function=False),
    "list-of-tensors-is-cast": case(
        lambda tf, x: tf.convert_to_tensor([x[0], [2, 3]], tf.float64), np.int32([[1, 5]]), gradient=False
    ),
    "list-of-sizes-is-cast": case(lambda tf, x: tf.scatter_nd(np.int64([[1]]), [1.0], [tf.shape(x)[0] + 1]), np.int32([1, 5])),
    "tensor-is-not-cast": case(lambda tf, x: tf.convert_to_tensor(x, tf.float64), np.int32([1, 5]), in_function=False),
    "slice-from-data": case(lambda tf, x, i: [x[i : i + 2], x[:, i:], x[i:, :-1:2]], X, np.int32(1)),
    "slice-from-data-short": case(lambda tf, x, i: tf.sin(x[i : i + 2]), X, np.int32(2)),
    "index-and-slice": case(lambda tf, x, i: [x[i, 1:3], x[1:, i], x[..., i, None, :2], x[i, ::2] * 2.0], X, np.int32(1)),
    "slice-in-a-loop": case(windows, X),
    "math-names": case(
        lambda tf, x: [
            tf.math.softmax(x),
            tf.math.log_softmax(x),
            tf.math.softplus(x),
            tf.math.softsign(x),
            tf.math.log_sigmoid(x),
        ],
        X,
    ),
    "math-more-names": case(
        lambda tf, x: [
            tf.math.pow(x, 2.0),
            tf.math.mod(x, 0.7),
            tf.math.top_k(x, 2).values,
            tf.math.invert_permutation([2, 0, 1]),
            tf.math.in_top_k([1, 0, 3], x, 2),
            tf.math.zero_fraction(tf.nn.relu(x)),
        ],
        X,
    ),
    "erfcinv": case(lambda tf, x: tf.math.erfcinv(x), UNIT, tolerance=1e-4),
    "special": case(
        lambda tf, x: [tf.math.special.spence(x), tf.math.special.expint(x), tf.math.special.bessel_i0e(x)], UNIT, tolerance=1e-4
    ),
    "unique-names": case(lambda tf: [tf.unique([3, 1, 3]).idx, tf.unique_with_counts([3, 1, 3]).count]),
    "truncated": case(lambda tf: [tf.truncatediv(-7, 2), tf.truncatemod(-7, 2), tf.realdiv(7.0, 2.0)]),
    "required-paddings": case(lambda tf: tf.required_space_to_batch_paddings([5, 7], [2, 3], [[1, 0], [0, 1]])),
    "required-paddings-none": case(lambda tf: tf.required_space_to_batch_paddings([5, 7], [2, 3])),
    "ordering": case(ordered, X),
    "static-value": case(lambda tf: tf.constant(tf.get_static_value(tf.constant([1, 2]) + 1))),
    "pass-through": case(lambda tf, x: tf.grad_pass_through(tf.round)(x), X),
    "zeros-initializer": case(lambda tf: tf.zeros_initializer()([2, 3], tf.int32)),
    "ones-initializer": case(lambda tf: tf.ones_initializer()(shape=(2,))),
    "constant-initializer": case(lambda tf: tf.constant_initializer([1.0, 2.0, 3.0, 4.0])([2, 2])),
    "constant-initializer-scalar": case(lambda tf: tf.constant_initializer(3)([2], tf.float32)),
    "constant-initializer-size": case(lambda tf: tf.constant_initializer([1, 2, 3])([2, 2]), in_function=False),
    "zeros-initializer-string": case(lambda tf: tf.zeros_initializer()([2], tf.string), in_function=False),
    "random-initializers": case(
        lambda tf: [tf.shape(tf.random_normal_initializer()([2, 3])), tf.shape(tf.random_uniform_initializer()([4]))]
    ),
    "random-normal-integer": case(lambda tf: tf.random_normal_initializer()([2], tf.int32), in_function=False),
    "stateless-dropout": case(lambda tf, x: tf.nn.experimental.stateless_dropout(x, 0.4, [1, 2]), X),
    "stateless-dropout-rate": case(lambda tf, x: tf.nn.experimental.stateless_dropout(x, 1.5, [1, 2]), X, in_function=False),
    "general-dropout": case(
        lambda tf, x: tf.nn.experimental.general_dropout(x, 0.5, lambda shape, dtype: tf.zeros(shape, dtype) + 0.6), X
    ),
    "accumulator": case(accumulated, X, gradient=False),
    "accumulator-over-tape": case(hessian_product, X),
    "accumulator-through-function": case(through_function, X, in_function=False),
    "accumulator-shapes": case(lambda tf, x: tf.autodiff.ForwardAccumulator(x, [1.0]), X, in_function=False),
    "assert-shapes": case(
        lambda tf, x: [tf.debugging.assert_shapes([(x, ("N", "M")), (x[:, 0], ("N",)), (x, (..., 4))]), x][1:], X, gradient=False
    ),
    "assert-shapes-wrong": case(lambda tf, x: tf.debugging.assert_shapes([(x, ("N", "N"))]), X, in_function=False),
    "assert-rank-in": case(lambda tf, x: tf.debugging.assert_rank_in(x, [1, 3]), X, in_function=False),
    "assert-integer": case(lambda tf, x: tf.debugging.assert_integer(x), X, in_function=False),
    "assert-scalar": case(lambda tf, x: tf.debugging.assert_scalar(x), X, in_function=False),
    "assert-finite": case(lambda tf, x: tf.debugging.assert_all_finite(x / 0.0, "bad"), X, in_function=False),
    "assert-iterable": case(lambda tf, x: tf.debugging.assert_proper_iterable(x), X, in_function=False),
    "assert-float-dtype": case(lambda tf, x: tf.debugging.assert_same_float_dtype([x, tf.constant([1])]), X, in_function=False),
    "assert-top": case(lambda tf, x: tf.assert_greater(x, 0.0), X, in_function=False),
    "range-of-nothing": case(lambda tf: [tf.range(2, 1, 3), tf.range(3, 3), tf.range(1, 2, -1)]),
    "compat": case(
        lambda tf: [
            tf.constant([tf.compat.as_bytes("é"), tf.compat.as_text(b"a"), tf.compat.as_str_any(3), tf.compat.path_to_str("p")])
        ]
    ),
    "compat-neither": case(lambda tf: tf.compat.as_bytes(3), in_function=False),
}
"""Public functions, run from the same source under Headrace and under real TensorFlow."""
