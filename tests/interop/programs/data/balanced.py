"""Making classes even: rejection_resample, one dataset a class, and counters kept by a dataset's own state."""

import numpy as np
import tensorflow as tf

generator = np.random.default_rng(9)
labels = (generator.uniform(size=2000) < 0.1).astype("int32")
values = (labels * 3 + generator.normal(size=2000)).astype("float32")
dataset = tf.data.Dataset.from_tensor_slices((values, labels))


def share(data, count=600):
    found = [int(label) for _, label in data.take(count)]
    return sum(found) / len(found)


print("share at first =", round(share(dataset, 2000), 4))
classes = [dataset.filter(lambda _, label, k=k: label == k).repeat() for k in (0, 1)]
even = tf.data.Dataset.sample_from_datasets(classes, [0.5, 0.5], seed=3)
print("even =", 0.42 < share(even) < 0.58)
resampled = dataset.repeat().rejection_resample(lambda _, label: label, target_dist=[0.5, 0.5], initial_dist=[0.9, 0.1], seed=4)
resampled = resampled.map(lambda extra, element: element)
print("resampled =", 0.4 < share(resampled) < 0.6)


counts = dataset.reduce(tf.zeros([2], tf.int32), lambda counts, element: tf.tensor_scatter_nd_add(counts, [[element[1]]], [1]))
print("counts =", counts.numpy().tolist())
sums = dataset.reduce(np.zeros(2, "float32"), lambda sums, element: sums + element[0] * tf.one_hot(element[1], 2))
print("means =", [round(float(v), 3) for v in sums / tf.cast(counts, tf.float32)])

weights = tf.gather(tf.constant([1.0, 9.0]), labels)
slope, shift = tf.Variable(0.0), tf.Variable(0.0)


@tf.function
def step():
    with tf.GradientTape() as tape:
        losses = tf.nn.sigmoid_cross_entropy_with_logits(tf.cast(labels, tf.float32), slope * values + shift)
        loss = tf.reduce_sum(losses * weights) / tf.reduce_sum(weights)
    for variable, gradient in zip((slope, shift), tape.gradient(loss, (slope, shift))):
        variable.assign_sub(gradient)
    return loss


losses = [float(step()) for _ in range(30)]
print(f"first loss = {losses[0]:.6f}")
print(f"last loss = {losses[-1]:.6f}")
