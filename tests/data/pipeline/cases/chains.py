"""Transformations put together at random, with a fixed seed: chains that nobody thought of."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable
from typing import Any

import numpy as np

Step = Callable[[Any, Any], Any]

NUMBERS: dict[str, Step] = {
    "take": lambda tf, d: d.take(7),
    "skip": lambda tf, d: d.skip(2),
    "shard": lambda tf, d: d.shard(2, 1),
    "repeat": lambda tf, d: d.repeat(2),
    "endless": lambda tf, d: d.repeat(),
    "map": lambda tf, d: d.map(lambda x: x * 3 + 1),
    "parallel-map": lambda tf, d: d.map(lambda x: x - 5, num_parallel_calls=2),
    "filter": lambda tf, d: d.filter(lambda x: x % 3 != 1),
    "take-while": lambda tf, d: d.take_while(lambda x: x < 40),
    "scan": lambda tf, d: d.scan(np.int64(0), lambda s, x: (s + x, s)),
    "flat-map": lambda tf, d: d.flat_map(lambda x: tf.data.Dataset.range(x % 4)),
    "interleave": lambda tf, d: d.interleave(lambda x: tf.data.Dataset.from_tensors(x).repeat(3), 2, 2),
    "parallel-interleave": lambda tf, d: d.interleave(lambda x: tf.data.Dataset.range(x % 3 + 1), 2, 1, num_parallel_calls=2),
    "prefetch": lambda tf, d: d.prefetch(2),
    "cache": lambda tf, d: d.cache(),
    "concatenate": lambda tf, d: d.concatenate(tf.data.Dataset.range(100, 103)),
    "zip": lambda tf, d: tf.data.Dataset.zip((d, d.skip(1))).map(lambda a, b: a * 100 + b),
    "enumerate": lambda tf, d: d.enumerate().map(lambda i, x: i + x),
    "unique": lambda tf, d: d.unique(),
    "window": lambda tf, d: d.window(3, 2).flat_map(lambda w: w.map(lambda x: x + 1)),
    "group": lambda tf, d: d.group_by_window(lambda x: x % 2, lambda k, w: w.map(lambda x: x + k), window_size=3),
    "batch": lambda tf, d: d.batch(3),
    "batch-drop": lambda tf, d: d.batch(4, drop_remainder=True),
    "window-batch": lambda tf, d: d.window(3, 1, drop_remainder=True).flat_map(lambda w: w.batch(3)),
    "spread": lambda tf, d: d.map(lambda x: tf.range(x % 3)).padded_batch(2),
}
"""Steps from scalars; the last ones give vectors or matrices."""

BATCHES: dict[str, Step] = {
    "unbatch": lambda tf, d: d.unbatch(),
    "rebatch": lambda tf, d: d.rebatch(2),
    "sum": lambda tf, d: d.map(tf.reduce_sum),
    "map": lambda tf, d: d.map(lambda x: x + 1),
    "take": lambda tf, d: d.take(4),
    "skip": lambda tf, d: d.skip(1),
    "repeat": lambda tf, d: d.repeat(2),
    "prefetch": lambda tf, d: d.prefetch(1),
    "shard": lambda tf, d: d.shard(2, 0),
    "flat-map": lambda tf, d: d.flat_map(tf.data.Dataset.from_tensor_slices),
    "cache": lambda tf, d: d.cache(),
    "ragged": lambda tf, d: d.ragged_batch(2),
    "concatenate": lambda tf, d: d.concatenate(d),
}
"""Steps from vectors; after `ragged` nothing follows."""

TO_BATCHES = ("batch", "batch-drop", "window-batch")
TO_NUMBERS = ("unbatch", "sum", "flat-map")
LAST = ("spread", "ragged")


def chain(seed: int) -> tuple[str, list[Step]]:
    """The name and the steps of one chain."""
    draw = random.Random(seed)
    names, steps = [], []
    table = NUMBERS
    for _ in range(draw.randint(2, 6)):
        name = draw.choice(list(table))
        names.append(name)
        steps.append(table[name])
        if name in LAST:
            break
        if table is NUMBERS and name in TO_BATCHES:
            table = BATCHES
        elif table is BATCHES and name in TO_NUMBERS:
            table = NUMBERS
    return f"{seed}-{'-'.join(names)}", steps


def run(steps: list[Step], tf: Any) -> Any:
    """The dataset of a chain."""
    return functools.reduce(lambda dataset, step: step(tf, dataset), steps, tf.data.Dataset.range(13))


CASES = {name: functools.partial(run, steps) for name, steps in map(chain, range(100))}
