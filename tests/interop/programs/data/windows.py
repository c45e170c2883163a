"""Windows over a series: Dataset.window with flat_map, batches as windows, and overlapping features and labels."""

import numpy as np
import tensorflow as tf

series = tf.data.Dataset.range(20)

windows = series.window(5, shift=3, stride=1, drop_remainder=True)
print("windows =", next(next(iter(window.as_numpy_iterator())) for window in windows), sum(1 for _ in windows))
flat = windows.flat_map(lambda window: window.batch(5, drop_remainder=True))
print("flat =", [batch.tolist() for batch in flat.as_numpy_iterator()])
pairs = flat.map(lambda window: (window[:-1], window[-1:]))
print("pairs =", [(x.tolist(), y.tolist()) for x, y in pairs.take(2).as_numpy_iterator()])
dilated = series.window(3, shift=6, stride=2, drop_remainder=False).flat_map(lambda window: window.batch(3))
print("dilated =", [batch.tolist() for batch in dilated.as_numpy_iterator()])

batches = series.batch(10, drop_remainder=True)
features = batches.map(lambda batch: batch[:-4])
labels = batches.skip(1).map(lambda batch: batch[:4])
print("ahead =", [(x.tolist()[-1], y.tolist()) for x, y in tf.data.Dataset.zip((features, labels)).as_numpy_iterator()])

tables = tf.data.Dataset.from_tensor_slices({"a": np.arange(8), "b": np.arange(8.0) / 4})
columns = tables.window(4, drop_remainder=True)
sub = columns.flat_map(lambda window: tf.data.Dataset.zip((window["a"].batch(4), window["b"].batch(4))))
print("columns =", [(a.tolist(), b.tolist()) for a, b in sub.as_numpy_iterator()])

signal = np.sin(np.arange(200) * 0.3).astype("float32")
dataset = (
    tf.data.Dataset.from_tensor_slices(signal)
    .window(9, shift=1, drop_remainder=True)
    .flat_map(lambda window: window.batch(9))
    .map(lambda window: (window[:-1], window[-1]))
    .batch(16)
    .cache()
    .prefetch(tf.data.AUTOTUNE)
)
weights = tf.Variable(tf.zeros([8, 1]))
bias = tf.Variable(0.0)


@tf.function
def step(x, y):
    with tf.GradientTape() as tape:
        prediction = (x @ weights)[:, 0] + bias
        loss = tf.reduce_mean(tf.square(prediction - y))
    for variable, gradient in zip([weights, bias], tape.gradient(loss, [weights, bias])):
        variable.assign_sub(0.05 * gradient)
    return loss


losses = [[float(step(x, y)) for x, y in dataset] for _ in range(3)]
print("batches =", len(losses[0]))
print(f"first loss = {losses[0][0]:.6f}")
print(f"last loss = {losses[-1][-1]:.6f}")
