"""tf.compat.v1: names that make sense where ops run at once."""

from __future__ import annotations

import tempfile
from typing import Any

import numpy as np

from tests.public.case import case

X = np.random.RandomState(2).standard_normal((3, 4)).astype(np.float32)


def variables(tf: Any) -> Any:
    v, v1 = tf.Variable([1.0, 2.0]), tf.compat.v1
    return [v1.assign(v, [3.0, 4.0]) + 0.0, v1.assign_add(v, [1.0, 1.0]) + 0.0, v1.assign_sub(v, [0.5, 0.5]) + 0.0]


def switches(tf: Any) -> Any:
    v1 = tf.compat.v1
    v1.enable_eager_execution()
    v1.enable_v2_behavior()
    v1.enable_resource_variables()
    before = v1.logging.get_verbosity()
    v1.logging.set_verbosity(v1.logging.ERROR)
    level = v1.logging.get_verbosity()
    v1.logging.set_verbosity(before)
    told = [level, v1.executing_eagerly(), v1.executing_eagerly_outside_functions(), v1.VERSION, v1.logging.WARN, v1.logging.FATAL]
    return tf.constant([str(item) for item in told])


def files(tf: Any) -> Any:
    g = tf.compat.v1.gfile
    with tempfile.TemporaryDirectory() as base:
        g.MakeDirs(f"{base}/a/b")
        with g.Open(f"{base}/a/c.txt", "w") as file:
            file.write("text")
        with g.GFile(f"{base}/a/c.txt") as file:
            text = file.read()
        g.Copy(f"{base}/a/c.txt", f"{base}/d.txt", True)
        found = [text, *sorted(g.ListDirectory(base)), g.Exists(f"{base}/a/b"), g.IsDirectory(f"{base}/d.txt")]
        g.DeleteRecursively(f"{base}/a")
        return tf.constant([str(item) for item in [*found, g.Exists(f"{base}/a")]])


def dimensions(tf: Any) -> Any:
    kind = tf.compat.v1.Dimension
    known, unknown = kind(3), kind(None)
    values = known == 3, int(kind(known)), (known == unknown) is None, unknown.value is None, [1, 2, 3][: kind(2)]
    return [tf.constant(value) for value in values]


def negative_dimension(tf: Any) -> Any:
    return tf.compat.v1.Dimension(-1)


CASES = {
    "dimensions": case(dimensions),
    "negative_dimension": case(negative_dimension),
    "variables": case(variables, in_function=False),
    "switches": case(switches, in_function=False),
    "files": case(files, in_function=False),
    "reductions": case(
        lambda tf, x: [
            tf.compat.v1.reduce_sum(x, axis=0),
            tf.compat.v1.reduce_mean(x, 1, True),
            tf.compat.v1.squeeze(x[None], axis=0),
            tf.compat.v1.expand_dims(x, 1),
            tf.compat.v1.nn.softmax(x),
            tf.compat.v1.nn.relu(x),
            tf.compat.v1.math.log(tf.compat.v1.exp(x)),
        ],
        X,
    ),
    "conversions": case(
        lambda tf, x: [
            tf.compat.v1.to_int32(x * 3.0),
            tf.compat.v1.to_int64(x),
            tf.compat.v1.to_double(x),
            tf.compat.v1.div(7, 2),
            tf.compat.v1.div(-7, 2),
            tf.compat.v1.div(x, 2.0),
            tf.compat.v1.where(x > 0.0, x, -x),
        ],
        X,
    ),
    "image": case(lambda tf, x: tf.compat.v1.image.flip_left_right(x[:, :, None]), X),
}
