"""Logs for TensorBoard: the callback under fit, tf.summary in a loop, and the events read back as TFRecords."""

import pathlib

import numpy as np
import tensorflow as tf
from tensorflow import keras

x = np.random.default_rng(0).normal(size=(96, 4)).astype("float32")
y = x.sum(axis=1, keepdims=True)
model = keras.Sequential(
    [keras.Input((4,)), keras.layers.Dense(6, activation="relu", name="hidden"), keras.layers.Dense(1, name="out")]
)
model.compile(keras.optimizers.SGD(0.05), "mse", metrics=["mae"])
board = keras.callbacks.TensorBoard("logs/fit", histogram_freq=1, write_graph=True, update_freq="epoch", profile_batch=0)
history = model.fit(x, y, epochs=3, batch_size=32, validation_data=(x[:32], y[:32]), callbacks=[board], shuffle=False, verbose=0)
print(f"first epoch = {history.history['loss'][0]:.6f}")

writer = tf.summary.create_file_writer("logs/loop")
with writer.as_default():
    for step in range(4):
        tf.summary.scalar("rate", 0.1 / (step + 1), step=step)
        tf.summary.histogram("weights", model.get_layer("hidden").kernel, step=step, buckets=10)
    tf.summary.image("noise", np.random.default_rng(1).uniform(size=(2, 8, 8, 1)), step=0, max_outputs=1)
    tf.summary.text("note", "**done**", step=3)


@tf.function
def traced(step):
    with writer.as_default(step=step):
        return tf.summary.scalar("inside", tf.cast(step, tf.float32) ** 2)


for step in tf.range(3, dtype=tf.int64):
    wrote = traced(step)
print("wrote =", bool(wrote))
writer.close()


def tags(folder):
    """How often each tag stands in the event files below a folder."""
    counts = {}
    for file in sorted(pathlib.Path(folder).rglob("events.out.tfevents.*")):
        for record in tf.data.TFRecordDataset(str(file)):
            event = tf.compat.v1.Event.FromString(record.numpy())
            for value in event.summary.value:
                counts[value.tag] = counts.get(value.tag, 0) + 1
    return dict(sorted(counts.items()))


for folder in ("logs/fit/train", "logs/fit/validation", "logs/loop"):
    print(folder, "=", tags(folder))
print("folders =", sorted(path.name for path in pathlib.Path("logs/fit").iterdir()))
