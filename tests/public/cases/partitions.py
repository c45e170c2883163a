"""tf.experimental.RowPartition, and the objects below a trackable one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.public.case import Case, case


def told(make: Callable[..., Any]) -> Callable[..., Any]:
    """All that a partition tells."""

    def run(tf: Any, *parts: Any) -> Any:
        p = make(tf.experimental.RowPartition, *parts)
        found = [p.row_splits(), p.row_starts(), p.row_limits(), p.row_lengths(), p.value_rowids(), p.nrows(), p.nvals()]
        return [*found, p.offsets_in_rows(), tf.constant([p.is_uniform()]), p.with_dtype(tf.int32).row_splits()]

    return run


def viewed(tf: Any) -> Any:
    module = tf.Module()
    module.v, module.items = tf.Variable(1.0), [tf.Variable(2.0), {"a": tf.Variable(3.0)}]
    module.table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer([1], [2]), 0)
    view = tf.train.TrackableView(module)
    names = sorted(view.children(module))
    below = view.descendants()
    resources = [isinstance(item, tf.saved_model.experimental.TrackableResource) for item in below]
    return tf.constant([*names, str(len(below)), str(sum(resources)), str(below[0] is view.root)])


CASES: dict[str, Case] = {
    "splits": case(told(lambda kind, s: kind.from_row_splits(s)), np.int64([0, 2, 2, 5])),
    "lengths": case(told(lambda kind, s: kind.from_row_lengths(s)), np.int32([2, 0, 3])),
    "starts": case(told(lambda kind, s: kind.from_row_starts(s, nvals=5)), np.int64([0, 2, 2])),
    "limits": case(told(lambda kind, s: kind.from_row_limits(s)), np.int64([2, 2, 5])),
    "rowids": case(told(lambda kind, s: kind.from_value_rowids(s)), np.int64([0, 0, 2, 2, 2])),
    "rowids-and-rows": case(told(lambda kind, s: kind.from_value_rowids(s, nrows=5)), np.int64([0, 0, 2])),
    "uniform": case(told(lambda kind: kind.from_uniform_row_length(2, nvals=6))),
    "uniform-rows": case(told(lambda kind: kind.from_uniform_row_length(3, nrows=2))),
    "plain-numbers": case(told(lambda kind: kind.from_row_splits([0, 1, 3], dtype="int32"))),
    "falling": case(lambda tf: tf.experimental.RowPartition.from_row_splits([0, 3, 2]), in_function=False),
    "negative-lengths": case(lambda tf: tf.experimental.RowPartition.from_row_lengths([1, -2]), in_function=False),
    "unsorted": case(lambda tf: tf.experimental.RowPartition.from_value_rowids([1, 0]), in_function=False),
    "no-number": case(lambda tf: tf.experimental.RowPartition.from_uniform_row_length(2), in_function=False),
    "view": case(viewed, in_function=False),
}
