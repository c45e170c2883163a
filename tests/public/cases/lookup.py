"""tf.lookup."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.public.case import case


def _words(tf: Any) -> Any:
    return tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(["a", "b"], np.int64([5, 6])), -1)


def _counted(tf: Any) -> Any:
    table = tf.lookup.experimental.MutableHashTable(tf.int64, tf.float32, [0.0, 1.0])
    table.insert(np.int64([3, 4]), [[1.0, 2.0], [3.0, 4.0]])
    table.insert(np.int64([4]), [[5.0, 6.0]])
    table.remove(np.int64([9]))
    return table


CASES = {
    "static": case(lambda tf, keys: _words(tf).lookup(keys), np.array([[b"a", b"x"], [b"b", b"b"]]), in_function=False),
    "static-size": case(lambda tf: _words(tf).size(), in_function=False),
    "static-keys-of-another-dtype": case(lambda tf: _words(tf).lookup(tf.constant([1])), in_function=False),
    "mutable": case(lambda tf, keys: _counted(tf).lookup(keys), np.int64([4, 3, 7]), gradient=False, in_function=False),
    "mutable-size": case(lambda tf: _counted(tf).size(), in_function=False),
    "twice": case(
        lambda tf: tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(["a", "a"], [1, 2]), 0).size(), in_function=False
    ),
}
