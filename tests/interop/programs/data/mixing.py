"""Pipelines joined and kept: zip, concatenate, weighted mixing, caching, iterators in functions, and positions in checkpoints."""

import numpy as np
import tensorflow as tf

numbers = tf.data.Dataset.range(10)
squares = numbers.map(lambda x: x * x, num_parallel_calls=2)
print("zip =", [(int(a), int(b)) for a, b in tf.data.Dataset.zip(numbers, squares).skip(7)])
print("concatenate =", [int(x) for x in numbers.take(2).concatenate(squares.take(3))])
print(
    "cardinality =",
    int(numbers.batch(3).cardinality()),
    int(numbers.repeat().cardinality()),
    int(numbers.filter(lambda x: x > 2).cardinality()),
)
print("length =", len(numbers.batch(3, drop_remainder=True)))

chosen = tf.data.Dataset.choose_from_datasets(
    [tf.data.Dataset.from_tensors(word).repeat() for word in ("a", "b", "c")],
    tf.data.Dataset.from_tensor_slices(np.int64([0, 1, 2, 2, 0, 1])),
)
print("chosen =", [word.decode() for word in chosen.as_numpy_iterator()])
mixed = tf.data.Dataset.sample_from_datasets(
    [tf.data.Dataset.from_tensors(0).repeat(), tf.data.Dataset.from_tensors(1).repeat()], weights=[0.25, 0.75], seed=7
)
share = np.mean([int(x) for x in mixed.take(400)])
print("share is right =", 0.65 < share < 0.85)
print("unique =", [int(x) for x in numbers.map(lambda x: x % 3).unique()])
print("enumerate =", [(int(i), int(x)) for i, x in squares.enumerate(start=5).take(2)])
print("unbatch =", [int(x) for x in numbers.batch(4).map(lambda x: x[::-1]).unbatch()])
print("rebatch =", [len(x) for x in numbers.batch(4).rebatch(3).as_numpy_iterator()])
print("flat =", [int(x) for x in numbers.take(3).flat_map(lambda x: tf.data.Dataset.range(x + 1))])

calls = []


def slow(x):
    calls.append(int(x))
    return np.int64(x + 100)


cached = numbers.take(4).map(lambda x: tf.ensure_shape(tf.numpy_function(slow, [x], tf.int64), [])).cache()
twice = [[int(x) for x in cached] for _ in range(2)]
print("cached =", twice[0] == twice[1], len(calls))
kept = numbers.take(5).cache("kept")
print("kept =", [int(x) for x in kept], [int(x) for x in kept])
numbers.map(lambda x: {"x": x, "half": tf.cast(x, tf.float32) / 2}).save("saved")
print("saved =", [round(float(row["half"]), 1) for row in tf.data.Dataset.load("saved").take(3)])


@tf.function
def total(dataset):
    result = tf.constant(0, tf.int64)
    for x in dataset:
        if x % 2 == 0:
            result += x
    return result


@tf.function
def two_more(iterator):
    return next(iterator) + next(iterator)


print("in a function =", int(total(numbers)))
iterator = iter(numbers)
print("two by two =", int(two_more(iterator)), int(two_more(iterator)))
checkpoint = tf.train.Checkpoint(iterator=iterator, step=tf.Variable(4))
path = checkpoint.save("position/at")
print("goes on =", [int(next(iterator)) for _ in range(3)])
checkpoint.restore(path)
print("again =", [int(next(iterator)) for _ in range(3)])
try:
    for _ in range(10):
        next(iterator)
except StopIteration:
    print("end =", True)
optional = iter(numbers.take(1)).get_next_as_optional()
print("optional =", bool(optional.has_value()), int(optional.get_value()))
print("single =", int(numbers.skip(9).get_single_element()))

try:
    list(numbers.map(lambda x: tf.debugging.check_numerics(tf.math.log(3.0 - tf.cast(x, tf.float32)), "of three")))
except tf.errors.InvalidArgumentError as error:
    print("error =", type(error).__name__, "of three" in str(error))
options = tf.data.Options()
options.deterministic = True
options.threading.private_threadpool_size = 2
print("options =", [int(x) for x in numbers.with_options(options).map(lambda x: -x, num_parallel_calls=4).take(4)])
