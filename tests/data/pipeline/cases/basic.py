"""Sources, and the transformations that Keras' trainer and most programs use."""

from __future__ import annotations

import collections
from typing import Any

import numpy as np

Point = collections.namedtuple("Point", ["x", "y"])
ROWS = np.arange(12, dtype=np.float32).reshape(6, 2)


def _generator(tf: Any, values: Any, spec: Any) -> Any:
    return tf.data.Dataset.from_generator(lambda: iter(values), output_signature=spec)


def _iterate_in_function(tf: Any) -> Any:
    @tf.function
    def total(iterator: Any) -> Any:
        return next(iterator) + iterator.get_next()

    return total(iter(tf.data.Dataset.range(10)))


def _past_the_end(tf: Any) -> Any:
    @tf.function
    def following(iterator: Any) -> Any:
        return next(iterator)

    iterator = iter(tf.data.Dataset.range(1))
    following(iterator)
    return following(iterator)


def _loop(tf: Any) -> Any:
    @tf.function
    def total(dataset: Any) -> Any:
        result = tf.constant(0, tf.int64)
        for x in dataset:
            if x > 6:
                break
            if x % 2 == 0:
                continue
            result += x
        return result

    return total(tf.data.Dataset.range(100))


def _loop_over_iterator(tf: Any) -> Any:
    @tf.function
    def total(iterator: Any) -> Any:
        result = tf.constant(0, tf.int64)
        for x, y in iterator:
            result += x * y
        return result

    return total(iter(tf.data.Dataset.zip((tf.data.Dataset.range(5), tf.data.Dataset.range(1, 6)))))


def _steps(tf: Any) -> Any:
    weights = tf.Variable([1.0, 1.0])

    @tf.function
    def run(iterator: Any, steps: Any) -> Any:
        for _ in tf.range(steps):
            x, y = next(iterator)
            weights.assign_sub(0.01 * tf.reduce_sum(x, 0) * y[0])
        return weights.read_value()

    dataset = tf.data.Dataset.from_tensor_slices((ROWS, np.arange(6, dtype=np.float32))).batch(2).repeat()
    return run(iter(dataset), tf.constant(5))


def _optionals(tf: Any) -> Any:
    @tf.function
    def count(iterator: Any) -> Any:
        found = tf.constant(0)
        optional = iterator.get_next_as_optional()
        while optional.has_value():
            found += 1
            optional = iterator.get_next_as_optional()
        return found

    return count(iter(tf.data.Dataset.range(7)))


def _optional_eagerly(tf: Any) -> Any:
    iterator = iter(tf.data.Dataset.range(1))
    first, second = iterator.get_next_as_optional(), iterator.get_next_as_optional()
    return [first.has_value(), first.get_value(), second.has_value()]


def _made_in_function(tf: Any) -> Any:
    @tf.function
    def make(n: Any) -> Any:
        return tf.data.Dataset.range(n).map(lambda x: x * n).batch(2)

    return [list(make(tf.constant(5, tf.int64)).as_numpy_iterator())]


def _reduce_in_function(tf: Any) -> Any:
    @tf.function
    def total(n: Any) -> Any:
        return tf.data.Dataset.range(n).reduce((np.int64(0), 1.0), lambda s, x: (s[0] + x, s[1] * 2.0))

    return total(tf.constant(5, tf.int64))


def _two_passes(tf: Any) -> Any:
    dataset = tf.data.Dataset.range(4).map(lambda x: x + 1).cache()
    return [list(dataset.as_numpy_iterator()), list(dataset.repeat(2).batch(3).as_numpy_iterator())]


def _generator_with_arguments(tf: Any) -> Any:
    def numbers(stop: Any, step: Any) -> Any:
        yield from range(0, stop, step)

    return tf.data.Dataset.from_generator(numbers, output_types=tf.int32, output_shapes=(), args=(10, 3))


def _raising(tf: Any, error: type[Exception]) -> Any:
    def numbers() -> Any:
        yield 1
        raise error("no more")

    return tf.data.Dataset.from_generator(numbers, output_signature=tf.TensorSpec((), tf.int32))


def _options(tf: Any) -> Any:
    first, second = tf.data.Options(), tf.data.Options()
    first.deterministic = False
    second.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    second.threading.private_threadpool_size = 3
    merged = tf.data.Dataset.range(3).with_options(first).map(lambda x: x).with_options(second).options()
    policy = merged.experimental_distribute.auto_shard_policy
    return [merged.deterministic, policy.name, merged.threading.private_threadpool_size, merged.autotune.enabled]


CASES = {
    "range": lambda tf: tf.data.Dataset.range(5),
    "range-limits": lambda tf: tf.data.Dataset.range(2, 20, 3),
    "range-down": lambda tf: tf.data.Dataset.range(5, 0, -2),
    "range-empty": lambda tf: tf.data.Dataset.range(5, 0),
    "range-float": lambda tf: tf.data.Dataset.range(3, output_type=tf.float32),
    "range-step-0": lambda tf: tf.data.Dataset.range(0, 5, 0),
    "range-no-argument": lambda tf: tf.data.Dataset.range(),
    "from-tensors": lambda tf: tf.data.Dataset.from_tensors((ROWS, {"b": [1, 2], "a": "text"})),
    "from-tensors-list": lambda tf: tf.data.Dataset.from_tensors([1, 2, 3]),
    "from-tensors-none": lambda tf: tf.data.Dataset.from_tensors((1, None)),
    "from-tensors-ragged-list": lambda tf: tf.data.Dataset.from_tensors([[1], [2, 3]]),
    "slices": lambda tf: tf.data.Dataset.from_tensor_slices(ROWS),
    "slices-structure": lambda tf: tf.data.Dataset.from_tensor_slices(({"b": ROWS, "a": list("abcdef")}, [1, 2, 3, 4, 5, 6])),
    "slices-named": lambda tf: tf.data.Dataset.from_tensor_slices(Point([1, 2], [3.0, 4.0])),
    "slices-ordered": lambda tf: tf.data.Dataset.from_tensor_slices(collections.OrderedDict([("z", [1, 2]), ("a", [3, 4])])),
    "slices-list-of-arrays": lambda tf: tf.data.Dataset.from_tensor_slices([np.array([1, 2]), np.array([3, 4])]),
    "slices-scalar": lambda tf: tf.data.Dataset.from_tensor_slices(3),
    "slices-lengths": lambda tf: tf.data.Dataset.from_tensor_slices(([1, 2], [3, 4, 5])),
    "slices-empty": lambda tf: tf.data.Dataset.from_tensor_slices(np.zeros((0, 2))),
    "slices-nothing": lambda tf: tf.data.Dataset.from_tensor_slices(()),
    "slices-bool": lambda tf: tf.data.Dataset.from_tensor_slices([True, False]),
    "slices-int": lambda tf: tf.data.Dataset.from_tensor_slices([1, 2 << 40]),
    "generator": lambda tf: _generator(tf, [1, 2, 3], tf.TensorSpec((), tf.int32)),
    "generator-structure": lambda tf: _generator(
        tf, [({"a": 1.5}, "x"), ({"a": 2.5}, b"y")], ({"a": tf.TensorSpec((), tf.float64)}, tf.TensorSpec((), tf.string))
    ),
    "generator-shapes": lambda tf: _generator(tf, [[1], [1, 2], []], tf.TensorSpec((None,), tf.int32)),
    "generator-types": lambda tf: tf.data.Dataset.from_generator(lambda: [(1, [2.0]), (2, [3.0, 4.0])], (tf.int64, tf.float32)),
    "generator-types-shapes": lambda tf: tf.data.Dataset.from_generator(
        lambda: [(1, [2.0]), (2, [3.0, 4.0])], (tf.int64, tf.float32), (tf.TensorShape([]), tf.TensorShape([None]))
    ),
    "generator-tensors": lambda tf: _generator(tf, [tf.constant(1), np.int32(2)], tf.TensorSpec((), tf.int32)),
    "generator-casts": lambda tf: _generator(tf, [1, 2.5], tf.TensorSpec((), tf.int64)),
    "generator-arguments": _generator_with_arguments,
    "generator-wrong-shape": lambda tf: _generator(tf, [[1, 2], [1, 2, 3]], tf.TensorSpec((2,), tf.int32)),
    "generator-wrong-structure": lambda tf: _generator(tf, [(1, 2), 3], (tf.TensorSpec((), tf.int32), tf.TensorSpec((), tf.int32))),
    "generator-wrong-kind": lambda tf: _generator(tf, [1, "x"], tf.TensorSpec((), tf.int32)),
    "generator-value-error": lambda tf: _raising(tf, ValueError),
    "generator-type-error": lambda tf: _raising(tf, TypeError),
    "generator-runtime-error": lambda tf: _raising(tf, RuntimeError),
    "generator-key-error": lambda tf: _raising(tf, KeyError),
    "generator-no-callable": lambda tf: tf.data.Dataset.from_generator([1], output_signature=tf.TensorSpec((), tf.int32)),
    "generator-no-signature": lambda tf: tf.data.Dataset.from_generator(lambda: [1]),
    "generator-both": lambda tf: tf.data.Dataset.from_generator(lambda: [1], tf.int32, output_signature=tf.TensorSpec([], "int32")),
    "map": lambda tf: tf.data.Dataset.range(4).map(lambda x: x * 2),
    "map-several": lambda tf: tf.data.Dataset.from_tensor_slices((ROWS, list("abcdef"))).map(
        lambda x, y: {"s": tf.reduce_sum(x), "t": tf.strings.join([y, "!"])}
    ),
    "map-dict": lambda tf: tf.data.Dataset.from_tensor_slices({"a": [1, 2], "b": [3, 4]}).map(lambda d: d["a"] + d["b"]),
    "map-list": lambda tf: tf.data.Dataset.range(3).map(lambda x: [x, x + 1]),
    "map-none": lambda tf: tf.data.Dataset.range(2).map(lambda x: (x, None)),
    "map-named": lambda tf: tf.data.Dataset.range(2).map(lambda x: Point(x, x + 1)).map(lambda p: p.x + p.y),
    "map-constant": lambda tf: tf.data.Dataset.range(3).map(lambda x: 7),
    "map-python-if": lambda tf: tf.data.Dataset.range(4).map(_absolute),
    "map-ragged-result": lambda tf: tf.data.Dataset.range(3).map(lambda x: tf.range(x * 1)),
    "map-parallel": lambda tf: tf.data.Dataset.range(20).map(lambda x: x * x, num_parallel_calls=3),
    "map-autotune": lambda tf: tf.data.Dataset.range(20).map(lambda x: x * x, num_parallel_calls=tf.data.AUTOTUNE),
    "map-error": lambda tf: tf.data.Dataset.range(5).map(lambda x: tf.debugging.check_numerics(1 / (3 - x), "")),
    "map-wrong-count": lambda tf: tf.data.Dataset.range(5).map(lambda x, y: x),
    "map-py-function": lambda tf: tf.data.Dataset.range(3).map(lambda x: tf.numpy_function(lambda a: a + 1, [x], tf.int64)),
    "map-batch": lambda tf: tf.data.Dataset.from_tensor_slices(ROWS).map(lambda x: (x * 2, tf.reduce_sum(x))).batch(4),
    "batch": lambda tf: tf.data.Dataset.range(10).batch(4),
    "batch-drop": lambda tf: tf.data.Dataset.range(10).batch(4, drop_remainder=True),
    "batch-of-batches": lambda tf: tf.data.Dataset.range(10).batch(2).batch(3, drop_remainder=True),
    "batch-strings": lambda tf: tf.data.Dataset.from_tensor_slices(list("abc")).batch(2),
    "batch-infinite": lambda tf: tf.data.Dataset.range(3).repeat().batch(4),
    "batch-0": lambda tf: tf.data.Dataset.range(10).batch(0),
    "batch-float": lambda tf: tf.data.Dataset.range(10).batch(2.5),
    "batch-shapes": lambda tf: _generator(tf, [[1], [1, 2]], tf.TensorSpec((None,), tf.int32)).batch(2),
    "batch-none": lambda tf: tf.data.Dataset.from_tensors((1, None)).repeat(3).batch(2),
    "unbatch": lambda tf: tf.data.Dataset.range(10).batch(4).unbatch(),
    "unbatch-structure": lambda tf: tf.data.Dataset.from_tensors((ROWS, list("abcdef"))).unbatch(),
    "unbatch-scalars": lambda tf: tf.data.Dataset.range(3).unbatch(),
    "shuffle-sorted": lambda tf: sorted(tf.data.Dataset.range(50).shuffle(10, seed=3).as_numpy_iterator()),
    "shuffle-1": lambda tf: tf.data.Dataset.range(5).shuffle(1),
    "shuffle-0": lambda tf: tf.data.Dataset.range(5).shuffle(0),
    "repeat": lambda tf: tf.data.Dataset.range(3).repeat(2),
    "repeat-0": lambda tf: tf.data.Dataset.range(3).repeat(0),
    "repeat-endless": lambda tf: tf.data.Dataset.range(3).repeat(),
    "repeat-empty": lambda tf: tf.data.Dataset.range(0).repeat(),
    "repeat-batch": lambda tf: tf.data.Dataset.from_tensor_slices(ROWS).repeat(2).batch(5),
    "take": lambda tf: tf.data.Dataset.range(5).take(2),
    "take-all": lambda tf: tf.data.Dataset.range(5).take(-1),
    "take-more": lambda tf: tf.data.Dataset.range(5).take(9),
    "skip": lambda tf: tf.data.Dataset.range(5).skip(2),
    "skip-all": lambda tf: tf.data.Dataset.range(5).skip(-1),
    "skip-more": lambda tf: tf.data.Dataset.range(5).skip(9),
    "filter": lambda tf: tf.data.Dataset.range(10).filter(lambda x: x % 3 == 0),
    "filter-no-bool": lambda tf: tf.data.Dataset.range(10).filter(lambda x: x),
    "zip": lambda tf: tf.data.Dataset.zip((tf.data.Dataset.range(3), tf.data.Dataset.range(5).map(str_of(tf)))),
    "zip-positions": lambda tf: tf.data.Dataset.zip(tf.data.Dataset.range(3), tf.data.Dataset.range(4).repeat()),
    "zip-dict": lambda tf: tf.data.Dataset.zip({"b": tf.data.Dataset.range(3), "a": (tf.data.Dataset.range(2),)}),
    "zip-list": lambda tf: tf.data.Dataset.zip([tf.data.Dataset.range(3)]),
    "zip-no-dataset": lambda tf: tf.data.Dataset.zip((1, 2)),
    "zip-batch": lambda tf: tf.data.Dataset.zip((tf.data.Dataset.range(5), tf.data.Dataset.range(3))).batch(2),
    "concatenate": lambda tf: tf.data.Dataset.range(3).concatenate(tf.data.Dataset.range(8, 10)),
    "concatenate-shapes": lambda tf: tf.data.Dataset.from_tensors([1, 2]).concatenate(tf.data.Dataset.from_tensors([1])),
    "concatenate-types": lambda tf: tf.data.Dataset.range(3).concatenate(tf.data.Dataset.from_tensors("x")),
    "prefetch": lambda tf: tf.data.Dataset.range(5).prefetch(2),
    "prefetch-autotune": lambda tf: tf.data.Dataset.range(30).prefetch(tf.data.AUTOTUNE),
    "prefetch-negative": lambda tf: tf.data.Dataset.range(5).prefetch(-5),
    "enumerate": lambda tf: tf.data.Dataset.from_tensor_slices(list("ab")).enumerate(start=5),
    "flat-map": lambda tf: tf.data.Dataset.range(4).flat_map(lambda x: tf.data.Dataset.range(x).map(lambda y: x * 10 + y)),
    "flat-map-slices": lambda tf: tf.data.Dataset.from_tensor_slices(ROWS).flat_map(tf.data.Dataset.from_tensor_slices),
    "flat-map-many-rows": lambda tf: tf.data.Dataset.range(1).map(lambda _: tf.range(9000, dtype=tf.int64)).flat_map(
        lambda rows: tf.data.Dataset.from_tensor_slices(tf.reshape(rows, [300, 30]))
    ),
    "flat-map-many-floats": lambda tf: tf.data.Dataset.range(1).flat_map(
        lambda x: tf.data.Dataset.from_tensor_slices(tf.ones([9000]) * tf.cast(x + 2, tf.float32))
    ),
    "flat-map-several": lambda tf: tf.data.Dataset.from_tensor_slices((ROWS, list("abcdef"))).flat_map(
        lambda x, s: tf.data.Dataset.from_tensors(s).repeat(2).batch(1)
    ),
    "cache": _two_passes,
    "shard": lambda tf: tf.data.Dataset.range(10).shard(3, 1),
    "shard-wrong": lambda tf: tf.data.Dataset.range(10).shard(3, 3),
    "reduce": lambda tf: tf.data.Dataset.range(5).reduce(np.int64(0), lambda s, x: s + x),
    "reduce-structure": lambda tf: tf.data.Dataset.range(5).reduce((0, 1.0), lambda s, x: (s[0] + 1, s[1] * 2.0)),
    "reduce-growing": lambda tf: tf.data.Dataset.range(3).reduce(
        np.zeros(0, np.int64), lambda s, x: tf.concat([s, [x]], 0)
    ),
    "reduce-wrong-type": lambda tf: tf.data.Dataset.range(5).reduce(0, lambda s, x: 1.5),
    "scan": lambda tf: tf.data.Dataset.range(5).scan(np.int64(1), lambda s, x: (s * 2, s + x)),
    "scan-wrong": lambda tf: tf.data.Dataset.range(5).scan(np.int64(1), lambda s, x: s),
    "take-while": lambda tf: tf.data.Dataset.range(9).take_while(lambda x: x < 4),
    "counter": lambda tf: tf.data.Dataset.counter(3, 2).take(4),
    "apply": lambda tf: tf.data.Dataset.range(4).apply(lambda d: d.batch(2)),
    "apply-no-dataset": lambda tf: tf.data.Dataset.range(4).apply(lambda d: 3),
    "len": lambda tf: [len(tf.data.Dataset.range(7).batch(2)), bool(tf.data.Dataset.range(0))],
    "len-infinite": lambda tf: len(tf.data.Dataset.range(7).repeat()),
    "len-unknown": lambda tf: len(tf.data.Dataset.range(7).filter(lambda x: x > 1)),
    "options": _options,
    "option-unknown": lambda tf: setattr(tf.data.Options(), "no_such_option", 1),
    "iterator-in-function": _iterate_in_function,
    "iterator-past-the-end": _past_the_end,
    "iterator-optional": _optional_eagerly,
    "iterator-optionals": _optionals,
    "loop-in-function": _loop,
    "loop-over-iterator": _loop_over_iterator,
    "steps-per-execution": _steps,
    "made-in-function": _made_in_function,
    "reduce-in-function": _reduce_in_function,
}  # fmt: skip


def _absolute(x: Any) -> Any:
    if x > 2:
        return x * 100
    else:
        return -x


def str_of(tf: Any) -> Any:
    """tf.as_string, one argument."""
    return tf.strings.as_string
