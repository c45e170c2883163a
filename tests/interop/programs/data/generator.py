"""Sequences of different lengths from a Python generator: padded batches, buckets by length, and ragged batches."""

import numpy as np
import tensorflow as tf


def sentences():
    numbers = np.random.default_rng(3)
    for i in range(24):
        yield numbers.integers(1, 50, numbers.integers(1, 12)), i % 3


dataset = tf.data.Dataset.from_generator(
    sentences,
    output_signature=(tf.TensorSpec([None], tf.int64), tf.TensorSpec([], tf.int32)),
)
print("lengths =", [len(words) for words, _ in dataset.as_numpy_iterator()])

padded = dataset.padded_batch(4, padded_shapes=([None], []), padding_values=(np.int64(-1), 0))
print("padded =", [tuple(words.shape) for words, _ in padded])
print("first row =", next(iter(padded))[0][0].numpy().tolist())
fixed = dataset.padded_batch(5, padded_shapes=([12], []), drop_remainder=True)
print("fixed =", fixed.element_spec[0].shape, sum(1 for _ in fixed))

buckets = dataset.bucket_by_sequence_length(
    element_length_func=lambda words, label: tf.shape(words)[0],
    bucket_boundaries=[4, 8],
    bucket_batch_sizes=[4, 3, 2],
)
print("buckets =", [tuple(words.shape) for words, _ in buckets])
ragged = dataset.ragged_batch(6)
words, labels = next(iter(ragged))
print("ragged =", words.row_lengths().numpy().tolist(), labels.numpy().tolist())

groups = dataset.group_by_window(
    key_func=lambda words, label: tf.cast(label, tf.int64),
    reduce_func=lambda key, window: window.map(lambda words, label: tf.reduce_sum(words)).batch(4),
    window_size=4,
)
print("groups =", [batch.tolist() for batch in groups.as_numpy_iterator()])

lengths = dataset.map(lambda words, label: tf.size(words)).filter(lambda n: n > 5)
print("longer than five =", list(map(int, lengths)))
total = dataset.reduce(np.int64(0), lambda state, element: state + tf.reduce_sum(element[0]))
print("total =", int(total))
running = (
    dataset.map(lambda words, label: tf.size(words)).scan(0, lambda state, n: (state + n, state + n)).take_while(lambda n: n < 60)
)
print("running =", list(map(int, running)))

embedding = tf.random.stateless_normal([50, 4], seed=[1, 2])


@tf.function(input_signature=[tf.TensorSpec([None, None], tf.int64)])
def mean_embedding(words):
    mask = tf.cast(words >= 0, tf.float32)[..., tf.newaxis]
    vectors = tf.gather(embedding, tf.maximum(words, 0)) * mask
    return tf.reduce_sum(vectors, axis=1) / tf.reduce_sum(mask, axis=1)


means = [mean_embedding(words) for words, _ in padded]
print("first mean =", [round(float(v), 6) for v in means[0][0]])
