"""Python functions as ops."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.public.case import case

V = np.float32([0.5, -1.25, 2.0])


def _two(tf: Any, x: Any) -> Any:
    return tf.py_function(lambda a, b: (a * b, tf.reduce_sum(a)), [x, x + 1.0], [tf.float32, tf.float32])


def _in_loop(tf: Any, x: Any) -> Any:
    body = lambda i, y: (i + 1, tf.ensure_shape(tf.py_function(lambda a: a * a + 0.5, [y], tf.float32), [3]))  # noqa: E731
    return tf.while_loop(lambda i, _: i < 3, body, (tf.constant(0), x))[1]


def _strings_in_branch(tf: Any, x: Any) -> Any:
    return tf.strings.length(tf.cond(x[0] > 0.0, lambda: tf.strings.join(["a", "bc"]), lambda: tf.constant("")))


CASES = {
    "py-function": case(lambda tf, x: tf.py_function(lambda a: tf.sin(a) * 2.0, [x], tf.float32), V),
    "py-function-two": case(_two, V),
    "py-function-in-loop": case(_in_loop, V),
    "py-function-none": case(lambda tf, x: tf.py_function(lambda a: None, [x], []) or x, V),
    "numpy-function": case(lambda tf, x: tf.numpy_function(lambda a: a * 2, [x], tf.float32) + x, V, gradient=False),
    "strings-in-branch": case(_strings_in_branch, V, gradient=False),
}
