"""Losses and metrics of one's own: functions, classes with state, sample weights, and losses added by hand."""

import numpy as np
import tensorflow as tf
from tensorflow import keras


def pseudo_huber(y_true, y_pred):
    return tf.reduce_mean(tf.sqrt(1.0 + tf.square(y_true - y_pred)) - 1.0, axis=-1)


class Quantile(keras.losses.Loss):
    """The pinball loss of a quantile."""

    def __init__(self, quantile=0.5, name="quantile", **options):
        super().__init__(name=name, **options)
        self.quantile = quantile

    def call(self, y_true, y_pred):
        difference = y_true - y_pred
        return tf.reduce_mean(tf.maximum(self.quantile * difference, (self.quantile - 1.0) * difference), axis=-1)

    def get_config(self):
        return {**super().get_config(), "quantile": self.quantile}


class Coverage(keras.metrics.Metric):
    """The share of targets below the prediction."""

    def __init__(self, name="coverage", **options):
        super().__init__(name=name, **options)
        self.below = self.add_weight(name="below", initializer="zeros")
        self.count = self.add_weight(name="count", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        below = tf.cast(y_true <= y_pred, tf.float32)
        if sample_weight is not None:
            below *= tf.reshape(tf.cast(sample_weight, tf.float32), [-1, 1])
        self.below.assign_add(tf.reduce_sum(below))
        self.count.assign_add(tf.cast(tf.size(below), tf.float32))

    def result(self):
        return self.below / tf.maximum(self.count, 1.0)


generator = np.random.default_rng(9)
x = generator.uniform(-1, 1, (400, 1)).astype("float32")
y = (2 * x + generator.exponential(0.5, x.shape)).astype("float32")

for quantile in (0.1, 0.9):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, kernel_initializer="ones")])
    model.compile(optimizer=keras.optimizers.SGD(0.3), loss=Quantile(quantile), metrics=[Coverage(), "mae"])
    first = model.evaluate(x, y, verbose=0, return_dict=True)
    print(f"first loss at {quantile} = {first['loss']:.6f}")
    print(f"first coverage at {quantile} = {first['coverage']:.6f}")
    history = model.fit(x, y, batch_size=80, epochs=10, verbose=0, shuffle=False)
    print(f"coverage at {quantile} ~ {history.history['coverage'][-1]:.4f}")

model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, kernel_initializer="ones")])
model.compile(optimizer="sgd", loss=pseudo_huber, metrics=[keras.metrics.RootMeanSquaredError()])
weights = np.linspace(0, 1, 400).astype("float32")
print(f"first weighted = {model.train_on_batch(x, y, sample_weight=weights)[0]:.6f}")
loss = keras.losses.deserialize(keras.losses.serialize(keras.losses.Huber(delta=0.5)))
print(f"first huber = {float(loss(y, x)):.6f}")
print("reductions =", [tuple(keras.losses.MeanSquaredError(reduction=r)(y, x).shape) for r in (None, "sum", "sum_over_batch_size")])
mean = keras.metrics.Mean()
for value in (1.0, 2.0, 6.0):
    mean.update_state(value)
print("mean =", float(mean.result()))
mean.reset_state()
print("after reset =", float(mean.result()))
confusion = keras.metrics.MeanIoU(num_classes=3)
confusion.update_state([0, 1, 2, 2], [0, 2, 2, 1])
print(f"mean iou = {float(confusion.result()):.5f}")
