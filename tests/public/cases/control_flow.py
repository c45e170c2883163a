"""Branches, loops, TensorArrays and what is made of them, with their gradients."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.public.case import case

X = np.float32([[0.5, -1.0], [2.0, 0.25], [-0.75, 1.5]])
V = np.float32([0.5, -1.25, 2.0])
YES, NO = np.array(True), np.array(False)
N = np.int32(4)


def _power(tf: Any, x: Any, n: Any) -> Any:
    return tf.while_loop(lambda i, _: i < n, lambda i, y: (i + 1, y * x), (tf.constant(0), tf.ones_like(x)))[1]


def _until(tf: Any, x: Any) -> Any:
    """The number of iterations depends on data."""
    return tf.while_loop(lambda y, _: tf.reduce_sum(y) < 50.0, lambda y, i: (y * (tf.abs(x) + 1.5), i + 1), (tf.abs(x), 0))


def _nested(tf: Any, x: Any) -> Any:
    def outer(i: Any, total: Any) -> Any:
        inner = tf.while_loop(lambda j, _: j <= i, lambda j, y: (j + 1, tf.sin(y) * x), (tf.constant(0), total))[1]
        return i + 1, total + inner

    return tf.while_loop(lambda i, _: i < 3, outer, (tf.constant(0), x))[1]


def _branch_in_loop(tf: Any, x: Any) -> Any:
    def body(i: Any, y: Any) -> Any:
        return i + 1, tf.cond(y[0] > 1.0, lambda: tf.sqrt(tf.abs(y)) * x, lambda: y + tf.exp(x))

    return tf.while_loop(lambda i, _: i < 5, body, (tf.constant(0), x))[1]


def _loop_in_branch(tf: Any, x: Any, p: Any) -> Any:
    return tf.cond(p, lambda: _power(tf, x, 3), lambda: tf.reduce_sum(x) * x)


def _growing(tf: Any, x: Any) -> Any:
    shapes = [tf.TensorShape([]), tf.TensorShape([None])]
    body = lambda i, y: (i + 1, tf.concat([y, y[:1] * 2.0], 0))  # noqa: E731
    return tf.while_loop(lambda i, _: i < 3, body, (tf.constant(0), x), shape_invariants=shapes)[1]


def _swapped(tf: Any, x: Any) -> Any:
    return tf.while_loop(lambda i, a, b: i < 4, lambda i, a, b: (i + 1, b, a + b * x), (tf.constant(0), x, tf.ones_like(x)))[1:]


def _limited(tf: Any, x: Any) -> Any:
    return tf.while_loop(lambda y: tf.reduce_sum(y) < 1e6, lambda y: [y * y + x], [x], maximum_iterations=3)


def _second_order(tf: Any, x: Any, program: Any) -> Any:
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = program(tf, x)
        first = inner.gradient(y, x)
    return first, outer.gradient(first, x)


def _recurrent(tf: Any, x: Any, w: Any) -> Any:
    """A small recurrent network with TensorArrays."""
    inputs = tf.TensorArray(tf.float32, size=x.shape[0]).unstack(x)
    outputs = tf.TensorArray(tf.float32, size=x.shape[0])

    def body(i: Any, state: Any, kept: Any) -> Any:
        state = tf.tanh(tf.linalg.matvec(w, state) + inputs.read(i))
        return i + 1, state, kept.write(i, state)

    _, state, outputs = tf.while_loop(lambda i, *_: i < x.shape[0], body, (tf.constant(0), tf.zeros_like(x[0]), outputs))
    return state, outputs.stack()


def _dynamic_array(tf: Any, x: Any) -> Any:
    array = tf.TensorArray(tf.float32, size=0, dynamic_size=True)
    _, array = tf.while_loop(lambda i, _: i < 4, lambda i, a: (i + 1, a.write(i, x * tf.cast(i, x.dtype))), (tf.constant(0), array))
    return array.stack(), array.size()


def _array_tools(tf: Any, x: Any) -> Any:
    array = tf.TensorArray(tf.float32, size=3, clear_after_read=False, element_shape=[2]).unstack(x)
    array = array.write(1, x[0] * x[1])
    scattered = tf.TensorArray(tf.float32, size=3).scatter([2, 0, 1], x)
    split = tf.TensorArray(tf.float32, size=2, infer_shape=False).split(x, [1, 2])
    return array.gather([2, 1]), array.concat(), scattered.stack(), split.concat(), array.read(1), array.size()


def _case(tf: Any, x: Any) -> Any:
    total = tf.reduce_sum(x)
    return tf.case([(total > 10.0, lambda: x), (total > 0.0, lambda: x * x)], default=lambda: tf.zeros_like(x))


def _switch(tf: Any, x: Any, i: Any) -> Any:
    return tf.switch_case(i, [lambda: x, lambda: tf.exp(x), lambda: x * x * x])


def _structures(tf: Any, x: Any, p: Any) -> Any:
    return tf.cond(p, lambda: {"a": x, "b": (x * 2.0, x + 1.0)}, lambda: {"a": -x, "b": (x, tf.cos(x))})


def _map_pairs(tf: Any, x: Any) -> Any:
    return tf.map_fn(lambda pair: pair[0] * tf.reduce_sum(pair[1]), (x, x * x), fn_output_signature=tf.float32)


def _scan_pairs(tf: Any, x: Any) -> Any:
    return tf.scan(lambda state, e: (state[0] * 0.5 + e, state[1] + 1), x, initializer=(tf.zeros_like(x[0]), tf.constant(0)))


def _unconnected(tf: Any, x: Any, p: Any) -> Any:
    """One branch does not read x."""
    return tf.cond(p, lambda: x * x, lambda: tf.constant([7.0, 8.0, 9.0]))


def _captured_loop_value(tf: Any, x: Any) -> Any:
    scale = tf.reduce_sum(x * x)
    return tf.while_loop(lambda i, _: i < 3, lambda i, y: (i + 1, y * scale + tf.gather(x, i)), (tf.constant(0), x))[1]


def _zero_trips(tf: Any, x: Any) -> Any:
    return tf.while_loop(lambda i, _: i < 0, lambda i, y: (i + 1, y * x), (tf.constant(0), x))[1]


def _empty_map(tf: Any, x: Any) -> Any:
    return tf.map_fn(lambda r: r * 2.0, x[:0])


CASES = {
    "cond-true": case(lambda tf, x, p: tf.cond(p, lambda: tf.sin(x) * x, lambda: -x), V, YES),
    "cond-false": case(lambda tf, x, p: tf.cond(p, lambda: tf.sin(x) * x, lambda: -x * x), V, NO),
    "cond-structures": case(_structures, V, YES),
    "cond-unconnected": case(_unconnected, V, NO, in_function=False),
    "cond-nested": case(
        lambda tf, x, p: tf.cond(p, lambda: tf.cond(x[0] > 0.0, lambda: tf.exp(x), lambda: x), lambda: x * 2.0), V, YES
    ),
    "cond-second-order": case(
        lambda tf, x, p: _second_order(tf, x, lambda tf, x: tf.cond(p, lambda: tf.sin(x) * x, lambda: x * x * x)), V, YES
    ),
    "cond-dtypes-differ": case(lambda tf, x, p: tf.cond(p, lambda: 1.0, lambda: tf.constant(1)), V, YES, in_function=False),
    "cond-not-callable": case(lambda tf, x: tf.cond(True, x, x), V, in_function=False),
    "switch-0": case(_switch, V, np.int32(0)),
    "switch-1": case(_switch, V, np.int32(1)),
    "switch-out-of-range": case(_switch, V, np.int32(7)),
    "case": case(_case, V),
    "case-exclusive": case(
        lambda tf, x: tf.case([(x[0] > 0.0, lambda: x), (x[1] > 0.0, lambda: -x)], exclusive=True, default=lambda: x * 2.0), V
    ),
    "while-power": case(_power, V, N),
    "while-until": case(_until, V),
    "while-nested": case(_nested, V),
    "while-branch": case(_branch_in_loop, V),
    "branch-while": case(_loop_in_branch, V, YES),
    "while-growing": case(_growing, V),
    "while-swapped": case(_swapped, V),
    "while-limited": case(_limited, V),
    "while-captured": case(_captured_loop_value, V),
    "while-zero-trips": case(_zero_trips, V),
    "while-second-order": case(lambda tf, x: _second_order(tf, x, lambda tf, x: _power(tf, x, 3)), V),
    "while-second-order-nested": case(lambda tf, x: _second_order(tf, x, _nested), V, tolerance=1e-4),
    "while-shape-changes": case(
        lambda tf, x: tf.while_loop(lambda i, y: i < 2, lambda i, y: (i + 1, tf.concat([y, y], 0)), (tf.constant(0), x)),
        V,
        in_function=False,
    ),
    "recurrent": case(_recurrent, X, np.float32([[0.1, 0.7], [-0.3, 0.2]])),
    "recurrent-second-order": case(
        lambda tf, x, w: _second_order(tf, w, lambda tf, w: _recurrent(tf, x, w)[1]),
        X,
        np.float32([[0.1, 0.7], [-0.3, 0.2]]),
        tolerance=1e-4,
    ),
    "array-dynamic": case(_dynamic_array, V),
    "array-tools": case(_array_tools, X),
    "map": case(lambda tf, x: tf.map_fn(lambda r: tf.reduce_sum(r * r), x), X),
    "map-pairs": case(_map_pairs, X),
    "map-dtype": case(
        lambda tf, x: tf.map_fn(lambda r: tf.cast(r[0] * 10.0, tf.int32), x, fn_output_signature=tf.int32), X, gradient=False
    ),
    "map-empty": case(_empty_map, X, gradient=False),
    "vectorized-map": case(lambda tf, x: tf.vectorized_map(lambda r: (r * r, tf.reduce_sum(r)), x), X),
    "scan": case(lambda tf, x: tf.scan(lambda a, e: a * e + 1.0, x), X),
    "scan-reverse": case(lambda tf, x: tf.scan(lambda a, e: a * e + 1.0, x, reverse=True), X),
    "scan-pairs": case(_scan_pairs, X),
    "foldl": case(lambda tf, x: tf.foldl(lambda a, e: a * e + 1.0, x), X),
    "foldr": case(lambda tf, x: tf.foldr(lambda a, e: a * e + 1.0, x, initializer=x[0]), X),
}
